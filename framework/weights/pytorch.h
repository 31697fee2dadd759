#pragma once
// Internal: what torch.save writes, https://pytorch.org/docs/stable/notes/serialization.html. Since 1.6 a file is a zip
// archive,
//   NAME/data.pkl (a pickle) | NAME/byteorder | NAME/data/KEY, one for each storage
// and before it was
//   five pickles: a magic number, 1001, system, object, keys | for each key: u64 count | elements
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "state_dict.h"
#include "zip.h"

namespace upconv::internal {

/// Reads an archive that torch.save wrote. Tensors are views of what is stored contiguously, in the order of bytes that
/// this machine has; others are gathered. Dictionaries in dictionaries become one, with dots between the names, lists
/// count; what is no tensor is left out. Throws Error naming file, tensor, expected and got.
StateDict read_pytorch_zip(const ZipArchive& archive, const std::string& name);

/// The same of a file in the form of before 1.6. `owner` keeps the bytes alive.
StateDict read_pytorch_legacy(std::span<const std::byte> bytes, const std::string& name,
                              std::shared_ptr<const void> owner);

/// What the entry byteorder, beside the others, says; false where there is none.
bool is_big_endian(const ZipArchive& archive, const std::string& prefix, const std::string& file);

/// Whether an archive holds what torch.save puts in one; says nothing about the rest.
bool looks_like_pytorch(const ZipArchive& archive);

/// Whether the bytes begin as a file of before 1.6; says nothing about the rest.
bool looks_like_pytorch_legacy(std::span<const std::byte> bytes);

}  // namespace upconv::internal
