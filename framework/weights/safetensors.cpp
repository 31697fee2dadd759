#include "framework/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/convert.h"
#include "framework/weights/json.h"
#include "framework/weights/readers.h"
#include "framework/weights/writers.h"

namespace upconv {

using namespace internal;

namespace {

static_assert(std::endian::native == std::endian::little, "the header's length and the data are read in place");

constexpr size_t length_bytes = sizeof(uint64_t);
constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own bound
constexpr size_t max_metadata = 100'000;
constexpr std::string_view metadata_key = "__metadata__";
constexpr std::string_view dtypes =
    "F64, F32, F16, BF16, F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F8_E8M0, I64, I32, I16, I8, U8, U16, U32, U64, "
    "BOOL";

constexpr std::pair<std::string_view, DType> dtype_names[] = {{"F64", DType::float64},
                                                              {"F32", DType::float32},
                                                              {"F16", DType::float16},
                                                              {"BF16", DType::bfloat16},
                                                              {"F8_E4M3", DType::float8_e4m3fn},
                                                              {"F8_E5M2", DType::float8_e5m2},
                                                              {"F8_E4M3FNUZ", DType::float8_e4m3fnuz},
                                                              {"F8_E5M2FNUZ", DType::float8_e5m2fnuz},
                                                              {"F8_E8M0", DType::float8_e8m0fnu},
                                                              {"I64", DType::int64},
                                                              {"I32", DType::int32},
                                                              {"I16", DType::int16},
                                                              {"I8", DType::int8},
                                                              {"U8", DType::uint8},
                                                              {"U16", DType::uint16},
                                                              {"U32", DType::uint32},
                                                              {"U64", DType::uint64},
                                                              {"BOOL", DType::boolean}};

/// Types of the format that are not read, with the bits of an element.
constexpr std::pair<std::string_view, uint64_t> foreign_types[] = {
    {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"C64", 64}};

// ---- The header --------------------------------------------------------------------------------------------------

/// One tensor as the header describes it.
struct Description {
  std::string name;
  std::optional<DType> dtype;
  std::optional<Shape> shape;
  std::optional<std::vector<uint64_t>> offsets;
  std::string_view foreign;  // the type that is not read; dtype is any then
  uint64_t bits = 0;         // of an element

  std::string_view type() const { return foreign.empty() ? upconv::name(*dtype) : foreign; }
  uint64_t begin() const { return (*offsets)[0]; }
  uint64_t end() const { return (*offsets)[1]; }
};

/// Takes the header's events and throws at the first that does not fit. Nothing is built but what is returned, so
/// neither depth nor size of a hostile header costs more than reading up to its first mistake.
class HeaderReader final : public JsonReceiver {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  std::vector<Description> tensors;
  std::map<std::string, std::string> metadata;

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override { number(fmt::format("the negative number {}", value)); }
  bool number_float(number_float_t, const string_t& text) override { number(shown(text)); }
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool binary(binary_t&) override { unexpected("binary"); }
  bool start_object(size_t) override;
  bool key(string_t& name) override;
  bool end_object() override;
  bool start_array(size_t) override;
  bool end_array() override;
  bool parse_error(size_t position, const std::string& token, const nlohmann::json::exception& error) override;

 private:
  enum class Place { outside, root, metadata, tensor, shape, offsets };

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}{}", file_, where(), fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void unexpected(std::string_view what) const { refuse("expected {}, got {}", expected(), what); }
  [[noreturn]] void number(std::string_view text) const;

  std::string where() const;
  std::string_view expected() const;
  void tensor_key(const std::string& name);
  bool is_value_of(std::string_view field) const { return place_ == Place::tensor && field_ == field; }

  const std::string& file_;
  Place place_ = Place::outside;
  std::string field_;  // the key read last
  bool has_metadata_ = false;
};

std::string HeaderReader::where() const {
  switch (place_) {
    case Place::outside:
      return {};
    case Place::root:
      return fmt::format("header key {}: ", shown(field_));
    case Place::metadata:
      return fmt::format("{} key {}: ", metadata_key, shown(field_));
    case Place::tensor:
    case Place::shape:
    case Place::offsets:
      return fmt::format("tensor {}: {}: ", shown(tensors.back().name), shown(field_));
  }
  return {};
}

std::string_view HeaderReader::expected() const {
  switch (place_) {
    case Place::outside:
      return "an object as header";
    case Place::root:
      return "an object";
    case Place::metadata:
      return "a string";
    case Place::tensor:
      return field_ == "dtype" ? "a string" : "an array";
    case Place::shape:
      return "a size";
    case Place::offsets:
      return "an offset";
  }
  return {};
}

void HeaderReader::number(std::string_view text) const {
  if (place_ != Place::shape && place_ != Place::offsets) unexpected("a number");
  refuse("expected a whole number from 0 to 2^63 - 1, got {}", text);
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  if (value > static_cast<uint64_t>(INT64_MAX)) number(fmt::format("{}", value));
  if (place_ == Place::shape) {
    Shape& shape = *tensors.back().shape;
    if (shape.size() == max_rank) refuse("expected at most {} dimensions, got more", max_rank);
    shape.push_back(static_cast<int64_t>(value));
  } else if (place_ == Place::offsets) {
    std::vector<uint64_t>& offsets = *tensors.back().offsets;
    if (offsets.size() == 2) refuse("expected 2 offsets, got more");
    offsets.push_back(value);
  } else {
    unexpected("a number");
  }
  return true;
}

bool HeaderReader::string(string_t& value) {
  if (place_ == Place::metadata) {
    metadata[field_] = std::move(value);
    return true;
  }
  if (!is_value_of("dtype")) unexpected("a string");
  const auto known =
      std::find_if(std::begin(dtype_names), std::end(dtype_names), [&](auto& row) { return row.first == value; });
  const auto foreign =
      std::find_if(std::begin(foreign_types), std::end(foreign_types), [&](auto& row) { return row.first == value; });
  Description& tensor = tensors.back();
  if (known != std::end(dtype_names)) {
    tensor.dtype = known->second;
    tensor.bits = 8 * size_of(known->second);
  } else if (foreign != std::end(foreign_types)) {
    tensor.dtype = DType::float32;
    std::tie(tensor.foreign, tensor.bits) = *foreign;
  } else {
    refuse("expected one of {}, got {}", dtypes, shown(value));
  }
  return true;
}

bool HeaderReader::start_object(size_t) {
  if (place_ == Place::outside) {
    place_ = Place::root;
  } else if (place_ == Place::root && field_ == metadata_key) {
    if (std::exchange(has_metadata_, true)) refuse("this key occurs twice");
    place_ = Place::metadata;
  } else if (place_ == Place::root) {
    if (tensors.size() == max_tensors) refuse("expected at most {} tensors, got more", max_tensors);
    tensors.emplace_back().name = field_;
    place_ = Place::tensor;
  } else {
    unexpected("an object");
  }
  return true;
}

bool HeaderReader::key(string_t& name) {
  field_ = name;
  if (place_ == Place::tensor) {
    tensor_key(name);
  } else if (place_ == Place::metadata) {
    if (metadata.contains(name)) refuse("this key occurs twice");
    if (metadata.size() == max_metadata) refuse("expected at most {} lines of metadata, got more", max_metadata);
  }
  return true;
}

void HeaderReader::tensor_key(const std::string& name) {
  const Description& tensor = tensors.back();
  const bool known = name == "dtype" || name == "shape" || name == "data_offsets";
  if (!known) refuse("expected only dtype, shape and data_offsets");
  const bool seen = (name == "dtype" && tensor.dtype) || (name == "shape" && tensor.shape) ||
                    (name == "data_offsets" && tensor.offsets);
  if (seen) refuse("this field occurs twice");
}

bool HeaderReader::end_object() {
  if (place_ == Place::tensor) {
    const Description& tensor = tensors.back();
    if (!tensor.dtype) fail("{}: tensor {}: has no dtype", file_, shown(tensor.name));
    if (!tensor.shape) fail("{}: tensor {}: has no shape", file_, shown(tensor.name));
    if (!tensor.offsets) fail("{}: tensor {}: has no data_offsets", file_, shown(tensor.name));
  }
  place_ = place_ == Place::root ? Place::outside : Place::root;
  return true;
}

bool HeaderReader::start_array(size_t) {
  if (is_value_of("shape")) {
    tensors.back().shape.emplace();
    place_ = Place::shape;
  } else if (is_value_of("data_offsets")) {
    tensors.back().offsets.emplace();
    place_ = Place::offsets;
  } else {
    unexpected("an array");
  }
  return true;
}

bool HeaderReader::end_array() {
  if (place_ == Place::offsets && tensors.back().offsets->size() != 2) {
    refuse("expected 2 offsets, got {}", tensors.back().offsets->size());
  }
  place_ = Place::tensor;
  return true;
}

bool HeaderReader::parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
  constexpr int number_out_of_range = 406;
  if (error.id == number_out_of_range) number("one beyond every range");
  refuse_json(position, error, file_ + ": the header");
}

// ---- The reader --------------------------------------------------------------------------------------------------

std::string_view header_text(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.size() < length_bytes) {
    fail("{}: expected at least {} bytes, got {}", file, length_bytes, bytes.size());
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), length_bytes);
  const size_t rest = bytes.size() - length_bytes;
  if (length > max_header_bytes) {
    fail("{}: expected a header of at most {} bytes, got a length of {}", file, max_header_bytes, length);
  }
  if (length > rest) fail("{}: expected a header of {} bytes, got {}: the file is cut short", file, length, rest);
  if (length == 0) fail("{}: the header is empty", file);
  return {reinterpret_cast<const char*>(bytes.data()) + length_bytes, length};
}

void parse_header(std::string_view text, HeaderReader& reader, const std::string& file) {
  if (text[0] != '{') fail("{}: expected the header to begin with {{, got {}", file, shown(text.substr(0, 1)));
  parse_json(text, reader, file + ": the header");
}

/// Proves that `tensor` has as many bytes as its type and shape need.
void check_size(const Description& tensor, const std::string& file) {
  const std::string where = fmt::format("{}: tensor {}", file, shown(tensor.name));
  if (tensor.end() < tensor.begin()) {
    fail("{}: data_offsets [{}, {}] are reversed", where, tensor.begin(), tensor.end());
  }
  uint64_t needed = tensor.bits;
  bool is_empty = false;
  for (const int64_t size : *tensor.shape) {
    if (size == 0) {
      is_empty = true;  // and go on: an overflow is one wherever the zero stands
    } else if (__builtin_mul_overflow(needed, static_cast<uint64_t>(size), &needed) || needed > INT64_MAX) {
      fail("{}: shape {} of {} has more than 2^63 - 1 bits", where, str(*tensor.shape), tensor.type());
    }
  }
  needed = is_empty ? 0 : (needed + 7) / 8;
  if (tensor.end() - tensor.begin() != needed) {
    fail("{}: shape {} of {} expected {} bytes, data_offsets [{}, {}] give {}", where, str(*tensor.shape),
         tensor.type(), needed, tensor.begin(), tensor.end(), tensor.end() - tensor.begin());
  }
}

/// Proves that the tensors fill `data_bytes` without hole, overlap or rest.
void check_layout(const std::vector<Description>& tensors, uint64_t data_bytes, const std::string& file,
                  const SafetensorsOptions& options) {
  std::vector<const Description*> sorted;
  for (const Description& tensor : tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(), [](const Description* a, const Description* b) {
    return std::pair(a->begin(), a->end()) < std::pair(b->begin(), b->end());
  });
  uint64_t end = 0;
  for (const Description* tensor : sorted) {
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
  if (bytes.size() <= length_bytes) return false;
  const auto length = number_at<uint64_t>(bytes, 0);
  return bytes[length_bytes] == std::byte{'{'} || (length > 0 && length <= bytes.size() - length_bytes);
}

StateDict internal::read_safetensors(std::span<const std::byte> bytes, const std::string& name,
                                     std::shared_ptr<const void> owner, const SafetensorsOptions& options) {
  const std::string_view text = header_text(bytes, name);
  HeaderReader header(name);
  parse_header(text, header, name);
  for (const Description& tensor : header.tensors) check_size(tensor, name);
  const std::span<const std::byte> data = bytes.subspan(length_bytes + text.size());
  check_layout(header.tensors, data.size(), name, options);

  StateDict weights;
  weights.metadata = std::move(header.metadata);
  for (Description& tensor : header.tensors) {
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

std::string_view safetensors_name(DType type) {
  return std::find_if(std::begin(dtype_names), std::end(dtype_names), [&](auto& row) { return row.second == type; })
      ->first;
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
  return std::string(reinterpret_cast<const char*>(&length), length_bytes) + json;
}

/// Reads back what is about to be written, as far as the reader would: the checks stand in one place.
void check_readable(const std::string& header, const std::string& file) {
  const std::string_view text = header_text(std::as_bytes(std::span(header)), file);
  HeaderReader reader(file);
  parse_header(text, reader, file);
  for (const Description& tensor : reader.tensors) check_size(tensor, file);
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
  check_readable(header, file);
  output.write(header.data(), header.size());
  for (const auto& [name, value] : saved) output.write(value.bytes.data(), value.bytes.size());
}

}  // namespace upconv
