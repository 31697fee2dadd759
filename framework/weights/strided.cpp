#include "framework/weights/strided.h"

#include <algorithm>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

template <class... Args>
[[noreturn]] void refuse(const std::string& file, std::string_view name, fmt::format_string<Args...> format,
                         Args&&... args) {
  fail("{}: tensor {}: {}", file, shown(name), fmt::format(format, std::forward<Args>(args)...));
}

/// Proves that the shape has less than 2^63 bytes and that each element lies within `count` elements.
void check_bounds(uint64_t offset, const Shape& shape, const Shape& strides, uint64_t count, const std::string& file,
                  std::string_view name) {
  uint64_t elements = 1, last = offset;
  bool is_empty = false, is_beyond = false;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) {
      is_empty = true;  // and go on: an overflow is one wherever the zero stands
      continue;
    }
    const auto size = static_cast<uint64_t>(shape[d]);
    if (__builtin_mul_overflow(elements, size, &elements) || elements > INT64_MAX / sizeof(int64_t))
      refuse(file, name, "shape {} has more than 2^63 - 1 bytes", str(shape));
    uint64_t reach = 0;
    is_beyond |= __builtin_mul_overflow(size - 1, static_cast<uint64_t>(strides[d]), &reach);
    is_beyond |= __builtin_add_overflow(last, reach, &last);
  }
  if (!is_empty && (is_beyond || last >= count))
    refuse(file, name, "shape {} with strides {} from element {} leaves its storage of {} elements", str(shape),
           str(strides), offset, count);
}

bool is_contiguous(const Shape& shape, const Shape& strides) {
  int64_t expected = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 0) return true;
    if (shape[d] != 1 && strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

}  // namespace

Stored strided(const Bytes& storage, DType type, uint64_t offset, Shape shape, const Shape& strides, uint64_t& room,
               const std::string& file, std::string_view name) {
  const size_t element = size_of(type);
  check_bounds(offset, shape, strides, storage.span.size() / element, file, name);
  const size_t size = static_cast<size_t>(numel(shape)) * element;
  const auto from = storage.span.subspan(size == 0 ? 0 : offset * element);
  if (is_contiguous(shape, strides)) return {type, std::move(shape), from.first(size), storage.owner};
  if (size > room)
    refuse(file, name,
           "shape {} with strides {} gathers {} bytes, more than a file of this size should; save it contiguous",
           str(shape), str(strides), size);
  room -= size;
  std::vector<size_t> steps;
  for (const int64_t stride : strides) steps.push_back(static_cast<size_t>(stride) * element);
  Bytes gathered_bytes = own(gathered(from.data(), shape, steps, element));
  return {type, std::move(shape), gathered_bytes.span, std::move(gathered_bytes.owner)};
}

}  // namespace upconv::internal
