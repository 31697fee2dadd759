#include "framework/weights/packed_cache.h"

#define XXH_INLINE_ALL
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "framework/fail.h"
#include "framework/parallel.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/temporary_file.h"
#include "packing_fingerprint.h"

namespace upconv::internal {
namespace {

constexpr size_t line = 64;
constexpr std::array<char, 8> magic = {'u', 'p', 'c', 'o', 'n', 'v', 'P', '\n'};

struct Header {
  std::array<char, 8> begin;
  uint64_t build;    ///< build()
  uint64_t entries;  ///< their number
  uint64_t hash;     ///< of the entries
};

struct Entry {
  uint64_t key;
  uint64_t offset;  ///< in the file, a multiple of 64
  uint64_t floats;
  uint64_t hash;  ///< of the floats
};

/// Of the version, and of the sources that decide what packed weights are: all of ours (cmake/fingerprint.cmake).
uint64_t build() { return XXH3_64bits(packing_fingerprint, sizeof packing_fingerprint); }

uint64_t hash_of(std::span<const Entry> entries) { return hash(entries, Crew(1, nullptr)); }

/// Whether it was written by oneself or by whom the weights are from, and nobody else can write to it: its hashes tell
/// damage, not who made it.
bool is_trusted(const MappedFile& file, const std::filesystem::path& weights) {
  if ((file.mode & (S_IWGRP | S_IWOTH)) != 0) return false;
  struct stat of_weights = {};
  return file.user == ::geteuid() || (::stat(weights.c_str(), &of_weights) == 0 && of_weights.st_uid == file.user);
}

}  // namespace

std::filesystem::path packed_file(std::filesystem::path weights, Isa isa) {
  return weights += fmt::format(".packed-{}", name(isa));
}

uint64_t hash(std::span<const std::byte> bytes, const Crew& crew) {
  constexpr size_t chunk = 256 << 10;  // read in some 30 us
  std::vector<uint64_t> hashes((bytes.size() + chunk - 1) / chunk);
  crew.share(static_cast<int64_t>(hashes.size()), [&](int64_t index, int) {
    const auto part = bytes.subspan(static_cast<size_t>(index) * chunk);
    hashes[static_cast<size_t>(index)] = XXH3_64bits(part.data(), std::min(part.size(), chunk));
  });
  return XXH3_64bits_withSeed(hashes.data(), hashes.size() * sizeof(uint64_t), bytes.size());
}

/// A valid file: every entry lies within it.
struct PackedCache::Mapped {
  MappedFile file;
  std::vector<Entry> entries;

  /// nullptr where there is none.
  static std::shared_ptr<const Mapped> open(const std::filesystem::path& weights, Isa isa) {
    try {
      MappedFile file = map_file(packed_file(weights, isa));
      return is_trusted(file, weights) ? parse(std::move(file)) : nullptr;
    } catch (const Error&) {
      return nullptr;
    }
  }

  static std::shared_ptr<const Mapped> parse(MappedFile file) {
    Header header;
    if (file.bytes.size() < sizeof header) return nullptr;
    std::memcpy(&header, file.bytes.data(), sizeof header);
    const std::span<const std::byte> rest = file.bytes.subspan(sizeof header);
    if (header.begin != magic || header.build != build() || header.entries > rest.size() / sizeof(Entry))
      return nullptr;
    std::vector<Entry> entries(header.entries);
    std::copy_n(rest.data(), entries.size() * sizeof(Entry), std::as_writable_bytes(std::span(entries)).data());
    if (hash_of(entries) != header.hash) return nullptr;
    for (const Entry& entry : entries)
      if (entry.offset % line != 0 || entry.offset > file.bytes.size() ||
          entry.floats > (file.bytes.size() - entry.offset) / sizeof(float))
        return nullptr;
    return std::make_shared<const Mapped>(std::move(file), std::move(entries));
  }
};

std::shared_ptr<PackedCache> PackedCache::beside(std::filesystem::path weights) {
  std::error_code unknown;  // the folder that the process is in may change, or be no more
  std::filesystem::path absolute = std::filesystem::absolute(weights, unknown);
  return std::make_shared<PackedCache>(false, unknown ? std::move(weights) : std::move(absolute));
}

std::shared_ptr<PackedCache> PackedCache::recorder() { return std::make_shared<PackedCache>(true, ""); }

void PackedCache::look_in(StateDict& weights, const std::shared_ptr<PackedCache>& packed) {
  for (auto& [name, value] : weights.entries_) value.packed_ = packed;
}

Stored PackedCache::alike(Stored values, const Stored& like) {
  values.packed_ = like.packed_;
  return values;
}

const PackedCache::Mapped* PackedCache::file(Isa isa) {
  const std::lock_guard lock(mutex_);
  if (mutex_.was_abandoned()) begin_anew(files_);
  const auto [place, is_new] = files_.try_emplace(isa);
  if (is_new) place->second = Mapped::open(weights_, isa);
  return place->second.get();
}

bool PackedCache::wants(Isa isa) { return records_ || file(isa) != nullptr; }

std::optional<PackedFloats> PackedCache::find(Isa isa, uint64_t key, size_t floats, const Crew& crew) {
  if (records_) {
    const std::lock_guard lock(mutex_);
    const auto& kept = kept_[isa];
    const auto found = kept.find(key);
    return found == kept.end() ? std::nullopt : std::optional(found->second);
  }
  const Mapped* mapped = file(isa);
  if (!mapped) return {};
  for (const Entry& entry : mapped->entries) {
    if (entry.key != key || entry.floats != floats) continue;
    const auto* begin = reinterpret_cast<const float*>(mapped->file.bytes.data() + entry.offset);
    const std::span<const float> found(begin, floats);
    if (hash(found, crew) == entry.hash) return PackedFloats{found, mapped->file.owner};
  }
  return {};
}

void PackedCache::keep(Isa isa, uint64_t key, const PackedFloats& packed) {
  if (!records_) return;
  const std::lock_guard lock(mutex_);
  kept_[isa].emplace(key, packed);
}

size_t PackedCache::size() const {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [isa, kept] : kept_) count += kept.size();
  return count;
}

size_t PackedCache::bytes() const {
  const std::lock_guard lock(mutex_);
  size_t sum = 0;
  for (const auto& [isa, kept] : kept_)
    for (const auto& [key, packed] : kept) sum += packed.span.size_bytes();
  return sum;
}

void PackedCache::save(Output& file, Isa isa, const Crew& crew) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(isa);
  if (found == kept_.end()) fail("nothing was packed for {}", name(isa));
  const std::map<uint64_t, PackedFloats>& kept = found->second;
  std::vector<Entry> entries;
  uint64_t end = sizeof(Header) + kept.size() * sizeof(Entry);
  for (const auto& [key, packed] : kept) {
    const uint64_t offset = (end + line - 1) / line * line;
    entries.push_back({key, offset, packed.span.size(), hash(packed.span, crew)});
    end = offset + packed.span.size_bytes();
  }
  const Header header{magic, build(), entries.size(), hash_of(entries)};
  uint64_t written = 0;
  const auto write = [&](const void* from, size_t size) {
    file.write(from, size);
    written += size;
  };
  write(&header, sizeof header);
  write(entries.data(), entries.size() * sizeof(Entry));
  auto entry = entries.begin();
  for (const auto& [key, packed] : kept) {
    static constexpr std::array<std::byte, line> padding = {};
    write(padding.data(), (entry++)->offset - written);
    write(packed.span.data(), packed.span.size_bytes());
  }
  file.commit();
}

std::filesystem::path PackedCache::save(const std::filesystem::path& weights, Isa isa, const Crew& crew) const {
  std::filesystem::path path = packed_file(weights, isa);
  TemporaryFile file(path, packed_file_options);
  save(file, isa, crew);
  return path;
}

}  // namespace upconv::internal
