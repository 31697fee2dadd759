// The storages of a file that torch.save wrote, and what types of elements they may have.
#include <algorithm>
#include <utility>

#include "framework/weights/pytorch_tensors.h"

namespace upconv::internal {
namespace {

using Ref = Pickle::Ref;

constexpr std::string_view untyped_storage = "torch.storage.UntypedStorage";

struct ElementType {
  std::string_view storage;  // after "torch." or "torch.cuda."; newer types have none
  std::string_view dtype;    // after "torch."
  DType type;
};
constexpr ElementType element_types[] = {{"DoubleStorage", "float64", DType::float64},
                                         {"FloatStorage", "float32", DType::float32},
                                         {"HalfStorage", "float16", DType::float16},
                                         {"BFloat16Storage", "bfloat16", DType::bfloat16},
                                         {"LongStorage", "int64", DType::int64},
                                         {"IntStorage", "int32", DType::int32},
                                         {"ShortStorage", "int16", DType::int16},
                                         {"CharStorage", "int8", DType::int8},
                                         {"ByteStorage", "uint8", DType::uint8},
                                         {"BoolStorage", "bool", DType::boolean},
                                         {"", "float8_e4m3fn", DType::float8_e4m3fn},
                                         {"", "float8_e5m2", DType::float8_e5m2},
                                         {"", "float8_e4m3fnuz", DType::float8_e4m3fnuz},
                                         {"", "float8_e5m2fnuz", DType::float8_e5m2fnuz},
                                         {"", "float8_e8m0fnu", DType::float8_e8m0fnu},
                                         {"", "uint16", DType::uint16},
                                         {"", "uint32", DType::uint32},
                                         {"", "uint64", DType::uint64}};

/// Types that tensors may have and that are not read, with the bytes of an element.
constexpr std::pair<std::string_view, size_t> foreign_storages[] = {
    {"ComplexFloatStorage", 8}, {"ComplexDoubleStorage", 16}, {"QInt8Storage", 1},   {"QUInt8Storage", 1},
    {"QInt32Storage", 4},       {"QUInt4x2Storage", 1},       {"QUInt2x4Storage", 1}};

/// "FloatStorage" of "torch.FloatStorage" and of "torch.cuda.FloatStorage"; "" of everything else.
std::string_view within_torch(std::string_view name) {
  for (const std::string_view package : {"torch.cuda.", "torch."})
    if (name.starts_with(package)) return name.substr(package.size());
  return "";
}

std::optional<DType> type_of_storage(std::string_view kind) {
  for (const ElementType& type : element_types)
    if (!kind.empty() && kind == type.storage) return type.type;
  return {};
}

}  // namespace

std::optional<DType> type_of_dtype(std::string_view name) {
  constexpr std::string_view package = "torch.";
  if (!name.starts_with(package)) return {};
  for (const ElementType& type : element_types)
    if (name.substr(package.size()) == type.dtype) return type.type;
  return {};
}

Storages::Storages(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {
  Ref ref = 0;
  for (const Pickle::Value& value : pickle.values()) {
    if (const auto* id = std::get_if<Pickle::PersistentId>(&value)) add(ref, *id);
    ++ref;
  }
}

uint64_t Storages::count(Ref ref) const {
  const int64_t* count = pickle_.get<int64_t>(ref);
  if (count == nullptr) refuse("expected a number of elements, got {}", pickle_.kind(ref));
  if (*count < 0) refuse("expected a number of elements, got the negative number {}", *count);
  return static_cast<uint64_t>(*count);
}

/// ("storage", type, key, location, count)
Storage Storages::described(std::span<const Ref> items) const {
  const auto* type = pickle_.get<Pickle::Global>(items[1]);
  if (type == nullptr) refuse("expected a type of storage, got {}", pickle_.kind(items[1]));
  const auto* key = pickle_.get<std::string_view>(items[2]);
  if (key == nullptr) refuse("expected a string as key, got {}", pickle_.kind(items[2]));
  const std::string name = type->str();
  const std::string_view kind = within_torch(name);
  Storage storage;
  storage.key = *key;
  storage.type = type_of_storage(kind);
  storage.count = count(items[4]);
  for (const auto& [foreign, size] : foreign_storages)
    if (!storage.type && kind == foreign) {
      storage.foreign = name;
      storage.foreign_size = size;
    }
  const bool is_untyped = name == untyped_storage || name == "torch.UntypedStorage";
  if (!storage.type && storage.foreign.empty() && !is_untyped)
    refuse("expected a storage of {}, got {}", readable_types, shown(name));
  if (storage.count > static_cast<uint64_t>(INT64_MAX) / storage.element())
    refuse("storage {}: {} elements are more than 2^63 - 1 bytes", shown(*key), storage.count);
  return storage;
}

void Storages::add(Ref ref, const Pickle::PersistentId& id) {
  const auto* tuple = pickle_.get<Pickle::Tuple>(id.id);
  if (tuple == nullptr) refuse("expected a tuple, got {}", pickle_.kind(id.id));
  const std::vector<Ref>& items = tuple->items;
  const auto* what = items.empty() ? nullptr : pickle_.get<std::string_view>(items[0]);
  if (what != nullptr && *what == "module") return;  // a class, with its source
  if (what == nullptr || *what != "storage" || items.size() < 5 || items.size() > 6)
    refuse("expected (\"storage\", type, key, location, count)");
  const Storage storage = described(items);
  const auto [position, is_new] = index_.try_emplace(storage.key, storages_.size());
  if (is_new) storages_.push_back(storage);
  const Storage& known = storages_[position->second];
  if (known.type != storage.type || known.count != storage.count)
    refuse("storage {} is described in two ways", shown(storage.key));

  StoragePart part = {position->second, 0, storage.count};
  if (const auto* view = items.size() == 6 ? pickle_.get<Pickle::Tuple>(items[5]) : nullptr) {
    if (view->items.size() != 3) refuse("expected (key, offset, count) as view, got {} values", view->items.size());
    part.first = count(view->items[1]);
    part.count = count(view->items[2]);
    if (part.first > storage.count || part.count > storage.count - part.first)
      refuse("storage {} has {} elements, a view of it needs {} from {}", shown(storage.key), storage.count, part.count,
             part.first);
  }
  parts_[ref] = part;
}

Storage* Storages::find(std::string_view key) {
  const auto position = index_.find(key);
  return position == index_.end() ? nullptr : &storages_[position->second];
}

const StoragePart* Storages::part(Ref ref) const {
  const auto position = parts_.find(ref);
  return position == parts_.end() ? nullptr : &position->second;
}

}  // namespace upconv::internal
