#include "framework/weights/pt2.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json_tree.h"
#include "framework/weights/pytorch.h"
#include "framework/weights/readers.h"
#include "framework/weights/strided.h"

namespace upconv::internal {
namespace {

constexpr std::string_view format_entry = "archive_format", old_entry = "serialized_state_dict.pt";
constexpr std::string_view weights_folder = "data/weights/", config_ending = "_weights_config.json";
constexpr size_t most_text = 16'000'000;  // bytes of a configuration: two thousand tensors have one
constexpr int64_t strided_layout = 7;

/// The archive's numbers of types, which are not those of the rest of PyTorch.
constexpr std::pair<int64_t, DType> dtype_codes[] = {{1, DType::uint8},
                                                     {2, DType::int8},
                                                     {3, DType::int16},
                                                     {4, DType::int32},
                                                     {5, DType::int64},
                                                     {6, DType::float16},
                                                     {7, DType::float32},
                                                     {8, DType::float64},
                                                     {12, DType::boolean},
                                                     {13, DType::bfloat16},
                                                     {28, DType::uint16},
                                                     {29, DType::float8_e4m3fn},
                                                     {30, DType::float8_e5m2},
                                                     {31, DType::float8_e4m3fnuz},
                                                     {32, DType::float8_e5m2fnuz},
                                                     {33, DType::float8_e8m0fnu},
                                                     {34, DType::uint32},
                                                     {35, DType::uint64}};

bool has_name(const ZipEntry& entry, std::string_view name) {
  return entry.name == name || (entry.name.ends_with(name) && entry.name[entry.name.size() - name.size() - 1] == '/');
}

const ZipEntry* find_entry(const ZipArchive& archive, std::string_view name) {
  for (const ZipEntry& entry : archive.entries())
    if (has_name(entry, name)) return &entry;
  return nullptr;
}

/// The tensors of one program.
class WeightsReader {
 public:
  WeightsReader(const ZipArchive& archive, std::string prefix, const std::string& file)
      : archive_(archive),
        prefix_(std::move(prefix)),
        file_(file),
        is_big_endian_(is_big_endian(archive, prefix_, file)),
        room_(most_memory(archive.size())) {}

  /// Adds what `config` lists, with `outer` before each name.
  void read(const ZipEntry& config, const std::string& outer, StateDict& weights);

 private:
  template <class... Args>
  [[noreturn]] void refuse(const std::string& name, fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: tensor {}: {}", file_, shown(name), fmt::format(format, std::forward<Args>(args)...));
  }
  Stored tensor(const Json& description, const std::string& name);
  int64_t number(const Json* value, std::string_view what, const std::string& name) const;
  Shape numbers(const Json& meta, std::string_view what, const std::string& name) const;

  const ZipArchive& archive_;
  const std::string prefix_;
  const std::string& file_;
  const bool is_big_endian_;
  uint64_t room_;  // for what is gathered
};

/// {"as_int": 3}
int64_t WeightsReader::number(const Json* value, std::string_view what, const std::string& name) const {
  const auto* number = value == nullptr ? nullptr : value->get<int64_t>("as_int");
  if (number == nullptr) refuse(name, "expected {{\"as_int\": ...}} in its {}", what);
  if (*number < 0) refuse(name, "a negative number in its {}: {}", what, *number);
  return *number;
}

Shape WeightsReader::numbers(const Json& meta, std::string_view what, const std::string& name) const {
  const auto* array = meta.get<Json::Array>(what);
  if (array == nullptr) refuse(name, "expected a list as its {}", what);
  if (array->size() > max_rank) refuse(name, "expected at most {} dimensions, got {}", max_rank, array->size());
  Shape numbers;
  for (const Json& value : *array) numbers.push_back(number(&value, what, name));
  return numbers;
}

Stored WeightsReader::tensor(const Json& description, const std::string& name) {
  const auto* path = description.get<std::string>("path_name");
  const Json* meta = description.find("tensor_meta");
  const auto* is_pickled = description.get<bool>("use_pickle");
  if (path == nullptr || meta == nullptr) refuse(name, "expected a path_name and a tensor_meta in its description");
  if (is_pickled != nullptr && *is_pickled) return unreadable_tensor("a tensor of a class of its own, pickled");
  const auto* code = meta->get<int64_t>("dtype");
  const auto* layout = meta->get<int64_t>("layout");
  if (code == nullptr || layout == nullptr) refuse(name, "expected numbers as its dtype and layout");
  if (*layout != strided_layout) return unreadable_tensor(fmt::format("of layout {}, not strided", *layout));
  const auto type =
      std::find_if(std::begin(dtype_codes), std::end(dtype_codes), [&](auto& row) { return row.first == *code; });
  if (type == std::end(dtype_codes)) return unreadable_tensor(fmt::format("of the type with the number {}", *code));

  const Shape shape = numbers(*meta, "sizes", name), strides = numbers(*meta, "strides", name);
  if (strides.size() != shape.size())
    refuse(name, "expected as many strides as dimensions, got {} and {}", strides.size(), shape.size());
  const std::string entry_name = fmt::format("{}{}{}", prefix_, weights_folder, *path);
  const ZipEntry* entry = archive_.find(entry_name);
  if (entry == nullptr) refuse(name, "there is no entry {} in the archive", shown(entry_name));
  Bytes storage = archive_.read(*entry);
  const size_t element = size_of(type->second);
  if (is_big_endian_ && element > 1) {
    if (storage.span.size() > room_)
      refuse(name, "{} bytes to swap, more than a file of this size should have", storage.span.size());
    room_ -= storage.span.size();
    storage = own(swapped(storage.span.first(storage.span.size() / element * element), element));
  }
  const auto offset = static_cast<uint64_t>(number(meta->find("storage_offset"), "storage_offset", name));
  return strided(storage, type->second, offset, shape, strides, room_, file_, name);
}

void WeightsReader::read(const ZipEntry& config, const std::string& outer, StateDict& weights) {
  const std::string where = fmt::format("{}: {}", file_, shown(config.name));
  if (config.size > most_text) fail("{}: expected at most {} bytes, got {}", where, most_text, config.size);
  const Bytes text = archive_.read(config);
  const Json tree = json_tree(text_of(text.span), where);
  const auto* tensors = tree.get<Json::Object>("config");
  if (tensors == nullptr) fail("{}: expected an object with the key config", where);
  for (const auto& [name, description] : *tensors) {
    if (weights.size() == max_tensors) fail("{}: expected at most {} tensors, got more", file_, max_tensors);
    weights.add(outer + name, tensor(description, outer + name));
  }
}

StateDict read_old(const ZipArchive& archive, const ZipEntry& entry, const std::string& file) {
  const Bytes inner = archive.read(entry);
  const std::string where = fmt::format("{}: entry {}", file, shown(entry.name));
  if (!looks_like_zip(inner.span)) fail("{}: expected a file of torch.save", where);
  const ZipArchive weights(inner.span, where, inner.owner);
  if (!looks_like_pytorch(weights)) fail("{}: expected a file of torch.save", where);
  return read_pytorch_zip(weights, where);
}

}  // namespace

bool looks_like_pt2(const ZipArchive& archive) {
  return find_entry(archive, format_entry) != nullptr || find_entry(archive, old_entry) != nullptr;
}

StateDict read_pt2(const ZipArchive& archive, const std::string& name) {
  const ZipEntry* format = find_entry(archive, format_entry);
  if (format == nullptr) return read_old(archive, *find_entry(archive, old_entry), name);
  const Bytes content = archive.read(*format);
  if (text_of(content.span) != "pt2")
    fail("{}: expected pt2 as archive_format, got {}", name, shown(text_of(content.span)));
  const std::string prefix(format->name.substr(0, format->name.size() - format_entry.size()));
  const std::string folder = prefix + std::string(weights_folder);

  std::vector<const ZipEntry*> configs;
  bool is_compiled = false;
  for (const ZipEntry& entry : archive.entries()) {
    if (entry.name.starts_with(folder) && entry.name.ends_with(config_ending)) configs.push_back(&entry);
    is_compiled |= entry.name.starts_with(prefix + "data/aotinductor/");
  }
  if (configs.empty())
    fail("{}: {}", name,
         is_compiled ? "compiled by AOTInductor, its weights are part of machine code; save the program before with "
                       "torch.export.save"
                     : "expected a list of weights, data/weights/*_weights_config.json, got none");
  StateDict weights;
  WeightsReader reader(archive, prefix, name);
  for (const ZipEntry* config : configs) {
    const std::string program(
        config->name.substr(folder.size(), config->name.size() - folder.size() - config_ending.size()));
    if (configs.size() > 1) weights.outer_keys.push_back(program);
    reader.read(*config, configs.size() > 1 ? program + "." : "", weights);
  }
  return weights;
}

}  // namespace upconv::internal
