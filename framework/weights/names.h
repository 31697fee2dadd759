#pragma once
// Internal: what LoadOptions make of the names in a file.
#include <string>
#include <string_view>
#include <vector>

#include "state_dict.h"

namespace upconv::internal {

/// Whether `pattern` is all of `text`: `*` is any text, `?` any character.
bool is_match(std::string_view pattern, std::string_view text);

/// Whether `pattern` names `name`, or one of the modules around it.
bool is_match_or_below(const std::string& pattern, std::string_view name);

/// The tensors of `weights` under the names that the options give them, in the same order. `file` stands for the file
/// in messages.
StateDict renamed(StateDict weights, const LoadOptions& options, const std::string& file);

/// Whether `type` is one of the classes with which PyTorch wraps a module, DataParallel and its like, and `child` the
/// name under which it has that: a component more in the names of all that is in it.
bool is_wrapper(std::string_view type, std::string_view child);

/// A module in such a wrapper.
struct Wrapped {
  std::string path;     ///< "net.module" for the module of the DataParallel "net"
  std::string wrapper;  ///< the wrapper's class
};

/// A name of a module without the components that `wrapped` add, outer ones first.
std::string unwrapped(std::string name, const std::vector<Wrapped>& wrapped);

/// Those of `wrapped` that were not there when a file was saved: with them left out it has all of `names`. None where
/// it has them as they are, and where it has them in two ways. Wrappers of one class are all there or all absent.
std::vector<Wrapped> absent_wrappers(const StateDict& weights, const std::vector<std::string>& names,
                                     const std::vector<Wrapped>& wrapped);

/// For a message about missing names: which option would make them of the names in `weights`, or "" where none would.
std::string naming_advice(const StateDict& weights, const std::vector<std::string>& missing);

}  // namespace upconv::internal
