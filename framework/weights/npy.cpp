#include "framework/weights/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/readers.h"
#include "framework/weights/writers.h"

namespace upconv {

using namespace internal;

namespace {

static_assert(std::endian::native == std::endian::little, "the header's length and the data are read in place");

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t version_bytes = 2;
constexpr size_t max_header_bytes = 10'000;  // numpy.load's own bound
constexpr size_t max_shown = 40;             // bytes of somebody's text in a message
constexpr size_t data_alignment = 64;        // of the first element, as numpy.save has it

/// NumPy's letter and size after the byte order.
constexpr std::array<std::pair<std::string_view, DType>, 12> descr_names = {{{"f8", DType::float64},
                                                                             {"f4", DType::float32},
                                                                             {"f2", DType::float16},
                                                                             {"i8", DType::int64},
                                                                             {"i4", DType::int32},
                                                                             {"i2", DType::int16},
                                                                             {"i1", DType::int8},
                                                                             {"u1", DType::uint8},
                                                                             {"u2", DType::uint16},
                                                                             {"u4", DType::uint32},
                                                                             {"u8", DType::uint64},
                                                                             {"b1", DType::boolean}}};

/// What stands in the dictionary.
struct Header {
  std::optional<NumpyType> type;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

/// Reads the dictionary: the three keys and the few kinds of value that they have, nothing else of Python, so nothing
/// nests.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}
  Header whole();

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: the header: {}", file_, fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] void expected(std::string_view what) const;

  char next();
  bool accept(char c);
  std::string_view string(std::string_view what);
  void entry(Header& header);
  void descr(Header& header);
  bool boolean();
  Shape tuple();
  int64_t size();

  std::string_view text_;  // what is not read yet
  const std::string& file_;
};

void HeaderReader::expected(std::string_view what) const {
  if (text_.empty()) refuse("expected {}, got the end", what);
  refuse("expected {}, got {:?}{}", what, text_.substr(0, max_shown), text_.size() > max_shown ? "..." : "");
}

/// The next character that is no space, or a zero byte at the end.
char HeaderReader::next() {
  text_.remove_prefix(std::min(text_.find_first_not_of(" \t\n"), text_.size()));
  return text_.empty() ? '\0' : text_.front();
}

bool HeaderReader::accept(char c) {
  if (next() != c || text_.empty()) return false;
  text_.remove_prefix(1);
  return true;
}

/// What stands between two quotes. None of our strings has an escape; one that has is none of ours.
std::string_view HeaderReader::string(std::string_view what) {
  const char quote = next();
  const size_t end = text_.find(quote, 1);
  if ((quote != '\'' && quote != '"') || end == text_.npos) expected(what);
  const std::string_view value = text_.substr(1, end - 1);
  text_.remove_prefix(end + 1);
  return value;
}

bool HeaderReader::boolean() {
  next();
  for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)})
    if (text_.starts_with(word)) {
      text_.remove_prefix(std::string_view(word).size());
      return value;
    }
  expected("True or False for fortran_order");
}

void HeaderReader::descr(Header& header) {
  const auto unreadable = [this](const std::string& reason) {
    throw UnreadableArray(fmt::format("{}: the header: {}", file_, reason), reason);
  };
  if (next() == '[' || next() == '(') unreadable("expected an array of plain numbers, got a structured type");
  const std::string_view descr = string("a string for descr");
  try {
    header.type = numpy_type(descr);
  } catch (const UnreadableArray& array) {
    unreadable(array.reason);
  }
}

int64_t HeaderReader::size() {
  if (next() == '-') refuse("shape has a negative size");
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
  if (error == std::errc::result_out_of_range) refuse("a size in shape does not fit 63 bits");
  if (error != std::errc{}) expected("a whole number in shape");
  text_.remove_prefix(static_cast<size_t>(end - text_.data()));
  if (text_.starts_with('L')) text_.remove_prefix(1);  // as Python 2 wrote long ones
  return value;
}

Shape HeaderReader::tuple() {
  if (!accept('(')) expected("a tuple for shape");
  Shape sizes;
  bool comma = true;
  while (!accept(')')) {
    if (!comma) expected("\",\" or \")\" in shape");
    if (sizes.size() == max_rank) refuse("expected at most {} dimensions, got more", max_rank);
    sizes.push_back(size());
    comma = accept(',');
  }
  if (sizes.size() == 1 && !comma)
    refuse("expected a tuple for shape, got the number ({0}), which is no ({0},)", sizes[0]);
  return sizes;
}

void HeaderReader::entry(Header& header) {
  const std::string_view key = string("a key in quotes");
  const bool again = (key == "descr" && header.type) || (key == "fortran_order" && header.fortran_order) ||
                     (key == "shape" && header.shape);
  if (again) refuse("{} is given twice", key);
  if (!accept(':')) expected("\":\" after a key");
  if (key == "descr") {
    descr(header);
  } else if (key == "fortran_order") {
    header.fortran_order = boolean();
  } else if (key == "shape") {
    header.shape = tuple();
  } else {
    refuse("expected only the keys descr, fortran_order and shape, got {:?}", key.substr(0, max_shown));
  }
}

Header HeaderReader::whole() {
  Header header;
  if (!accept('{')) expected("a dictionary");
  bool comma = true;
  while (!accept('}')) {
    if (!comma) expected("\",\" or \"}\" after a value");
    entry(header);
    comma = accept(',');
  }
  next();
  if (!text_.empty()) expected("nothing after the dictionary");
  if (!header.type) refuse("descr is missing");
  if (!header.fortran_order) refuse("fortran_order is missing");
  if (!header.shape) refuse("shape is missing");
  return header;
}

/// Takes the next `size` bytes off `bytes`.
std::span<const std::byte> take(std::span<const std::byte>& bytes, size_t size, std::string_view what,
                                const std::string& file) {
  if (bytes.size() < size)
    fail("{}: expected {} of {} bytes, got {}: the file is cut short", file, what, size, bytes.size());
  const auto taken = bytes.first(size);
  bytes = bytes.subspan(size);
  return taken;
}

/// The dictionary's text; `bytes` then begins with the data.
std::string_view header_text(std::span<const std::byte>& bytes, const std::string& file) {
  if (!looks_like_npy(bytes)) fail("{}: not a NumPy array: expected a file that begins with \"\\x93NUMPY\"", file);
  bytes = bytes.subspan(magic.size());
  const auto version = take(bytes, version_bytes, "a version", file);
  const auto major = std::to_integer<unsigned>(version[0]), minor = std::to_integer<unsigned>(version[1]);
  if (major < 1 || major > 3 || minor != 0)
    fail("{}: expected version 1.0, 2.0 or 3.0 of the format, got {}.{}", file, major, minor);
  const auto length_field = take(bytes, major == 1 ? sizeof(uint16_t) : sizeof(uint32_t), "a header length", file);
  uint32_t length = 0;
  std::memcpy(&length, length_field.data(), length_field.size());
  if (length > max_header_bytes)
    fail("{}: expected a header of at most {} bytes, got a length of {}", file, max_header_bytes, length);
  const auto text = take(bytes, length, "a header", file);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

/// How many bytes `header` asks for.
size_t data_size(const Header& header, const std::string& file) {
  int64_t count = 0;
  try {
    count = numel(*header.shape);
  } catch (const Error& error) {
    fail("{}: {}", file, error.what());
  }
  size_t size = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), size_of(header.type->dtype), &size) || size > INT64_MAX)
    fail("{}: shape {} of {} has more than 2^63 - 1 bytes", file, str(*header.shape), name(header.type->dtype));
  return size;
}

}  // namespace

NumpyType internal::numpy_type(std::string_view descr) {
  const auto refuse = [](const std::string& reason) { throw UnreadableArray(reason, reason); };
  const bool has_order = !descr.empty() && std::string_view("<>=|").find(descr[0]) != std::string_view::npos;
  const std::string_view type = descr.substr(has_order ? 1 : 0);
  if (type.starts_with('O')) refuse("expected an array of plain numbers, got Python objects");
  const auto known = std::find_if(descr_names.begin(), descr_names.end(), [&](auto& row) { return row.first == type; });
  if (known == descr_names.end())
    refuse(fmt::format("expected one of f8, f4, f2, i8, i4, i2, i1, u1, u2, u4, u8, b1 as type, got {:?}",
                       descr.substr(0, max_shown)));
  return {known->second, descr[0] == '>'};
}

bool internal::looks_like_npy(std::span<const std::byte> bytes) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

Stored internal::read_npy(std::span<const std::byte> bytes, const std::string& name,
                          std::shared_ptr<const void> owner) {
  const Header header = HeaderReader(header_text(bytes, name), name).whole();
  const size_t size = data_size(header, name);
  Bytes data = {take(bytes, size, "data", name), std::move(owner)};
  if (!bytes.empty()) fail("{}: {} trailing bytes after the data", name, bytes.size());
  const size_t element = size_of(header.type->dtype);
  if (header.type->is_big_endian && element > 1) data = own(swapped(data.span, element));
  if (*header.fortran_order && header.shape->size() > 1)
    data = own(from_fortran_order(data.span, *header.shape, element));
  return {header.type->dtype, *header.shape, data.span, std::move(data.owner)};
}

Tensor load_npy(const std::filesystem::path& path) {
  MappedFile file = map_or_read(path);
  return read_npy(file.bytes, path.string(), std::move(file.owner)).to_tensor();
}

void save_npy(const std::filesystem::path& path, const Tensor& tensor) {
  TemporaryFile file(path);
  write_npy(file, tensor);
  file.commit();
}

/// Magic, version, length and dictionary, padded with spaces so that the data begins at a multiple of 64.
std::string internal::npy_header(DType dtype, const Shape& shape) {
  const auto type =
      std::find_if(descr_names.begin(), descr_names.end(), [&](auto& row) { return row.second == dtype; });
  std::string text = fmt::format("{{'descr': '<{}', 'fortran_order': False, 'shape': {}, }}", type->first, str(shape));
  constexpr size_t length_bytes = sizeof(uint16_t);
  const size_t before = magic.size() + version_bytes + length_bytes;
  const size_t whole = (before + text.size() + data_alignment) / data_alignment * data_alignment;  // with its newline
  text.resize(whole - before - 1, ' ');
  text += '\n';
  if (text.size() > max_header_bytes) fail("a shape of {} dimensions is too long for a header", shape.size());
  const auto length = static_cast<uint16_t>(text.size());
  return std::string(magic) + '\x01' + '\x00' + std::string(reinterpret_cast<const char*>(&length), length_bytes) +
         text;
}

void internal::write_npy(Output& output, const Tensor& tensor) {
  const std::string header = npy_header(tensor.dtype(), tensor.shape());
  output.write(header.data(), header.size());
  output.write(tensor.bytes(), static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype()));
}

}  // namespace upconv
