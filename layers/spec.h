#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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
/// 1 MiB, 2048 modules, nested 100 deep, with names of 255 bytes.
[[nodiscard]] std::shared_ptr<Module> parse_module(std::string_view spec);

/// An argument that a text left out and that PyTorch never prints, where another value could give another result: what
/// was printed may have had it. A text that names the argument, or gives it by its position, leaves nothing to assume.
struct Assumption {
  std::string path;       ///< of the layer: "main.3", or "" for a layer alone
  std::string type_name;  ///< its class: "Upsample"
  std::string layer;      ///< as it prints: "Upsample(scale_factor=2.0, mode='bilinear')"
  std::string argument;   ///< "align_corners"
  std::string taken;      ///< its value in Python's words, PyTorch's default: "False"
  std::string otherwise;  ///< what it may have been: "True", or "a number"
};

/// A text that was parsed.
struct Spec {
  std::shared_ptr<Module> module;       ///< as parse_module returns it
  std::vector<Assumption> assumptions;  ///< in the order of the text
};

/// parse_module, and what the text leaves open. docs/layers.md lists the arguments.
[[nodiscard]] Spec parse_spec(std::string_view spec);

}  // namespace upconv
