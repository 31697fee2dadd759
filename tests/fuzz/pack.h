#pragma once
// Zip archives for the mutator: stored entries with right sums, so that what is in them is read.
#include <libdeflate.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace upconv::fuzz {

struct Entry {
  std::string name, content;
};

/// Little-endian numbers, one after another.
template <class... T>
void put(std::string& out, T... numbers) {
  (out.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
}

inline std::string zip_of(const std::vector<Entry>& entries) {
  constexpr uint16_t version = 20, stored = 0, none = 0;
  std::string out, directory;
  for (const Entry& entry : entries) {
    const uint32_t crc = libdeflate_crc32(0, entry.content.data(), entry.content.size());
    const auto size = static_cast<uint32_t>(entry.content.size());
    const auto name_size = static_cast<uint16_t>(entry.name.size());
    const auto offset = static_cast<uint32_t>(out.size());
    put(out, uint32_t{0x04034b50}, version, none, stored, none, none, crc, size, size, name_size, none);
    out += entry.name.substr(0, name_size) + entry.content;
    put(directory, uint32_t{0x02014b50}, version, version, none, stored, none, none, crc, size, size, name_size, none,
        none, none, none, uint32_t{0}, offset);
    directory += entry.name.substr(0, name_size);
  }
  const auto count = static_cast<uint16_t>(entries.size());
  const auto begin = static_cast<uint32_t>(out.size()), length = static_cast<uint32_t>(directory.size());
  out += directory;
  put(out, uint32_t{0x06054b50}, none, none, count, count, length, begin, none);
  return out;
}

}  // namespace upconv::fuzz
