#include "datasets/tar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"

namespace upconv::datasets {

using internal::fail;

namespace {

constexpr size_t block = 512;

/// A header's fields, each of characters.
struct Header {
  std::array<char, 100> name;
  std::array<char, 8> mode, owner, group;
  std::array<char, 12> size, time;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 8> magic;  // "ustar", and the version "00"; GNU tar's own has two spaces
  std::array<char, 32> owner_name, group_name;
  std::array<char, 8> major, minor;
  std::array<char, 155> prefix;
  std::array<char, 12> padding;
};
static_assert(sizeof(Header) == block);

constexpr size_t padded(size_t size) { return (size + block - 1) / block * block; }

/// Octal digits and a zero.
template <size_t size>
void put_octal(std::array<char, size>& field, uint64_t number) {
  fmt::format_to_n(field.data(), size, "{:0{}o}", number, size - 1);
  field.back() = '\0';
}

template <size_t size>
std::string_view text_of(const std::array<char, size>& field) {
  return {field.data(), static_cast<size_t>(std::find(field.begin(), field.end(), '\0') - field.begin())};
}

/// Octal digits, which may have spaces around them; nothing where it is none.
template <size_t size>
std::optional<uint64_t> octal(const std::array<char, size>& field) {
  std::string_view text = text_of(field);
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 8);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

/// The sum of a header's bytes, its own field being spaces.
uint32_t checksum(Header header) {
  header.checksum.fill(' ');
  uint32_t sum = 0;
  for (const std::byte byte : std::as_bytes(std::span(&header, 1))) sum += std::to_integer<uint32_t>(byte);
  return sum;
}

Header header_at(std::span<const std::byte> archive, size_t at) {
  Header header;
  std::memcpy(&header, archive.data() + at, block);
  return header;
}

bool is_end(const Header& header) {
  const auto bytes = std::as_bytes(std::span(&header, 1));
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

/// The path among pax's records, which are "LENGTH KEY=VALUE\n"; "" where there is none.
std::string pax_path(std::string_view records) {
  while (!records.empty()) {
    size_t length = 0;
    const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
    const size_t digits = static_cast<size_t>(end - records.data());
    if (error != std::errc{} || length <= digits + 1 || length > records.size()) return "";
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (record.starts_with("path=")) return std::string(record.substr(5));
    records.remove_prefix(length);
  }
  return "";
}

}  // namespace

size_t begin_member(std::string& archive, std::string_view name) {
  Header header = {};
  if (name.size() > header.name.size()) fail("tar: the name {} has more than 100 bytes", internal::shown(name));
  std::copy(name.begin(), name.end(), header.name.begin());
  put_octal(header.mode, 0644);
  put_octal(header.owner, 0);
  put_octal(header.group, 0);
  put_octal(header.time, 0);
  header.type = '0';
  std::memcpy(header.magic.data(), "ustar\00000", header.magic.size());
  put_octal(header.major, 0);
  put_octal(header.minor, 0);
  archive.append(reinterpret_cast<const char*>(&header), block);
  return archive.size() - block;
}

void end_member(std::string& archive, size_t at) {
  Header header = header_at(std::as_bytes(std::span(archive)), at);
  const size_t size = archive.size() - at - block;
  if (size >> 33) fail("tar: {} has {} bytes, which USTAR cannot say", internal::shown(text_of(header.name)), size);
  put_octal(header.size, size);
  fmt::format_to_n(header.checksum.data(), header.checksum.size(), "{:06o}", checksum(header));
  header.checksum[6] = '\0';
  header.checksum[7] = ' ';
  std::memcpy(archive.data() + at, &header, block);
  archive.resize(padded(archive.size()));
}

void append_member(std::string& archive, std::string_view name, std::string_view content) {
  append_member(archive, name, [&](std::string& to) { to += content; });
}

std::string_view end_of_archive() {
  static constexpr std::array<char, 2 * block> zeros = {};
  return {zeros.data(), zeros.size()};
}

TarReader::TarReader(std::span<const std::byte> archive, std::string name)
    : archive_(archive), name_(std::move(name)) {}

/// The bytes of the member whose header was read; the next header is behind them.
std::span<const std::byte> TarReader::content(size_t size) {
  if (size > archive_.size() - at_) fail("{}: this tar ends within a member", name_);
  const auto bytes = archive_.subspan(at_, size);
  at_ = std::min(archive_.size(), at_ + padded(size));
  return bytes;
}

std::optional<Member> TarReader::next() {
  std::string long_name;
  while (archive_.size() - at_ >= block) {
    const Header header = header_at(archive_, at_);
    if (is_end(header)) return {};
    const auto sum = octal(header.checksum), size = octal(header.size);
    if (!sum || *sum != checksum(header) || !size)
      fail("{}: expected a member of a tar at byte {}, got something else", name_, at_);
    at_ += block;
    const std::span<const std::byte> bytes = content(*size);
    if (header.type == 'L' || header.type == 'x') {  // the name of the next one: GNU's way and pax's
      const std::string_view text = internal::text_of(bytes);
      if (const std::string path = header.type == 'x' ? pax_path(text) : std::string(text.substr(0, text.find('\0')));
          !path.empty())
        long_name = path;
      continue;
    }
    const bool is_file = header.type == '0' || header.type == '\0' || header.type == '7';
    std::string name(text_of(header.name));
    // GNU's own headers have times where POSIX's have the prefix.
    if (const auto prefix = text_of(header.prefix); !prefix.empty() && header.magic[5] == '\0')
      name = fmt::format("{}/{}", prefix, name);
    if (!long_name.empty()) name = std::exchange(long_name, "");
    if (is_file) return Member{std::move(name), bytes};
  }
  if (at_ < archive_.size()) fail("{}: this tar ends within a header", name_);
  return {};
}

std::optional<Member> last_member(std::span<const std::byte> archive) {
  const size_t end = end_of_archive().size();
  if (archive.size() % block != 0 || archive.size() < end + block) return {};
  if (!is_end(header_at(archive, archive.size() - block)) || !is_end(header_at(archive, archive.size() - end)))
    return {};
  for (size_t at = archive.size() - end; at >= block;) {
    at -= block;
    const Header header = header_at(archive, at);
    const auto sum = octal(header.checksum), size = octal(header.size);
    if (header.type != '0' || !text_of(header.magic).starts_with("ustar") || !sum || *sum != checksum(header)) continue;
    if (!size || at + block + padded(*size) + end != archive.size()) return {};
    return Member{std::string(text_of(header.name)), archive.subspan(at + block, *size)};
  }
  return {};
}

}  // namespace upconv::datasets
