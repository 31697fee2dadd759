#pragma once
// Internal: packed weights in files beside the weights. FILE.packed-avx2 holds, for AVX2, what `upconv pack` packed of
// FILE. An entry is used only where its key fits, which is made of all that the packed weights are made of: the bytes
// of the weights, what is folded into them, the way of packing. The whole file is used only by the version and the
// sources that wrote it, and only where its owner is the weights' owner or the process's user and nobody else may write
// it. What does not fit, or is damaged, is as good as absent.
//
//     file = header, entries[header.entries], the floats of each entry from a multiple of 64 on
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "../cpu.h"
#include "../forks.h"
#include "../packed.h"
#include "state_dict.h"
#include "temporary_file.h"

namespace upconv::internal {

/// What is packed of `weights` for `isa` is kept there.
std::filesystem::path packed_file(std::filesystem::path weights, Isa isa);
/// How such a file is written.
constexpr TemporaryFile::Options packed_file_options{.only_owner_writes = true};

/// A hash of so many bytes, by XXH3. Large ones are cut among the threads of `crew`; the hash depends on the bytes
/// alone.
uint64_t hash(std::span<const std::byte> bytes, const Crew& crew);
template <class T>
uint64_t hash(std::span<const T> elements, const Crew& crew) {
  return hash(std::as_bytes(elements), crew);
}

/// Of one file of weights: what was packed of them before, for every instruction set. Thread-safe; copes with any
/// bytes.
class PackedCache {
 public:
  /// Of the files beside `weights`, which are looked for when they are first asked for.
  static std::shared_ptr<PackedCache> beside(std::filesystem::path weights);
  /// One that finds nothing and keeps what is packed, to be saved.
  static std::shared_ptr<PackedCache> recorder();

  /// Everything that is packed of these values is looked for, and kept, in `packed`; nowhere where that is nullptr.
  static void look_in(StateDict& weights, const std::shared_ptr<PackedCache>& packed);
  /// `values`, packed from now on as those of the file that `like` is from.
  static Stored alike(Stored values, const Stored& like);
  /// Where that is for these values; nullptr where nowhere.
  static PackedCache* of(const Stored& values) { return values.packed_.get(); }

  /// Whether there is anything to ask for a key.
  bool wants(Isa isa);
  /// What was packed under `key`, if it has that many floats and they are as they were saved.
  std::optional<PackedFloats> find(Isa isa, uint64_t key, size_t floats, const Crew& crew);
  /// Remembers `packed`, in a recorder.
  void keep(Isa isa, uint64_t key, const PackedFloats& packed);

  /// How many are kept, and their bytes.
  size_t size() const;
  size_t bytes() const;
  /// Writes all that is kept for `isa`, and commits it.
  void save(Output& file, Isa isa, const Crew& crew) const;
  /// The same beside `weights`, in the place of what is there; returns the file.
  std::filesystem::path save(const std::filesystem::path& weights, Isa isa, const Crew& crew) const;

 private:
  struct Mapped;
  /// The valid file for `isa`, or nullptr.
  const Mapped* file(Isa isa);

  const bool records_;
  const std::filesystem::path weights_;
  mutable Mutex mutex_;  // guards what follows
  std::map<Isa, std::shared_ptr<const Mapped>> files_;
  std::map<Isa, std::map<uint64_t, PackedFloats>> kept_;

 public:
  PackedCache(bool records, std::filesystem::path weights) : records_(records), weights_(std::move(weights)) {}
};

}  // namespace upconv::internal
