// Any bytes, as a tar: as they are, and with the sums of their headers put right, behind which the rest is read.
#include "datasets/tar.h"

#include <upconv/upconv.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using upconv::datasets::last_member;
using upconv::datasets::Member;
using upconv::datasets::TarReader;

/// A member lies within its archive, and all of it can be read.
void check(std::span<const std::byte> archive, const Member& member) {
  const auto within = [&](const std::byte* at) {
    return at >= archive.data() && at <= archive.data() + archive.size();
  };
  unsigned sum = 0;
  for (const std::byte byte : member.content) sum += std::to_integer<unsigned>(byte);
  if (!within(member.content.data()) || !within(member.content.data() + member.content.size())) std::abort();
  [[maybe_unused]] static volatile unsigned read;
  read = sum + static_cast<unsigned>(member.name.size());
}

void read(const std::string& bytes) {
  const auto archive = std::as_bytes(std::span(bytes));
  try {
    TarReader reader(archive, "fuzz");
    while (const std::optional<Member> member = reader.next()) check(archive, *member);
  } catch (const upconv::Error&) {
  }
  if (const std::optional<Member> last = last_member(archive)) check(archive, *last);
}

/// Every block that may be a header gets the sum that its bytes have, as tar writes it.
std::string with_sums(std::string archive) {
  constexpr size_t block = 512, at = 148, size = 8;
  for (size_t first = 0; first + block <= archive.size(); first += block) {
    if (archive.find_first_not_of('\0', first) >= first + block) continue;
    archive.replace(first + at, size, size, ' ');
    unsigned sum = 0;
    for (size_t i = first; i < first + block; ++i) sum += static_cast<unsigned char>(archive[i]);
    std::snprintf(archive.data() + first + at, size, "%06o", sum);
  }
  return archive;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  read(with_sums(bytes));
  return 0;
}
