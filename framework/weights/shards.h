#pragma once
// Internal: weights in several files, with an index beside them as Hugging Face writes it:
//   {"metadata": {...}, "weight_map": {"TENSOR": "model-00001-of-00002.safetensors", ...}}
#include <cstddef>
#include <filesystem>
#include <span>

#include "state_dict.h"

namespace upconv::internal {

/// Whether the bytes begin as a JSON object does, and are no safetensors file whose length begins with the same byte;
/// says nothing about the rest.
bool looks_like_shard_index(std::span<const std::byte> bytes);

/// The tensors that the index at `path` names, in its order, from files beside it, each mapped once; their names are as
/// they were saved. Throws Error where a file has not exactly the tensors that the index says, or is not in its folder.
StateDict read_shards(std::span<const std::byte> index, const std::filesystem::path& path, const LoadOptions& options);

}  // namespace upconv::internal
