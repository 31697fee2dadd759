#pragma once
// The networks that commands are about: examples, which have a name, and what a text describes.
#include <upconv/upconv.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/options.h"

namespace upconv::tools {

struct Model {
  std::shared_ptr<AnyModule> module;
  std::string weights;                       ///< the file that is shipped with an example; "" for any other network
  std::vector<Type> inputs = {};             ///< that an example usually has, for one picture: {1, 100, 1, 1}
  std::vector<Assumption> assumptions = {};  ///< what its text leaves open; none of an example
  std::string archive = "";                  ///< the .pt2 that it is, with weights; "" of any other network

  /// What it takes and gives, where it is a .pt2; else nullptr.
  const Exported* exported() const { return dynamic_cast<const Exported*>(module.get()); }
  /// The file of weights that is meant: the given one, that which it is, or the shipped one; "" where there is none.
  std::string file(const WeightsOptions& options) const;
  /// Loads the file, or the shipped weights where it is ""; without either, and where the weights are its own, the
  /// module stays as it is.
  void load(const WeightsOptions& options) const;
  /// Inputs of these shapes, or its own where there are none. Throws where `--input` is missing or too often.
  std::vector<Type> types(const std::vector<Shape>& shapes) const;
};

/// A network that gives pictures: of latents, and of labels where it takes them, or of other pictures.
struct Generator {
  Model model;
  std::vector<Type> inputs;                            ///< of one picture: {1, 100, 1, 1}
  int64_t most = std::numeric_limits<int64_t>::max();  ///< how many pictures a call may have
  bool is_fixed = false;                               ///< whether it must have as many as that
  std::pair<double, double> range = {-1, 1};           ///< the numbers of its pictures, those that it takes too
};

/// The example of that name, or the .pt2: one that takes pictures, or one that takes latents. Throws Error, listing the
/// names, where there is none, or what it takes or gives is none of this. Sizes of pictures that a .pt2 leaves open are
/// 0.
Generator find_generator(const std::string& name, const ExportedOptions& exported, bool of_pictures = false);

/// The example of that name, the .pt2, or the module that the text describes. Throws Error that says what would have
/// been right.
Model find_network(const std::string& spec, const ExportedOptions& exported);

/// As what `load_exported` gives takes and gives it: int32 as int64, booleans as float32.
DType computed(DType dtype);

/// Throws Error where a parameter still has the values that it began with, whose pictures are noise.
void check_weights(const AnyModule& module);

/// Numbers for the parameters that have none: small ones, as DCGAN's are before training, so that nothing overflows.
void randomize(const AnyModule& module, Random& random);

/// The first Embedding, or nullptr: where there is one, it is what reads the network's int64 input.
const Embedding* find_embedding(const AnyModule& module);

}  // namespace upconv::tools
