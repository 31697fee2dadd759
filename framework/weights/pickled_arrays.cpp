#include "framework/weights/pickled_arrays.h"

#include <algorithm>
#include <optional>
#include <string>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/readers.h"

namespace upconv::internal {
namespace {

using Ref = Pickle::Ref;

/// Without the package: numpy._core, or numpy.core before 2.
constexpr std::string_view reconstruct = "multiarray._reconstruct", scalar = "multiarray.scalar",
                           from_buffer = "numeric._frombuffer";

/// "multiarray.scalar" of "numpy._core.multiarray.scalar"; "" for what is none of NumPy's.
std::string_view within_numpy(std::string_view function) {
  for (const std::string_view package : {"numpy._core.", "numpy.core."})
    if (function.starts_with(package)) return function.substr(package.size());
  return "";
}

class ArrayReader {
 public:
  ArrayReader(const Pickle& pickle, uint64_t& room) : pickle_(pickle), room_(room) {}

  Stored reconstructed(Ref state);
  Stored scalar(const std::vector<Ref>& arguments);
  Stored from_buffer(const std::vector<Ref>& arguments);

 private:
  template <class... Args>
  [[noreturn]] static void refuse(fmt::format_string<Args...> format, Args&&... args) {
    const std::string reason = fmt::format(format, std::forward<Args>(args)...);
    throw UnreadableArray(reason, reason);
  }

  const std::vector<Ref>& tuple(Ref ref, std::string_view what) const;
  std::string_view text(Ref ref, std::string_view what) const;
  Shape shape(Ref ref) const;
  NumpyType type(Ref ref) const;
  std::string_view raw(Ref ref) const;
  std::vector<std::byte> elements(Ref ref, size_t size);
  Stored array(const NumpyType& type, Shape shape, Ref data, bool is_fortran);

  const Pickle& pickle_;
  uint64_t& room_;
};

const std::vector<Ref>& ArrayReader::tuple(Ref ref, std::string_view what) const {
  const auto* tuple = pickle_.get<Pickle::Tuple>(ref);
  if (tuple == nullptr) refuse("an array of NumPy's with {} as {}", pickle_.kind(ref), what);
  return tuple->items;
}

std::string_view ArrayReader::text(Ref ref, std::string_view what) const {
  const auto* text = pickle_.get<std::string_view>(ref);
  if (text == nullptr) refuse("an array of NumPy's with {} as {}", pickle_.kind(ref), what);
  return *text;
}

Shape ArrayReader::shape(Ref ref) const {
  Shape shape;
  for (const Ref item : tuple(ref, "shape")) {
    const int64_t* size = pickle_.get<int64_t>(item);
    if (size == nullptr || *size < 0 || shape.size() == max_rank)
      refuse("an array of NumPy's whose shape is not up to {} sizes", max_rank);
    shape.push_back(*size);
  }
  return shape;
}

/// numpy.dtype("f8", ...) with the state (version, order of bytes, subarray, names, ...).
NumpyType ArrayReader::type(Ref ref) const {
  const auto* call = pickle_.get<Pickle::Call>(ref);
  if (call == nullptr || pickle_.called(ref) != "numpy.dtype")
    refuse("an array of NumPy's with {} as type", pickle_.kind(ref));
  const std::vector<Ref>& arguments = tuple(call->arguments, "arguments of its type");
  if (arguments.empty()) refuse("an array of NumPy's without a type");
  const std::string_view name = text(arguments[0], "type");
  const auto* state = pickle_.get<Pickle::Tuple>(call->state);
  std::string descr;
  if (state != nullptr && state->items.size() >= 2) descr = text(state->items[1], "order of bytes");
  return numpy_type(descr + std::string(name));
}

/// The bytes themselves, or their text where protocol 2 has Latin-1 in the place of bytes.
std::string_view ArrayReader::raw(Ref ref) const {
  if (const auto* raw = pickle_.get<Pickle::Raw>(ref)) return raw->bytes;
  if (const auto* text = pickle_.get<std::string_view>(ref)) return *text;  // a string of Python 2
  refuse("an array of NumPy's whose elements are {}", pickle_.kind(ref));
}

/// The elements as bytes, of which there must be `size`.
std::vector<std::byte> ArrayReader::elements(Ref ref, size_t size) {
  if (size > room_) refuse("{} bytes, more than a file of this size should have", size);
  room_ -= size;
  const auto as_bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  std::vector<std::byte> bytes;
  const std::string function = pickle_.called(ref);
  if (function == "_codecs.encode") {  // (text, "latin1"), as pickles of protocol 2 write bytes
    const std::vector<Ref>& arguments = tuple(pickle_.get<Pickle::Call>(ref)->arguments, "arguments");
    if (arguments.size() != 2 || text(arguments[1], "an encoding") != "latin1")
      refuse("an array of NumPy's in another encoding than latin1");
    bytes = latin1(text(arguments[0], "elements"), size);
  } else if (!function.ends_with(".bytes")) {  // bytes(), which are none
    const auto found = as_bytes(raw(ref));
    if (found.size() == size) bytes.assign(found.begin(), found.end());
  }
  if (bytes.size() != size) refuse("an array of NumPy's of {} bytes without as many", size);
  return bytes;
}

Stored ArrayReader::array(const NumpyType& type, Shape shape, Ref data, bool is_fortran) {
  const size_t element = size_of(type.dtype);
  uint64_t size = element;
  bool is_empty = false;
  for (const int64_t n : shape) {
    if (n == 0)
      is_empty = true;
    else if (__builtin_mul_overflow(size, static_cast<uint64_t>(n), &size) || size > INT64_MAX)
      refuse("shape {} has more than 2^63 - 1 bytes", str(shape));
  }
  Bytes bytes = own(elements(data, is_empty ? 0 : size));
  if (type.is_big_endian && element > 1) bytes = own(swapped(bytes.span, element));
  if (is_fortran && shape.size() > 1) bytes = own(from_fortran_order(bytes.span, shape, element));
  return {type.dtype, std::move(shape), bytes.span, std::move(bytes.owner)};
}

Stored ArrayReader::reconstructed(Ref ref) {
  std::span<const Ref> state = tuple(ref, "state");
  if (state.size() == 5) state = state.subspan(1);  // without the version
  if (state.size() != 4) refuse("an array of NumPy's with a state of {} values", state.size());
  const int64_t* number = pickle_.get<int64_t>(state[2]);
  const bool is_fortran = number != nullptr ? *number != 0 : pickle_.is_true(state[2]);
  return array(type(state[1]), shape(state[0]), state[3], is_fortran);
}

Stored ArrayReader::scalar(const std::vector<Ref>& arguments) {
  if (arguments.size() != 2) refuse("a scalar of NumPy's of {} values", arguments.size());
  return array(type(arguments[0]), {}, arguments[1], false);
}

/// Order "K" says how the axes of what lies in C's order are permuted.
Stored ArrayReader::from_buffer(const std::vector<Ref>& arguments) {
  if (arguments.size() != 4 && arguments.size() != 5) refuse("an array of NumPy's of {} values", arguments.size());
  const std::string_view order = text(arguments[3], "order");
  if (order != "K" || arguments.size() == 4)
    return array(type(arguments[1]), shape(arguments[2]), arguments[0], order == "F");
  const Stored base = array(type(arguments[1]), shape(arguments[2]), arguments[0], false);
  const Shape axes = shape(arguments[4]);
  Shape sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  for (size_t d = 0; d < sorted.size(); ++d)
    if (sorted.size() != base.shape.size() || sorted[d] != static_cast<int64_t>(d))
      refuse("an array of NumPy's whose axes {} are no permutation", str(axes));
  const size_t element = size_of(base.dtype);
  std::vector<size_t> strides(axes.size(), element);
  for (size_t d = axes.size(); d-- > 1;) strides[d - 1] = strides[d] * static_cast<size_t>(base.shape[d]);
  Shape permuted;
  std::vector<size_t> steps;
  for (const int64_t axis : axes) {
    permuted.push_back(base.shape[static_cast<size_t>(axis)]);
    steps.push_back(strides[static_cast<size_t>(axis)]);
  }
  const Bytes bytes = own(gathered(base.bytes.data(), permuted, steps, element));
  return {base.dtype, permuted, bytes.span, bytes.owner};
}

}  // namespace

bool makes_array(std::string_view function) {
  const std::string_view name = within_numpy(function);
  return name == reconstruct || name == scalar || name == from_buffer;
}

Stored pickled_array(const Pickle& pickle, std::string_view function, const std::vector<Ref>& arguments, Ref state,
                     uint64_t& room) {
  ArrayReader reader(pickle, room);
  const std::string_view name = within_numpy(function);
  try {
    if (name == reconstruct) return reader.reconstructed(state);
    return name == scalar ? reader.scalar(arguments) : reader.from_buffer(arguments);
  } catch (const UnreadableArray& array) {
    return unreadable_tensor(array.reason);
  }
}

}  // namespace upconv::internal
