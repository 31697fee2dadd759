#pragma once
// Internal: what the pickles of PyTorch's files say of tensors, the same in both forms of file.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../fail.h"
#include "bytes.h"
#include "pickle.h"
#include "state_dict.h"

namespace upconv::internal {

/// The types of elements that are read, for messages.
inline constexpr std::string_view readable_types =
    "float64, float32, float16, bfloat16, float8, int64, int32, int16, int8, uint64, uint32, uint16, uint8, bool";
/// Of a dtype, "torch.float32"; nothing for one that is not read.
std::optional<DType> type_of_dtype(std::string_view name);

/// Elements that tensors look at.
struct Storage {
  std::string_view key;
  std::optional<DType> type;  // none: bytes, or elements of a type that is not read
  uint64_t count = 0;         // of elements
  Bytes data;                 // once it is read
  std::string foreign;        // the type that is not read
  size_t foreign_size = 1;    // of an element of it

  size_t element() const { return type ? size_of(*type) : foreign_size; }
  uint64_t size() const { return count * element(); }  // below 2^63
};

/// A part of one, which files of before 0.4 name for themselves.
struct StoragePart {
  size_t storage = 0;
  uint64_t first = 0;
  uint64_t count = 0;
};

/// The storages that the persistent ids of a pickle tell of.
class Storages {
 public:
  /// Throws Error for a persistent id that tells of anything else.
  Storages(const Pickle& pickle, const std::string& file);

  std::vector<Storage>& all() { return storages_; }
  const Storage& operator[](const StoragePart& part) const { return storages_[part.storage]; }
  Storage* find(std::string_view key);
  /// Of a persistent id; nullptr for every other value.
  const StoragePart* part(Pickle::Ref ref) const;

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: persistent id: {}", file_, fmt::format(format, std::forward<Args>(args)...));
  }
  void add(Pickle::Ref ref, const Pickle::PersistentId& id);
  Storage described(std::span<const Pickle::Ref> items) const;
  uint64_t count(Pickle::Ref ref) const;

  const Pickle& pickle_;
  const std::string& file_;
  std::vector<Storage> storages_;
  std::unordered_map<std::string_view, size_t> index_;
  std::unordered_map<Pickle::Ref, StoragePart> parts_;
};

/// The tensors in what was unpickled, each under its path of keys: those of dictionaries, lists and what derives from
/// them, and of modules, pickled whole or as TorchScript, as their state_dict() would name them. `storages` have their
/// data. Throws Error for what does not lie in its storage, and for what gathers or unfolds to more than a file of
/// `file_size` bytes should.
StateDict flatten(const Pickle& pickle, const Storages& storages, size_t file_size, const std::string& file);

}  // namespace upconv::internal
