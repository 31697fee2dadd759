#pragma once
// Internal: what a program's modules print, from the operations that they made.
#include <string>
#include <string_view>
#include <vector>

#include "program.h"

namespace upconv::internal {

/// What PyTorch prints between the parentheses of the module at `path`, before its children: "3, 8, kernel_size=(3, 3),
/// stride=(1, 1)". It is what the layer of this library prints that computes the same; "" of a module that is none of
/// PyTorch's layers, or whose operations are not those that its class says. Two numbers that are the same print as one
/// where a layer may have been given either.
std::string printed_arguments(const ExportedProgram& program, const std::string& path);

/// "torch.nn.modules.conv.Conv2d" as "Conv2d".
std::string class_of(const std::string& type_name);

/// The class of a module that nothing calls, of which an archive says no more than the names of its children: a list
/// where all are numbered.
std::string_view class_of_uncalled(const std::vector<std::string>& children);

/// A module of a program.
struct ExportedLayer {
  std::string path, type_name;  ///< "main.3", "ConvTranspose2d"
  std::string arguments;        ///< printed_arguments
  std::vector<int> outputs;     ///< which values of it others read, or the program gives
};
/// All of them, each after those that it is within; the first is the network itself, "".
std::vector<ExportedLayer> exported_layers(const ExportedProgram& program);

/// "(s77, 3, 2*s53, 2*s0)"
std::string written(const std::vector<ExportedSize>& sizes);
/// "2*s53"
std::string written(const ExportedSize& size);

}  // namespace upconv::internal
