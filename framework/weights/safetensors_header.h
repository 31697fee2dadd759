#pragma once
// Internal: the header of a safetensors file, https://github.com/huggingface/safetensors#format. A file is
//   u64 N | N bytes of JSON, {"NAME": {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}, ...} | the data.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../tensor.h"

namespace upconv::internal {

inline constexpr size_t header_length_bytes = sizeof(uint64_t);
inline constexpr std::string_view metadata_key = "__metadata__";

/// One tensor as the header describes it.
struct SafetensorsTensor {
  std::string name;
  std::optional<DType> dtype;
  std::optional<Shape> shape;
  std::optional<std::vector<uint64_t>> offsets;
  std::string_view foreign;  // the type that is not read; dtype is any then
  uint64_t bits = 0;         // of an element

  std::string_view type() const { return foreign.empty() ? upconv::name(*dtype) : foreign; }
  uint64_t begin() const { return (*offsets)[0]; }
  uint64_t end() const { return (*offsets)[1]; }
};

/// What it says, proven but for the places of tensors among the data.
struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;
  std::map<std::string, std::string> metadata;
  size_t bytes = 0;  // of the length and the text
};

/// Throws Error, called `file`, at the first thing that does not fit.
SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes, const std::string& file);

/// "F32", ...
std::string_view safetensors_name(DType type);

}  // namespace upconv::internal
