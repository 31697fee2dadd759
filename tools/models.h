#pragma once
// The networks that commands are about: examples, which have a name, and what a text describes.
#include <upconv/upconv.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/options.h"

namespace upconv::tools {

struct Model {
  std::shared_ptr<AnyModule> module;
  std::string weights;                       ///< the file that is shipped with an example; "" for any other network
  std::vector<Type> inputs = {};             ///< that an example usually has, for one picture: {1, 100, 1, 1}
  std::vector<Assumption> assumptions = {};  ///< what its text leaves open; none of an example

  /// The file of weights that is meant: the given one, or the shipped one; "" where there is neither.
  std::string file(const WeightsOptions& options) const;
  /// Loads the file, or the shipped weights where it is ""; without either the module stays as it is.
  void load(const WeightsOptions& options) const;
  /// Inputs of these shapes, or an example's own where there are none. Throws where `--input` is missing or too often.
  std::vector<Type> types(const std::vector<Shape>& shapes) const;
};

/// An example that is a generator: one latent to pictures within [-1, 1]. Throws Error, listing the names, where there
/// is none.
Model find_generator(const std::string& name);

/// The example of that name, or the module that the text describes. Throws Error that says what would have been right.
Model find_network(const std::string& spec);

/// Throws Error where a parameter still has the values that it began with, whose pictures are noise.
void check_weights(const AnyModule& module);

/// The first Embedding, or nullptr: where there is one, it is what reads the network's int64 input.
const Embedding* find_embedding(const AnyModule& module);

}  // namespace upconv::tools
