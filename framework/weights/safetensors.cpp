#include "framework/weights/safetensors.h"

#include <algorithm>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/convert.h"
#include "framework/weights/json.h"
#include "framework/weights/readers.h"
#include "framework/weights/safetensors_header.h"
#include "framework/weights/writers.h"

namespace upconv {

using namespace internal;

namespace {

/// Proves that the tensors fill `data_bytes` without hole, overlap or rest.
void check_layout(const std::vector<SafetensorsTensor>& tensors, uint64_t data_bytes, const std::string& file,
                  const SafetensorsOptions& options) {
  std::vector<const SafetensorsTensor*> sorted;
  for (const SafetensorsTensor& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const SafetensorsTensor* a, const SafetensorsTensor* b) {
    return std::pair(a->begin(), a->end()) < std::pair(b->begin(), b->end());
  });
  uint64_t end = 0;
  for (const SafetensorsTensor* tensor : sorted) {
    if (tensor->begin() != end) {
      fail("{}: tensor {}: {}: expected its data to begin at {}, got {}", file, shown(tensor->name),
           tensor->begin() < end ? "overlaps another" : "leaves a gap", end, tensor->begin());
    }
    end = tensor->end();
    if (end > data_bytes) {
      fail("{}: tensor {}: ends at byte {} of the data, which has {}: the file is cut short", file, shown(tensor->name),
           end, data_bytes);
    }
  }
  if (end < data_bytes && !options.lenient) {
    fail("{}: {} trailing bytes after the last tensor", file, data_bytes - end);
  }
}

/// The tensor that `metadata` gives the name `name` too: save_model of Python's library saves what several names share
/// once, and writes {other name: name} for each of the others. nullptr where it gives none.
const Stored* aliased(const StateDict& weights, const std::string& name) {
  const auto line = weights.metadata.find(name);
  constexpr std::string_view format_key = "format";  // a line that every writer has
  return line == weights.metadata.end() || name == format_key ? nullptr : weights.find(line->second);
}

void add_aliases(StateDict& weights) {
  std::vector<StateDict::Entry> aliases;
  for (const auto& [name, of] : weights.metadata)
    if (const Stored* stored = aliased(weights, name); stored != nullptr && weights.find(name) == nullptr)
      aliases.emplace_back(name, *stored);
  for (auto& [name, stored] : aliases) weights.add_alias(std::move(name), std::move(stored));
}

}  // namespace

bool internal::looks_like_safetensors(std::span<const std::byte> bytes) {
  if (bytes.size() <= header_length_bytes) return false;
  const auto length = number_at<uint64_t>(bytes, 0);
  return bytes[header_length_bytes] == std::byte{'{'} || (length > 0 && length <= bytes.size() - header_length_bytes);
}

StateDict internal::read_safetensors(std::span<const std::byte> bytes, const std::string& name,
                                     std::shared_ptr<const void> owner, const SafetensorsOptions& options) {
  SafetensorsHeader header = read_safetensors_header(bytes, name);
  const std::span<const std::byte> data = bytes.subspan(header.bytes);
  check_layout(header.tensors, data.size(), name, options);

  StateDict weights;
  weights.metadata = std::move(header.metadata);
  for (SafetensorsTensor& tensor : header.tensors) {
    if (weights.find(tensor.name) != nullptr) fail("{}: tensor {} occurs twice", name, shown(tensor.name));
    Stored stored = tensor.foreign.empty()
                        ? Stored(*tensor.dtype, std::move(*tensor.shape),
                                 data.subspan(tensor.begin(), tensor.end() - tensor.begin()), owner)
                        : unreadable_tensor(fmt::format("of type {}", tensor.foreign), std::move(*tensor.shape));
    weights.add(std::move(tensor.name), std::move(stored));
  }
  add_aliases(weights);
  return weights;
}

// ---- The writer --------------------------------------------------------------------------------------------------

namespace {

/// `text` as a JSON string; the library checks that it is UTF-8.
std::string json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail("expected UTF-8, got {}", shown(text));
  }
}

std::string with_commas(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

std::string metadata_entry(const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : metadata) lines.push_back(json_string(key) + ":" + json_string(value));
  return fmt::format("\"{}\":{{{}}}", metadata_key, with_commas(lines));
}

std::string tensor_entry(const std::string& name, const Stored& value, uint64_t begin) {
  if (name == metadata_key) fail("a tensor cannot be named {}", metadata_key);
  std::vector<std::string> sizes;
  for (const int64_t size : value.shape) sizes.push_back(std::to_string(size));
  return fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_string(name),
                     safetensors_name(value.dtype), with_commas(sizes), begin, begin + value.bytes.size());
}

/// The length and the JSON, padded with spaces so that the data begins at a multiple of 8.
std::string header_of(const StateDict& weights) {
  std::vector<std::string> entries;
  if (!weights.metadata.empty()) entries.push_back(metadata_entry(weights.metadata));
  uint64_t end = 0;
  for (const auto& [name, value] : weights) {
    entries.push_back(tensor_entry(name, value, end));
    end += value.bytes.size();
  }
  std::string json = fmt::format("{{{}}}", with_commas(entries));
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const uint64_t length = json.size();
  return std::string(reinterpret_cast<const char*>(&length), header_length_bytes) + json;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const StateDict& weights, const SaveOptions& options) {
  TemporaryFile file(path);
  write_safetensors(file, path.string(), weights, options);
  file.commit();
}

void internal::write_safetensors(Output& output, const std::string& file, const StateDict& weights,
                                 const SaveOptions& options) {
  StateDict saved;
  saved.metadata = weights.metadata;
  for (const auto& [name, value] : weights) {
    if (weights.is_alias(name) && aliased(weights, name) != nullptr) continue;  // the metadata say it
    if (!value.unreadable.empty())
      fail("{}: {} cannot be read ({}); leave it out with ignore", file, shown(name), value.unreadable);
    const bool changes = options.dtype && is_floating(value.dtype) && value.dtype != *options.dtype;
    saved.add(name, changes ? converted(value, *options.dtype, name) : value);
  }
  const std::string header = header_of(saved);
  (void)read_safetensors_header(std::as_bytes(std::span(header)), file);  // the checks stand in one place
  output.write(header.data(), header.size());
  for (const auto& [name, value] : saved) output.write(value.bytes.data(), value.bytes.size());
}

}  // namespace upconv
