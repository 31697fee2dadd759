#include "framework/weights/bytes.h"

#include <bit>
#include <nlohmann/json.hpp>

#include "framework/fail.h"

namespace upconv::internal {

static_assert(std::endian::native == std::endian::little, "numbers and elements are read in place");

Bytes own(std::vector<std::byte> bytes) {
  const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return {*owner, owner};
}

uint64_t most_memory(size_t size) { return (uint64_t{16} << 20) + 16 * uint64_t{size}; }

std::vector<std::byte> swapped(std::span<const std::byte> data, size_t element) {
  std::vector<std::byte> out(data.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = data[i / element * element + (element - 1 - i % element)];
  return out;
}

std::vector<std::byte> gathered(const std::byte* first, const Shape& shape, std::span<const size_t> strides,
                                size_t element) {
  std::vector<std::byte> out(static_cast<size_t>(numel(shape)) * element);
  std::vector<int64_t> index(shape.size(), 0);
  const std::byte* from = first;
  for (size_t to = 0; to < out.size(); to += element) {
    std::memcpy(out.data() + to, from, element);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) {
        from += strides[d];
        break;
      }
      from -= strides[d] * static_cast<size_t>(shape[d] - 1);
      index[d] = 0;
    }
  }
  return out;
}

std::vector<std::byte> from_fortran_order(std::span<const std::byte> data, const Shape& shape, size_t element) {
  std::vector<size_t> strides;
  size_t stride = element;
  for (const int64_t size : shape) {
    strides.push_back(stride);
    stride *= static_cast<size_t>(size);
  }
  return gathered(data.data(), shape, strides, element);
}

std::vector<std::byte> latin1(std::string_view text, size_t size) {
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  for (size_t i = 0; i < text.size() && bytes.size() < size; ++i) {
    auto code = static_cast<uint8_t>(text[i]);
    if (code >= 0x80) {  // 110000xx 10xxxxxx
      if ((code & 0xfc) != 0xc0 || i + 1 == text.size()) break;
      const auto next = static_cast<uint8_t>(text[++i]);
      if ((next & 0xc0) != 0x80) break;
      code = static_cast<uint8_t>((code & 3) << 6 | (next & 0x3f));
    }
    bytes.push_back(std::byte{code});
  }
  return bytes;
}

std::string shown(std::string_view text) {
  constexpr size_t longest_count = 100;
  if (text.size() <= longest_count) return fmt::format("{:?}", text);
  return fmt::format("{:?}...", text.substr(0, longest_count));
}

std::string printable(std::string_view name) {
  const std::string escaped = fmt::format("{:?}", name);
  return escaped.size() == name.size() + 2 ? std::string(name) : escaped;
}

bool is_utf8(std::string_view text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace upconv::internal
