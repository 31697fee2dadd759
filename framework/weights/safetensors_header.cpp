#include "framework/weights/safetensors_header.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json.h"

namespace upconv::internal {
namespace {

static_assert(std::endian::native == std::endian::little, "the header's length and the data are read in place");

constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own bound
constexpr size_t max_metadata = 100'000;
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

/// Takes the header's events and throws at the first that does not fit. Nothing is built but what is returned, so
/// neither depth nor size of a hostile header costs more than reading up to its first mistake.
class HeaderReader final : public JsonReceiver {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  std::vector<SafetensorsTensor> tensors;
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
  SafetensorsTensor& tensor = tensors.back();
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
  const SafetensorsTensor& tensor = tensors.back();
  const bool known = name == "dtype" || name == "shape" || name == "data_offsets";
  if (!known) refuse("expected only dtype, shape and data_offsets");
  const bool seen = (name == "dtype" && tensor.dtype) || (name == "shape" && tensor.shape) ||
                    (name == "data_offsets" && tensor.offsets);
  if (seen) refuse("this field occurs twice");
}

bool HeaderReader::end_object() {
  if (place_ == Place::tensor) {
    const SafetensorsTensor& tensor = tensors.back();
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

std::string_view header_text(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.size() < header_length_bytes) {
    fail("{}: expected at least {} bytes, got {}", file, header_length_bytes, bytes.size());
  }
  const auto length = number_at<uint64_t>(bytes, 0);
  const size_t rest = bytes.size() - header_length_bytes;
  if (length > max_header_bytes) {
    fail("{}: expected a header of at most {} bytes, got a length of {}", file, max_header_bytes, length);
  }
  if (length > rest) fail("{}: expected a header of {} bytes, got {}: the file is cut short", file, length, rest);
  if (length == 0) fail("{}: the header is empty", file);
  return {reinterpret_cast<const char*>(bytes.data()) + header_length_bytes, length};
}

void parse_header(std::string_view text, HeaderReader& reader, const std::string& file) {
  if (text[0] != '{') fail("{}: expected the header to begin with {{, got {}", file, shown(text.substr(0, 1)));
  parse_json(text, reader, file + ": the header");
}

/// Proves that `tensor` has as many bytes as its type and shape need.
void check_size(const SafetensorsTensor& tensor, const std::string& file) {
  const auto where = [&] { return fmt::format("{}: tensor {}", file, shown(tensor.name)); };
  if (tensor.end() < tensor.begin()) {
    fail("{}: data_offsets [{}, {}] are reversed", where(), tensor.begin(), tensor.end());
  }
  uint64_t needed = tensor.bits;
  bool is_empty = false;
  for (const int64_t size : *tensor.shape) {
    if (size == 0) {
      is_empty = true;  // and go on: an overflow is one wherever the zero stands
    } else if (__builtin_mul_overflow(needed, static_cast<uint64_t>(size), &needed) || needed > INT64_MAX) {
      fail("{}: shape {} of {} has more than 2^63 - 1 bits", where(), str(*tensor.shape), tensor.type());
    }
  }
  needed = is_empty ? 0 : (needed + 7) / 8;
  if (tensor.end() - tensor.begin() != needed) {
    fail("{}: shape {} of {} expected {} bytes, data_offsets [{}, {}] give {}", where(), str(*tensor.shape),
         tensor.type(), needed, tensor.begin(), tensor.end(), tensor.end() - tensor.begin());
  }
}

}  // namespace

SafetensorsHeader read_safetensors_header(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text = header_text(bytes, file);
  HeaderReader header(file);
  parse_header(text, header, file);
  for (const SafetensorsTensor& tensor : header.tensors) check_size(tensor, file);
  return {std::move(header.tensors), std::move(header.metadata), header_length_bytes + text.size()};
}

std::string_view safetensors_name(DType type) {
  return std::find_if(std::begin(dtype_names), std::end(dtype_names), [&](auto& row) { return row.second == type; })
      ->first;
}

}  // namespace upconv::internal
