#pragma once
// The safetensors format, https://huggingface.co/docs/safetensors. A file is
//   u64 little-endian N | N bytes of JSON | the tensors' bytes, one after the other.
#include <filesystem>
#include <optional>

#include "state_dict.h"

namespace upconv {

/// How save_safetensors writes.
struct SaveOptions {
  /// What floating-point tensors are saved as, a floating-point type; as they are where it is not given. Rounds to
  /// nearest, ties to even. Integers, such as num_batches_tracked, are always saved as they are.
  std::optional<DType> dtype = {};
};

/// Writes names, values and metadata in the order of `weights`. The file appears under its name only when it is
/// complete and on disk, so that a failure leaves what was there before, and tensors that are mapped from it stay
/// readable. Throws Error, naming the tensor, where a finite number is beyond the range of `dtype`.
void save_safetensors(const std::filesystem::path& path, const StateDict& weights, const SaveOptions& options = {});

}  // namespace upconv
