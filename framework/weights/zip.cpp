#include "framework/weights/zip.h"

#include <libdeflate.h>

#include <algorithm>
#include <new>
#include <optional>

#include "framework/fail.h"

namespace upconv::internal {
namespace {

constexpr std::string_view local_magic = "PK\x03\x04";
constexpr std::string_view record_magic = "PK\x01\x02";
constexpr std::string_view end_magic = "PK\x05\x06";
constexpr std::string_view end64_magic = "PK\x06\x06";
constexpr std::string_view locator_magic = "PK\x06\x07";
constexpr size_t local_bytes = 30, record_bytes = 46, end_bytes = 22, end64_bytes = 56, locator_bytes = 20;
constexpr size_t longest_comment = UINT16_MAX;
constexpr uint16_t stored = 0, deflated = 8;
constexpr uint16_t encrypted_flags = 1 | 1 << 6 | 1 << 13;
constexpr uint16_t sizes_follow_flag = 1 << 3;  // they stand behind the data, and perhaps not in the local header
constexpr uint16_t wide_id = 1;                 // of the extra field with 64-bit numbers

bool has_at(std::span<const std::byte> bytes, size_t offset, std::string_view magic) {
  return offset <= bytes.size() && text_of(bytes.subspan(offset)).starts_with(magic);
}

/// Where the directory lies, and how many entries it should have.
struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t count = 0;
};

size_t end_position(std::span<const std::byte> bytes, const std::string& file) {
  for (size_t comment = 0; comment <= longest_comment && end_bytes + comment <= bytes.size(); ++comment) {
    const size_t at = bytes.size() - end_bytes - comment;
    if (has_at(bytes, at, end_magic) && number_at<uint16_t>(bytes, at + 20) == comment) return at;
  }
  fail("{}: a zip archive without end record: it is cut short, or something follows it", file);
}

/// Checks the end record for archives beyond 4 GB, which must stand right before its locator, and takes its numbers.
/// Returns where it begins.
size_t read_end64(std::span<const std::byte> bytes, size_t locator, Directory& directory, const std::string& file) {
  const auto at = number_at<uint64_t>(bytes, locator + 8);
  if (locator < end64_bytes || at > locator - end64_bytes || !has_at(bytes, at, end64_magic))
    fail("{}: no zip64 end record at byte {}, where its locator has it", file, at);
  if (number_at<uint64_t>(bytes, at + 4) != locator - at - 12)
    fail("{}: the zip64 end record has {} bytes, it states {} more than 12", file, locator - at,
         number_at<uint64_t>(bytes, at + 4));
  const Directory wide = {number_at<uint64_t>(bytes, at + 48), number_at<uint64_t>(bytes, at + 40),
                          number_at<uint64_t>(bytes, at + 32)};
  const auto agree = [](uint64_t narrow, uint64_t number, uint64_t most) { return narrow == number || narrow == most; };
  if (!agree(directory.offset, wide.offset, UINT32_MAX) || !agree(directory.size, wide.size, UINT32_MAX) ||
      !agree(directory.count, wide.count, UINT16_MAX))
    fail("{}: the end record and the zip64 end record disagree", file);
  const bool parts = number_at<uint32_t>(bytes, locator + 4) != 0 || number_at<uint32_t>(bytes, locator + 16) > 1 ||
                     number_at<uint64_t>(bytes, at + 16) != 0 || number_at<uint64_t>(bytes, at + 24) != wide.count;
  if (parts) fail("{}: expected an archive in one part, the zip64 end record tells of several", file);
  directory = wide;
  return at;
}

Directory find_directory(std::span<const std::byte> bytes, const std::string& file) {
  size_t end = end_position(bytes, file);
  if (number_at<uint32_t>(bytes, end + 4) != 0 ||
      number_at<uint16_t>(bytes, end + 8) != number_at<uint16_t>(bytes, end + 10))
    fail("{}: expected an archive in one part, got one of several", file);
  Directory directory = {number_at<uint32_t>(bytes, end + 16), number_at<uint32_t>(bytes, end + 12),
                         number_at<uint16_t>(bytes, end + 10)};
  if (end >= locator_bytes && has_at(bytes, end - locator_bytes, locator_magic))
    end = read_end64(bytes, end - locator_bytes, directory, file);
  if (directory.offset > end || directory.size != end - directory.offset)
    fail(
        "{}: expected the directory to end at byte {}, got {} bytes from byte {}: something stands before the archive "
        "or in it",
        file, end, directory.size, directory.offset);
  return directory;
}

/// Replaces what does not fit 32 bits by the numbers in the extra field for that. False where they are not there.
bool widen(std::span<const std::byte> extra, std::initializer_list<uint64_t*> numbers) {
  std::span<const std::byte> wide;
  while (extra.size() >= 4 && wide.empty()) {
    const size_t size = number_at<uint16_t>(extra, 2);
    if (size > extra.size() - 4) break;
    if (number_at<uint16_t>(extra, 0) == wide_id) wide = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
  }
  for (uint64_t* number : numbers) {
    if (*number != UINT32_MAX) continue;
    if (wide.size() < sizeof(uint64_t)) return false;
    *number = number_at<uint64_t>(wide, 0);
    wide = wide.subspan(sizeof(uint64_t));
  }
  return true;
}

void check_name(std::string_view name, const std::string& file) {
  bool leaves = name.empty() || name.front() == '/' || name.find('\\') != name.npos || name.find('\0') != name.npos;
  for (size_t begin = 0; begin <= name.size() && !leaves;) {
    const size_t end = std::min(name.find('/', begin), name.size());
    leaves = name.substr(begin, end - begin) == "..";
    begin = end + 1;
  }
  if (leaves) fail("{}: entry {}: its name leads out of the archive", file, shown(name));
}

/// A record of the directory.
struct Record {
  std::string_view name;
  uint16_t flags, method;
  uint32_t crc;
  uint64_t packed_size, size, offset;
};

/// Takes the next record off `directory`.
Record read_record(std::span<const std::byte>& directory, size_t count, const std::string& file) {
  if (directory.size() < record_bytes || !has_at(directory, 0, record_magic))
    fail("{}: expected a record of the directory after {}, got something else", file, count);
  const size_t name_size = number_at<uint16_t>(directory, 28), extra_size = number_at<uint16_t>(directory, 30);
  const size_t whole = record_bytes + name_size + extra_size + number_at<uint16_t>(directory, 32);
  if (whole > directory.size()) fail("{}: the directory is cut short in record {}", file, count);
  Record record = {text_of(directory.subspan(record_bytes, name_size)),
                   number_at<uint16_t>(directory, 8),
                   number_at<uint16_t>(directory, 10),
                   number_at<uint32_t>(directory, 16),
                   number_at<uint32_t>(directory, 20),
                   number_at<uint32_t>(directory, 24),
                   number_at<uint32_t>(directory, 42)};
  const auto extra = directory.subspan(record_bytes + name_size, extra_size);
  if (!widen(extra, {&record.size, &record.packed_size, &record.offset}))
    fail("{}: entry {}: its zip64 sizes are missing", file, shown(record.name));
  directory = directory.subspan(whole);
  return record;
}

void check_record(const Record& record, const std::string& file) {
  check_name(record.name, file);
  if (record.flags & encrypted_flags) fail("{}: entry {}: is encrypted", file, shown(record.name));
  if (record.method != stored && record.method != deflated)
    fail("{}: entry {}: expected stored or deflated data, got compression method {}", file, shown(record.name),
         record.method);
  if (record.method == stored && record.packed_size != record.size)
    fail("{}: entry {}: stored as {} bytes, of which {} are there", file, shown(record.name), record.size,
         record.packed_size);
}

/// Follows a record to its local header and data. `bytes` end where the directory begins.
ZipEntry read_local(std::span<const std::byte> bytes, const Record& record, const std::string& file) {
  const std::string where = fmt::format("{}: entry {}", file, shown(record.name));
  if (bytes.size() < local_bytes || record.offset > bytes.size() - local_bytes)
    fail("{}: begins at byte {}, past the {} that are there", where, record.offset, bytes.size());
  const auto local = bytes.subspan(record.offset);
  if (!has_at(local, 0, local_magic)) fail("{}: no local header at byte {}", where, record.offset);
  const size_t name_size = number_at<uint16_t>(local, 26), extra_size = number_at<uint16_t>(local, 28);
  const size_t header = local_bytes + name_size + extra_size;
  if (header > local.size() || record.packed_size > local.size() - header)
    fail("{}: expected {} bytes of data, the archive ends before", where, record.packed_size);
  const std::string_view name = text_of(local.subspan(local_bytes, name_size));
  if (name != record.name) fail("{}: its local header names it {}", where, shown(name));

  const auto flags = number_at<uint16_t>(local, 6);
  uint64_t crc = number_at<uint32_t>(local, 14), packed_size = number_at<uint32_t>(local, 18);
  uint64_t size = number_at<uint32_t>(local, 22);
  widen(local.subspan(local_bytes + name_size, extra_size), {&size, &packed_size});
  const auto agree = [&](uint64_t here, uint64_t there) {
    return here == there || (here == 0 && (flags & sizes_follow_flag) != 0);
  };
  if (number_at<uint16_t>(local, 8) != record.method || (flags & encrypted_flags) != 0 || !agree(crc, record.crc) ||
      !agree(packed_size, record.packed_size) || !agree(size, record.size))
    fail("{}: its local header and the directory disagree", where);
  return {record.name, record.method == deflated, record.crc, record.offset, local.subspan(header, record.packed_size),
          record.size};
}

/// From the first local header on, each entry must begin where or after the one before it ends.
void check_overlaps(const std::vector<ZipEntry>& entries, const std::byte* archive, const std::string& file) {
  std::vector<const ZipEntry*> sorted;
  for (const ZipEntry& entry : entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
  uint64_t end = 0;
  for (const ZipEntry* entry : sorted) {
    if (entry->offset < end) fail("{}: entry {}: overlaps another", file, shown(entry->name));
    end = static_cast<uint64_t>(entry->data.data() - archive) + entry->data.size();
  }
}

void check_inflated_size(const std::vector<ZipEntry>& entries, size_t archive_size, const std::string& file) {
  uint64_t room = most_memory(archive_size);
  for (const ZipEntry& entry : entries) {
    if (!entry.is_deflated) continue;
    if (entry.size > room)
      fail("{}: entry {}: inflates to {} bytes, more than an archive of {} should", file, shown(entry.name), entry.size,
           archive_size);
    room -= entry.size;
  }
}

std::vector<std::byte> inflate(const ZipEntry& entry, const std::string& where) {
  struct Free {
    void operator()(libdeflate_decompressor* decompressor) const { libdeflate_free_decompressor(decompressor); }
  };
  const std::unique_ptr<libdeflate_decompressor, Free> decompressor(libdeflate_alloc_decompressor());
  if (!decompressor) throw std::bad_alloc();
  std::vector<std::byte> out(entry.size);
  size_t taken = 0, given = 0;
  const libdeflate_result result = libdeflate_deflate_decompress_ex(
      decompressor.get(), entry.data.data(), entry.data.size(), out.data(), out.size(), &taken, &given);
  if (result == LIBDEFLATE_BAD_DATA) fail("{}: its deflated data is damaged", where);
  if (result != LIBDEFLATE_SUCCESS || taken != entry.data.size() || given != out.size())
    fail("{}: its deflated data are not the {} bytes that the directory states", where, out.size());
  return out;
}

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> bytes, const std::string& file, std::shared_ptr<const void> owner)
    : size_(bytes.size()), file_(file), owner_(std::move(owner)) {
  const Directory directory = find_directory(bytes, file);
  const auto before = bytes.first(directory.offset);
  auto records = bytes.subspan(directory.offset, directory.size);
  while (!records.empty()) {
    const Record record = read_record(records, entries_.size(), file);
    check_record(record, file);
    if (!index_.try_emplace(record.name, entries_.size()).second)
      fail("{}: entry {}: occurs twice", file, shown(record.name));
    entries_.push_back(read_local(before, record, file));
  }
  if (entries_.size() != directory.count)
    fail("{}: the end record counts {} entries, the directory has {}", file, directory.count, entries_.size());
  check_overlaps(entries_, bytes.data(), file);
  check_inflated_size(entries_, bytes.size(), file);
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto position = index_.find(name);
  return position == index_.end() ? nullptr : &entries_[position->second];
}

Bytes ZipArchive::read(const ZipEntry& entry) const {
  const std::string where = fmt::format("{}: entry {}", file_, shown(entry.name));
  const Bytes content = entry.is_deflated ? own(inflate(entry, where)) : Bytes{entry.data, owner_};
  // Stored and zero is what torch.save leaves where torch.serialization.set_crc32_options(False) told it to sum
  // nothing.
  if (entry.crc == 0 && !entry.is_deflated) return content;
  const uint32_t crc = libdeflate_crc32(0, content.span.data(), content.span.size());
  if (crc != entry.crc)
    fail("{}: expected CRC {:08x}, got {:08x}: its bytes are not those that were saved", where, entry.crc, crc);
  return content;
}

bool looks_like_zip(std::span<const std::byte> bytes) {
  return has_at(bytes, 0, local_magic) || has_at(bytes, 0, end_magic);
}

}  // namespace upconv::internal
