#pragma once
// The networks that the program knows by name, with the weights that come with them.
#include <upconv/upconv.h>

#include <filesystem>
#include <memory>
#include <string>

namespace upconv::tools {

/// A generator: latents of `latent` numbers to pictures within [-1, 1].
struct Model {
  std::shared_ptr<Module> module;
  Shape latent;                   ///< of one picture: {100, 1, 1}
  std::filesystem::path weights;  ///< that are shipped
};

/// Throws Error, listing the names, where there is none.
Model find_model(const std::string& name);

}  // namespace upconv::tools
