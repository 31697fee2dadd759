#pragma once
// USTAR archives, IEEE Std 1003.1 "pax": each member is a header of 512 bytes, then its bytes, filled up to a multiple
// of 512; two blocks of zeros are the end.
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace upconv::datasets {

/// Appends a header that does not know yet how long its content is; gives where it stands, for end_member(), which is
/// called when the content stands behind it.
size_t begin_member(std::string& archive, std::string_view name);
void end_member(std::string& archive, size_t at);
/// Appends one member: a file that everybody may read, of nobody, of the year 1970, so that equal members are equal
/// bytes. Throws Error where the name is longer than 100 bytes, or there are more than 8 GiB - 1 of content.
void append_member(std::string& archive, std::string_view name, std::string_view content);
/// The same where `append(archive)` appends the content itself, which then is copied no second time.
template <std::invocable<std::string&> Append>
void append_member(std::string& archive, std::string_view name, const Append& append) {
  const size_t at = begin_member(archive, name);
  append(archive);
  end_member(archive, at);
}

/// What stands after the last member.
std::string_view end_of_archive();

struct Member {
  std::string name;
  std::span<const std::byte> content;
};

/// The files of an archive, one after another, as GNU tar, bsdtar and Python write them too: long names, prefixes and
/// pax's paths are understood, folders, links and the like left out.
class TarReader {
 public:
  /// `name` stands for the archive in messages. The bytes must stay where they are.
  TarReader(std::span<const std::byte> archive, std::string name);
  /// The next file, or nothing at the end. Throws Error where the archive is damaged or ends too soon.
  std::optional<Member> next();

 private:
  std::span<const std::byte> content(size_t size);

  std::span<const std::byte> archive_;
  std::string name_;
  size_t at_ = 0;
};

/// The last member of an archive that append_member() wrote, found from its end, which need not read the rest; nothing
/// where it is no such archive, or not whole.
std::optional<Member> last_member(std::span<const std::byte> archive);

}  // namespace upconv::datasets
