#pragma once
#include <memory>
#include <string_view>

#include "../framework/module.h"

namespace upconv {

/// The module that `spec` describes, in the words in which PyTorch prints or makes one, on one line or many:
///
///     Sequential(
///       (0): ConvTranspose2d(100, 512, kernel_size=(4, 4), stride=(1, 1), bias=False)
///       (1): Tanh()
///     )
///     nn.Sequential(nn.ConvTranspose2d(100, 512, 4, bias=False), nn.Tanh())
///
/// Children may be named, `(up): ...`, and nested. A class that no layer has the name of and that prints exactly one
/// child, `Generator((main): Sequential(...))`, is taken to do what that child does, keeps its weights under the
/// child's name
/// ("main.0.weight") and prints as it was written. What the text does not say is as in PyTorch; parameters have no
/// values until they are loaded.
///
/// Throws Error that begins with line:column and says what would have been right. Safe for text from strangers: at most
/// 1 MiB, 2048 modules, nested 100 deep.
[[nodiscard]] std::shared_ptr<Module> parse_module(std::string_view spec);

}  // namespace upconv
