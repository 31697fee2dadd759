#pragma once
// The safetensors format, https://huggingface.co/docs/safetensors. A file is
//   u64 little-endian N | N bytes of JSON | the tensors' bytes, one after the other.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "state_dict.h"

namespace upconv {

struct SafetensorsOptions {
  /// Tolerate bytes after the last tensor: some published files have them.
  bool lenient = false;
};

/// Whether the bytes begin as a safetensors file does, with a length that they have or with a brace in its place; says
/// nothing about the rest.
bool looks_like_safetensors(std::span<const std::byte> bytes);

/// Reads the header and makes views of the tensors; copies and touches no data. `name` stands for the file in messages,
/// `owner` keeps the bytes alive. Accepts what the format allows, within bounds that no generator comes near: a header
/// of 100,000,000 bytes, 100,000 tensors, 100,000 lines of metadata, rank 64.
StateDict read_safetensors(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
                           const SafetensorsOptions& options = {});

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
