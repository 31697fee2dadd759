#pragma once
/// \file
/// Everything that upconv offers. A network is a Module that is made of layers. Called with a Tensor, it is compiled
/// for that shape into a Program, which is run and kept for the next call; compile() gives a Program to run oneself.
///
/// Lifetimes. Tensor, Parameter, Module and Program are handles: copies share what they stand for, which lives as long
/// as the last of them. A Value belongs to the forward() that it was given or made in. A file of weights is mapped, not
/// read: it may be replaced or removed while a module that loaded it lives, and must not be shortened or written over.
/// Bytes of weights that lie in memory, as those that upconv_embed_weights compiles into a program do, are not copied
/// either and must stay where they are for as long. An Arena that Options name is kept by the programs that were
/// compiled with them; the tbb::task_arena behind it is the caller's to keep. A Workspace keeps what it needs of its
/// program.
///
/// Threads. Any number of them may run one Program at once, each with a Workspace of its own, or call one Module with
/// tensors, as long as none of them changes its parameters, children or options. A Parameter may be read while it is
/// set. Tensors are as std::vector is: read by many or written by one. A run is shared by the threads of
/// Options::arena, or by upconv's own where there is none.
///
/// Exceptions. What upconv refuses it refuses with an Error, whose text is made for people; where memory ends,
/// std::bad_alloc comes through, and what a forward() or an Arena of the caller's throws does too. What failed has
/// changed nothing: a module that could not load a file has the weights that it had. upconv prints nothing and ends no
/// process.
///
/// A Program is a snapshot: it has the shapes and types of its inputs, its options, instruction set and algorithms, and
/// the values that the parameters had when it was compiled. Whatever is set or loaded later it does not see; the next
/// call of the module does, and compiles again.
///
/// upconv is a static library: it is compiled by the compiler of the program that uses it and promises no binary
/// interface. UPCONV_VERSION and its parts say which one it is.
#include "framework/choices.h"
#include "framework/compile.h"
#include "framework/containers.h"
#include "framework/cpu.h"
#include "framework/error.h"
#include "framework/fingerprint.h"
#include "framework/graph.h"
#include "framework/image.h"
#include "framework/init.h"
#include "framework/module.h"
#include "framework/options.h"
#include "framework/parameter.h"
#include "framework/pointwise.h"
#include "framework/program.h"
#include "framework/random.h"
#include "framework/tensor.h"
#include "framework/version.h"
#include "framework/weights/npy.h"
#include "framework/weights/safetensors.h"
#include "framework/weights/state_dict.h"
#include "layers/activation.h"
#include "layers/attention.h"
#include "layers/concat.h"
#include "layers/conv1d.h"
#include "layers/conv2d.h"
#include "layers/conv_transpose1d.h"
#include "layers/conv_transpose2d.h"
#include "layers/einsum.h"
#include "layers/elementwise.h"
#include "layers/exported.h"
#include "layers/fold.h"
#include "layers/functional.h"
#include "layers/linear.h"
#include "layers/matmul.h"
#include "layers/norm.h"
#include "layers/pad.h"
#include "layers/permute.h"
#include "layers/pool.h"
#include "layers/reduce.h"
#include "layers/resample.h"
#include "layers/rms_norm.h"
#include "layers/shuffle.h"
#include "layers/softmax.h"
#include "layers/spec.h"
#include "layers/structure.h"

/// What upconv offers. What is in upconv::internal it does not offer: names there change without notice.
namespace upconv {}
