#pragma once
// The networks that commands are about: examples, which have a name, and what a text describes.
#include <upconv/upconv.h>

#include <memory>
#include <string>

#include "tools/options.h"

namespace upconv::tools {

struct Model {
  std::shared_ptr<Module> module;
  std::string weights;  ///< the file that is shipped with an example; "" for any other network
  Shape usual_input;    ///< of an example, for one picture: {100, 1, 1}; empty for any other network

  /// The file of weights that is meant: the given one, or the shipped one; "" where there is neither.
  std::string file(const WeightsOptions& options) const;
  /// Loads the file, or the shipped weights where it is ""; without either the module stays as it is.
  void load(const WeightsOptions& options) const;
  /// The shape of an input: the given one, or that of one picture of an example. Throws CLI::ValidationError where
  /// there is neither.
  Shape input(const Shape& given) const;
};

/// The example of that name. Throws Error, listing the names, where there is none.
Model find_model(const std::string& name);

/// The example of that name, or the module that the text describes. Throws Error that says what would have been right.
Model find_network(const std::string& spec);

/// The first Embedding, or nullptr: where there is one, it is what reads the network's input, int64 indices.
const Embedding* find_embedding(const Module& module);

}  // namespace upconv::tools
