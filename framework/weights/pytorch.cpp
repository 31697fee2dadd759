#include "framework/weights/pytorch.h"

#include <algorithm>
#include <optional>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/pickle.h"
#include "framework/weights/pytorch_tensors.h"

namespace upconv::internal {
namespace {

// ---- Archives ----------------------------------------------------------------------------------------------------

constexpr std::string_view pickle_entry = "data.pkl";

bool is_pickle_entry(const ZipEntry& entry) { return entry.name == pickle_entry || entry.name.ends_with("/data.pkl"); }

/// NAME/ of all entries.
std::string prefix_of(const ZipArchive& archive, const std::string& file) {
  std::optional<std::string> prefix;
  for (const ZipEntry& entry : archive.entries()) {
    if (!is_pickle_entry(entry)) continue;
    if (prefix) fail("{}: expected one {} in the archive, got two", file, pickle_entry);
    prefix = entry.name.substr(0, entry.name.size() - pickle_entry.size());
  }
  return *prefix;
}

/// What a pickle says takes many times its bytes, so the deflated ones are held shorter than other entries.
Bytes read_pickle(const ZipArchive& archive, const ZipEntry& entry, const std::string& file) {
  if (entry.size > (uint64_t{1} << 20) + 16 * uint64_t{archive.size()})
    fail("{}: entry {}: a pickle of {} bytes, more than an archive of {} should have", file, shown(entry.name),
         entry.size, archive.size());
  return archive.read(entry);
}

Bytes storage_data(const ZipArchive& archive, const std::string& entry_name, const Storage& storage, bool big_endian,
                   const std::string& file) {
  const ZipEntry* entry = archive.find(entry_name);
  if (entry == nullptr) fail("{}: there is no entry {} in the archive", file, shown(entry_name));
  if (entry->size != storage.size()) {
    fail("{}: entry {}: expected {} elements of {} bytes, got {} bytes", file, shown(entry_name), storage.count,
         storage.element(), entry->size);
  }
  if (big_endian && !storage.type) fail("{}: entry {}: big-endian, and of no type", file, shown(entry_name));
  const Bytes data = archive.read(*entry);
  return big_endian && storage.element() > 1 ? own(swapped(data.span, storage.element())) : data;
}

// ---- Files of before 1.6 -----------------------------------------------------------------------------------------

/// torch.save's number, 0x1950a86a20f9469cfc6c, pickled: LONG1 of ten bytes, STOP.
constexpr std::string_view legacy_magic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr int64_t legacy_version = 1001;

/// How long the pickle of the number is that `bytes` begin with; 0 where they do not. PROTO stands before it, and from
/// protocol 4 on a FRAME of nine bytes.
size_t legacy_magic_size(std::span<const std::byte> bytes) {
  const std::string_view text = text_of(bytes);
  for (const size_t before : {size_t{2}, size_t{11}})
    if (text.size() > before && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 &&
        text.substr(before).starts_with(legacy_magic))
      return before + legacy_magic.size();
  return 0;
}

/// Reads the next pickle off `bytes`.
Pickle next_pickle(std::span<const std::byte>& bytes, std::string_view what, const std::string& file) {
  Pickle pickle(bytes, fmt::format("{}: {}", file, what));
  bytes = bytes.subspan(pickle.size());
  return pickle;
}

/// Takes the data of the storage called `key` off `bytes`.
void read_legacy_storage(std::span<const std::byte>& bytes, std::string_view key, Storages& storages,
                         const std::shared_ptr<const void>& owner, const std::string& file) {
  Storage* storage = storages.find(key);
  if (storage == nullptr) fail("{}: storage {}: no tensor tells what it is", file, shown(key));
  if (bytes.size() < sizeof(uint64_t)) fail("{}: storage {}: its count is cut short", file, shown(key));
  const auto count = number_at<uint64_t>(bytes, 0);
  bytes = bytes.subspan(sizeof(uint64_t));
  if (count != storage->count)
    fail("{}: storage {}: expected {} elements, its record counts {}", file, shown(key), storage->count, count);
  if (bytes.size() < storage->size())
    fail("{}: storage {}: expected {} bytes, {} are left: the file is cut short", file, shown(key), storage->size(),
         bytes.size());
  if (storage->data.span.data() != nullptr) fail("{}: storage {} occurs twice", file, shown(key));
  storage->data = {bytes.first(storage->size()), owner};
  bytes = bytes.subspan(storage->size());
}

}  // namespace

bool is_big_endian(const ZipArchive& archive, const std::string& prefix, const std::string& file) {
  const ZipEntry* entry = archive.find(prefix + "byteorder");
  if (entry == nullptr) return false;
  const Bytes content = archive.read(*entry);
  const std::string_view order = text_of(content.span);
  if (order != "little" && order != "big") fail("{}: expected little or big as byteorder, got {}", file, shown(order));
  return order == "big";
}

bool looks_like_pytorch(const ZipArchive& archive) {
  return std::any_of(archive.entries().begin(), archive.entries().end(), is_pickle_entry);
}

StateDict read_pytorch_zip(const ZipArchive& archive, const std::string& name) {
  const std::string prefix = prefix_of(archive, name);
  const bool big_endian = is_big_endian(archive, prefix, name);
  const Bytes text = read_pickle(archive, *archive.find(prefix + std::string(pickle_entry)), name);
  const Pickle pickle(text.span, fmt::format("{}: {}", name, pickle_entry));
  if (pickle.size() != text.span.size())
    fail("{}: {} trailing bytes after the pickle", name, text.span.size() - pickle.size());
  Storages storages(pickle, name);
  for (Storage& storage : storages.all()) {
    const std::string entry = fmt::format("{}data/{}", prefix, storage.key);
    storage.data = storage_data(archive, entry, storage, big_endian, name);
  }
  return flatten(pickle, storages, archive.size(), name);
}

bool looks_like_pytorch_legacy(std::span<const std::byte> bytes) { return legacy_magic_size(bytes) > 0; }

StateDict read_pytorch_legacy(std::span<const std::byte> bytes, const std::string& name,
                              std::shared_ptr<const void> owner) {
  const size_t file_size = bytes.size();
  bytes = bytes.subspan(legacy_magic_size(bytes));
  const Pickle version = next_pickle(bytes, "version", name);
  const int64_t* number = version.get<int64_t>(version.root());
  if (number == nullptr || *number != legacy_version)
    fail("{}: expected version {} of the format", name, legacy_version);
  next_pickle(bytes, "system", name);  // says how large a C long was there; the elements do not depend on it
  const Pickle object = next_pickle(bytes, "object", name);
  const Pickle keys = next_pickle(bytes, "keys", name);
  const auto* list = keys.get<Pickle::List>(keys.root());
  if (list == nullptr) fail("{}: expected a list of storages, got {}", name, keys.kind(keys.root()));

  Storages storages(object, name);
  for (const Pickle::Ref item : list->items) {
    const auto* key = keys.get<std::string_view>(item);
    if (key == nullptr) fail("{}: expected a string as a storage's key, got {}", name, keys.kind(item));
    read_legacy_storage(bytes, *key, storages, owner, name);
  }
  for (const Storage& storage : storages.all())
    if (storage.data.span.data() == nullptr) fail("{}: storage {} is missing", name, shown(storage.key));
  if (!bytes.empty()) fail("{}: {} trailing bytes after the last storage", name, bytes.size());
  return flatten(object, storages, file_size, name);
}

}  // namespace upconv::internal
