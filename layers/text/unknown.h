#pragma once
// Internal: what to say of the name of a module that no layer has.
#include <string>
#include <string_view>

namespace upconv::internal {

/// Whether torch.nn has a module of this name that computes, and upconv has none.
bool is_only_pytorchs(std::string_view name);

/// What follows "unknown layer "name"": that PyTorch has it, or else the layer that was meant, or else all there are.
std::string about_unknown(std::string_view name);

/// "; did you mean X?" where `name` is a misspelt layer's, "" where it is a word of its own.
std::string meant_layer(std::string_view name);

}  // namespace upconv::internal
