#include "framework/weights/pt2.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json_tree.h"
#include "framework/weights/pytorch.h"
#include "framework/weights/readers.h"
#include "framework/weights/strided.h"

namespace upconv::internal {
namespace {

constexpr std::string_view format_entry = "archive_format", old_entry = "serialized_state_dict.pt";
constexpr std::string_view models_folder = "models/", models_ending = ".json";
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

std::optional<DType> dtype_of(int64_t code) {
  for (const auto& [known, type] : dtype_codes)
    if (known == code) return type;
  return {};
}

bool has_name(const ZipEntry& entry, std::string_view name) {
  return entry.name == name || (entry.name.ends_with(name) && entry.name[entry.name.size() - name.size() - 1] == '/');
}

/// The entry of that name in the outermost folder that has one: what a user adds may be called so as well.
const ZipEntry* find_entry(const ZipArchive& archive, std::string_view name) {
  const ZipEntry* found = nullptr;
  for (const ZipEntry& entry : archive.entries())
    if (has_name(entry, name) && (found == nullptr || std::count(entry.name.begin(), entry.name.end(), '/') <
                                                          std::count(found->name.begin(), found->name.end(), '/')))
      found = &entry;
  return found;
}

/// Where an archive keeps tensors, and how the list of those of a program is called.
struct Folder {
  std::string_view path, config_ending;
};
constexpr Folder weights_folder{"data/weights/", "_weights_config.json"};
constexpr Folder constants_folder{"data/constants/", "_constants_config.json"};

/// The tensors of one program.
class TensorsReader {
 public:
  TensorsReader(const ZipArchive& archive, std::string prefix, const std::string& file)
      : archive_(archive),
        prefix_(std::move(prefix)),
        file_(file),
        is_big_endian_(is_big_endian(archive, prefix_, file)),
        room_(most_memory(archive.size())) {}

  /// Adds what `config` lists, which lies in `folder`, with `outer` before each name.
  void read(const Folder& folder, const ZipEntry& config, const std::string& outer, StateDict& all);

 private:
  template <class... Args>
  [[noreturn]] void refuse(const std::string& name, fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: tensor {}: {}", file_, shown(name), fmt::format(format, std::forward<Args>(args)...));
  }
  Stored tensor(const Folder& folder, const Json& description, const std::string& name);
  Bytes storage(const ZipEntry& entry, size_t element, const std::string& name);
  int64_t number(const Json* value, std::string_view what, const std::string& name) const;
  Shape numbers(const Json& meta, std::string_view what, const std::string& name) const;

  const ZipArchive& archive_;
  const std::string prefix_;
  const std::string& file_;
  const bool is_big_endian_;
  uint64_t room_;                                                 // for what is gathered
  std::map<std::pair<const ZipEntry*, size_t>, Bytes> storages_;  // with the size of the elements that were swapped
};

/// {"as_int": 3}
int64_t TensorsReader::number(const Json* value, std::string_view what, const std::string& name) const {
  const auto* number = value == nullptr ? nullptr : value->get<int64_t>("as_int");
  if (number == nullptr) refuse(name, "expected {{\"as_int\": ...}} in its {}", what);
  if (*number < 0) refuse(name, "a negative number in its {}: {}", what, *number);
  return *number;
}

Shape TensorsReader::numbers(const Json& meta, std::string_view what, const std::string& name) const {
  const auto* array = meta.get<Json::Array>(what);
  if (array == nullptr) refuse(name, "expected a list as its {}", what);
  if (array->size() > max_rank) refuse(name, "expected at most {} dimensions, got {}", max_rank, array->size());
  Shape numbers;
  for (const Json& value : *array) numbers.push_back(number(&value, what, name));
  return numbers;
}

/// A storage in this machine's byte order. What several tensors share is summed, inflated and swapped once, so that a
/// list of many tensors of one storage costs no more than the storage.
Bytes TensorsReader::storage(const ZipEntry& entry, size_t element, const std::string& name) {
  const bool swaps = is_big_endian_ && element > 1;
  const auto [found, is_new] = storages_.try_emplace({&entry, swaps ? element : 1});
  if (!is_new) return found->second;
  Bytes storage = archive_.read(entry);
  if (swaps) {
    if (storage.span.size() > room_)
      refuse(name, "{} bytes to swap, more than a file of this size should have", storage.span.size());
    room_ -= storage.span.size();
    storage = own(swapped(storage.span.first(storage.span.size() / element * element), element));
  }
  return found->second = std::move(storage);
}

Stored TensorsReader::tensor(const Folder& folder, const Json& description, const std::string& name) {
  const auto* path = description.get<std::string>("path_name");
  const Json* meta = description.find("tensor_meta");
  const auto* is_pickled = description.get<bool>("use_pickle");
  if (path == nullptr || meta == nullptr) refuse(name, "expected a path_name and a tensor_meta in its description");
  if (is_pickled != nullptr && *is_pickled) return unreadable_tensor("a tensor of a class of its own, pickled");
  const auto* code = meta->get<int64_t>("dtype");
  const auto* layout = meta->get<int64_t>("layout");
  if (code == nullptr || layout == nullptr) refuse(name, "expected numbers as its dtype and layout");
  if (*layout != strided_layout) return unreadable_tensor(fmt::format("of layout {}, not strided", *layout));
  const std::optional<DType> type = dtype_of(*code);
  if (!type) return unreadable_tensor(fmt::format("of the type with the number {}", *code));

  const Shape shape = numbers(*meta, "sizes", name), strides = numbers(*meta, "strides", name);
  if (strides.size() != shape.size())
    refuse(name, "expected as many strides as dimensions, got {} and {}", strides.size(), shape.size());
  const std::string entry_name = fmt::format("{}{}{}", prefix_, folder.path, *path);
  const ZipEntry* entry = archive_.find(entry_name);
  if (entry == nullptr) refuse(name, "there is no entry {} in the archive", shown(entry_name));
  const Bytes storage = this->storage(*entry, size_of(*type), name);
  const auto offset = static_cast<uint64_t>(number(meta->find("storage_offset"), "storage_offset", name));
  return strided(storage, *type, offset, shape, strides, room_, file_, name);
}

void TensorsReader::read(const Folder& folder, const ZipEntry& config, const std::string& outer, StateDict& all) {
  const std::string where = fmt::format("{}: {}", file_, shown(config.name));
  if (config.size > most_text) fail("{}: expected at most {} bytes, got {}", where, most_text, config.size);
  const Bytes text = archive_.read(config);
  const Json tree = json_tree(text_of(text.span), where);
  const auto* tensors = tree.get<Json::Object>("config");
  if (tensors == nullptr) fail("{}: expected an object with the key config", where);
  for (const auto& [name, description] : *tensors) {
    if (all.size() == max_tensors) fail("{}: expected at most {} tensors, got more", file_, max_tensors);
    all.add(outer + name, tensor(folder, description, outer + name));
  }
}

/// What every entry's name begins with.
std::string prefix_of(const ZipArchive& archive, const ZipEntry& format, const std::string& name) {
  const auto depth = [](const ZipEntry& entry) { return std::count(entry.name.begin(), entry.name.end(), '/'); };
  for (const ZipEntry& entry : archive.entries())
    if (&entry != &format && has_name(entry, format_entry) && depth(entry) == depth(format))
      fail("{}: expected one folder with everything in it, got {} and {}", name, shown(format.name), shown(entry.name));
  const Bytes content = archive.read(format);
  if (text_of(content.span) != "pt2")
    fail("{}: expected pt2 as archive_format, got {}", name, shown(text_of(content.span)));
  return std::string(format.name.substr(0, format.name.size() - format_entry.size()));
}

void refuse_compiled(const ZipArchive& archive, const std::string& prefix, const std::string& name) {
  for (const ZipEntry& entry : archive.entries())
    if (entry.name.starts_with(prefix + "data/aotinductor/"))
      fail(
          "{}: compiled by AOTInductor, its weights are part of machine code; save the program before with "
          "torch.export.save",
          name);
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
  const std::string prefix = prefix_of(archive, *format, name);
  const std::string folder = prefix + std::string(weights_folder.path);
  const std::string_view ending = weights_folder.config_ending;

  std::vector<const ZipEntry*> configs;
  for (const ZipEntry& entry : archive.entries())
    if (entry.name.starts_with(folder) && entry.name.ends_with(ending)) configs.push_back(&entry);
  if (configs.empty()) {
    refuse_compiled(archive, prefix, name);
    fail("{}: expected a list of weights, data/weights/*_weights_config.json, got none", name);
  }
  StateDict weights;
  TensorsReader reader(archive, prefix, name);
  for (const ZipEntry* config : configs) {
    const std::string program(config->name.substr(folder.size(), config->name.size() - folder.size() - ending.size()));
    if (configs.size() > 1) weights.outer_keys.push_back(program);
    reader.read(weights_folder, *config, configs.size() > 1 ? program + "." : "", weights);
  }
  return weights;
}

std::vector<std::string> exported_programs(const ZipArchive& archive, const std::string& name) {
  const ZipEntry* format = find_entry(archive, format_entry);
  if (format == nullptr) {
    if (find_entry(archive, old_entry) != nullptr)
      fail(
          "{}: written by a PyTorch before 2.8, whose programs are not read; load it with a newer one and save it "
          "again",
          name);
    fail("{}: expected an archive of torch.export.save, got another zip archive", name);
  }
  const std::string prefix = prefix_of(archive, *format, name), folder = prefix + std::string(models_folder);
  std::vector<std::string> programs;
  for (const ZipEntry& entry : archive.entries())
    if (entry.name.starts_with(folder) && entry.name.ends_with(models_ending))
      programs.emplace_back(entry.name.substr(folder.size(), entry.name.size() - folder.size() - models_ending.size()));
  if (programs.empty()) {
    refuse_compiled(archive, prefix, name);
    fail("{}: expected a program, models/*.json, got none", name);
  }
  return programs;
}

ExportedParts read_exported(const ZipArchive& archive, const std::string& name, const std::string& program) {
  const std::vector<std::string> programs = exported_programs(archive, name);
  const std::string prefix = prefix_of(archive, *find_entry(archive, format_entry), name);
  const std::string folder = prefix + std::string(models_folder);
  std::vector<std::string> shown_names;
  for (const std::string& each : programs) shown_names.push_back(printable(each));
  if (program.empty() && programs.size() > 1)
    fail("{}: holds {} programs: {}; say which one", name, programs.size(), fmt::join(shown_names, ", "));
  if (!program.empty() && std::find(programs.begin(), programs.end(), program) == programs.end())
    fail("{}: holds no program {}, but {}", name, shown(program), fmt::join(shown_names, ", "));

  const std::string& chosen = program.empty() ? programs.front() : program;
  ExportedParts parts;
  const ZipEntry* text = archive.find(fmt::format("{}{}{}", folder, chosen, models_ending));
  if (text->size > most_text)
    fail("{}: {}: expected at most {} bytes, got {}", name, shown(text->name), most_text, text->size);
  parts.where = fmt::format("{}: {}", name, shown(text->name));
  parts.text = archive.read(*text);
  parts.archive_size = archive.size();
  TensorsReader reader(archive, prefix, name);
  for (const auto& [place, tensors] :
       {std::pair(&weights_folder, &parts.weights), std::pair(&constants_folder, &parts.constants)}) {
    const std::string config = fmt::format("{}{}{}{}", prefix, place->path, chosen, place->config_ending);
    if (const ZipEntry* entry = archive.find(config)) reader.read(*place, *entry, "", *tensors);
  }
  return parts;
}

ExportedParts read_exported(std::span<const std::byte> bytes, const std::string& name,
                            std::shared_ptr<const void> owner, const std::string& program) {
  if (!looks_like_zip(bytes)) fail("{}: expected an archive of torch.export.save (.pt2), which is a zip archive", name);
  return read_exported(ZipArchive(bytes, name, std::move(owner)), name, program);
}

DType exported_dtype(int64_t code, const std::string& what) {
  const std::optional<DType> type = dtype_of(code);
  if (!type) fail("{}: of the type with the number {}, which is not read", what, code);
  return *type;
}

}  // namespace upconv::internal
