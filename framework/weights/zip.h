#pragma once
// Internal: zip archives that lie in memory, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. An archive is
//   for each entry: local header, data | the directory: a record for each entry | end record
// libdeflate inflates and sums. The directory is read here: libraries for archives do not show where a stored entry
// lies, and whoever finds that out beside them reads every archive twice, in two ways that a hostile one can tell
// apart.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"

namespace upconv::internal {

struct ZipEntry {
  std::string_view name;
  bool is_deflated = false;
  uint32_t crc = 0;
  uint64_t offset = 0;              // of its local header
  std::span<const std::byte> data;  // as it lies in the archive
  uint64_t size = 0;                // of what is in it
};

class ZipArchive {
 public:
  /// Reads the directory and the local headers and touches no data. `file` stands for the file in messages, `owner`
  /// keeps the bytes alive. Throws Error unless both agree, no two entries share a byte or a name, and all can be read.
  ZipArchive(std::span<const std::byte> bytes, const std::string& file, std::shared_ptr<const void> owner);

  /// In the order of the directory.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Of the whole archive, in bytes.
  size_t size() const { return size_; }
  /// nullptr where there is none.
  const ZipEntry* find(std::string_view name) const;
  /// What is in an entry, where it lies if it is stored. Throws Error where it is not what was put in.
  Bytes read(const ZipEntry& entry) const;

 private:
  size_t size_;
  std::string file_;
  std::shared_ptr<const void> owner_;
  std::vector<ZipEntry> entries_;
  std::map<std::string_view, size_t> index_;
};

/// Whether the bytes begin as a zip archive does; says nothing about the rest.
bool looks_like_zip(std::span<const std::byte> bytes);

}  // namespace upconv::internal
