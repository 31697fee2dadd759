#pragma once
// Internal: what the readers of all formats do with somebody's bytes.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../tensor.h"

namespace upconv::internal {

// Bounds of every format, which no generator comes near.
inline constexpr size_t max_rank = 64;
inline constexpr size_t max_tensors = 100'000;

/// Bytes, and what keeps them alive.
struct Bytes {
  std::span<const std::byte> span;
  std::shared_ptr<const void> owner;
};

/// Bytes that keep themselves alive.
Bytes own(std::vector<std::byte> bytes);

/// The number at `offset`, which lies within `bytes`; little-endian.
template <class T>
T number_at(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// How many bytes a file of `size` bytes may become where it is inflated, or its tensors are gathered: ordinary files
/// stay below their own size, a hostile one stops here.
uint64_t most_memory(size_t size);

/// The elements in the other byte order.
std::vector<std::byte> swapped(std::span<const std::byte> data, size_t element);

/// The bytes that `text`, in UTF-8, has as code points; fewer than `size` where it has others, or fewer.
std::vector<std::byte> latin1(std::string_view text, size_t size);

/// The elements in row-major order, of an array in Fortran's, whose first index runs fastest.
std::vector<std::byte> from_fortran_order(std::span<const std::byte> data, const Shape& shape, size_t element);

/// The elements in row-major order, of a view that begins at `first` and steps by `strides` bytes in each dimension.
std::vector<std::byte> gathered(const std::byte* first, const Shape& shape, std::span<const size_t> strides,
                                size_t element);

/// A text from a file as messages show it: escaped, and no longer than a line.
std::string shown(std::string_view text);

/// A name from a file as lists of names show it: as it is, unless something in it would move a terminal's cursor.
std::string printable(std::string_view name);

/// Whether a text can be shown and saved as a name.
bool is_utf8(std::string_view text);

}  // namespace upconv::internal
