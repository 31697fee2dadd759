#include "framework/parameter.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <optional>

#include "framework/fail.h"
#include "framework/forks.h"
#include "framework/memo.h"

namespace upconv {

using namespace internal;

namespace {

static_assert(std::endian::native == std::endian::little, "saved elements are little-endian and are read in place");

std::string_view kind(DType type) { return is_floating(type) ? "floating point" : "integer"; }

/// The number of elements, after proof that the bytes hold exactly those.
size_t checked_count(const Stored& stored) {
  if (!stored.unreadable.empty()) fail("a tensor that cannot be read: {}", stored.unreadable);
  const auto count = static_cast<size_t>(numel(stored.shape));
  size_t expected = 0;
  if (__builtin_mul_overflow(count, size_of(stored.dtype), &expected) || stored.bytes.size() != expected) {
    fail("{} values of shape {}: expected {} elements of {} bytes, got {} bytes", name(stored.dtype), str(stored.shape),
         count, size_of(stored.dtype), stored.bytes.size());
  }
  return count;
}

/// binary16 to binary32. Masks select between the cases, because compilers make vectors of them for every instruction
/// set, where some keep branches for `?:`. A subnormal m * 2^-24 is made as (1 + m * 2^-10) * 2^-14 less 2^-14: exact,
/// and free of operands that are subnormal as binary32, which a thread in flush-to-zero mode would lose.
float from_float16(uint16_t half) {
  constexpr int32_t exponent_mask = 1 << 23;
  constexpr int32_t rebias = (127 - 15) * exponent_mask;
  const int32_t sign = (half & 0x8000) << 16;
  const int32_t magnitude = half & 0x7fff;
  const int32_t is_subnormal = (magnitude - 0x0400) >> 31;        // all bits, or none; also for zero
  const int32_t is_infinity_or_nan = (0x7bff - magnitude) >> 31;  // all bits, or none
  const int32_t biased = (magnitude << 13) + rebias + (is_infinity_or_nan & rebias) + (is_subnormal & exponent_mask);
  const float excess = std::bit_cast<float>(is_subnormal & (rebias + exponent_mask));  // 2^-14, or 0
  return std::bit_cast<float>(sign | std::bit_cast<int32_t>(std::bit_cast<float>(biased) - excess));
}

float from_bfloat16(uint16_t upper_half) { return std::bit_cast<float>(uint32_t{upper_half} << 16); }

/// out[i] = convert(from[i]), where `from` may lie at any address.
template <class From, class To, class Convert>
void convert_all(const std::byte* __restrict from, To* __restrict out, size_t count, Convert convert) {
  for (size_t i = 0; i < count; ++i) {
    From element;
    std::memcpy(&element, from + i * sizeof(From), sizeof(From));
    out[i] = convert(element);
  }
}

/// A format of 8 bits: how many of them are the fraction's, what is taken from the exponent's, and which bits are no
/// finite number. https://github.com/openxla/stablehlo/blob/main/rfcs/20230321-fp8_fnuz.md and the OCP's specifications
/// of 8-bit floating point (1.0) and of microscaling formats (1.0).
struct Float8 {
  int fraction_bits, bias;
  bool is_signed = true;
  uint8_t infinity = 0;   // 0 where there is none
  uint8_t least_nan = 0;  // of the bits without the sign; 0 where only the negative zero is one
};
constexpr Float8 e4m3fn{.fraction_bits = 3, .bias = 7, .least_nan = 0x7f};
constexpr Float8 e5m2{.fraction_bits = 2, .bias = 15, .infinity = 0x7c, .least_nan = 0x7d};
constexpr Float8 e4m3fnuz{.fraction_bits = 3, .bias = 8};
constexpr Float8 e5m2fnuz{.fraction_bits = 2, .bias = 16};
constexpr Float8 e8m0fnu{.fraction_bits = 0, .bias = 127, .is_signed = false, .least_nan = 0xff};

/// Every bit pattern's value, all of which float32 holds exactly.
template <Float8 format>
constexpr std::array<float, 256> float8_values() {
  std::array<float, 256> values{};
  for (int bits = 0; bits < 256; ++bits) {
    const bool is_negative = format.is_signed && bits >= 0x80;
    const int magnitude = is_negative ? bits - 0x80 : bits;
    const int exponent = magnitude >> format.fraction_bits, fraction = magnitude - (exponent << format.fraction_bits);
    const bool is_subnormal = exponent == 0 && format.fraction_bits > 0;
    const int significand = is_subnormal ? fraction : fraction + (1 << format.fraction_bits);
    // In double, where no power of two that is needed is subnormal.
    double value = significand;
    int power = (is_subnormal ? 1 : exponent) - format.bias - format.fraction_bits;
    for (; power > 0; --power) value *= 2;
    for (; power < 0; ++power) value /= 2;
    const bool is_nan = format.least_nan != 0 ? magnitude >= format.least_nan : bits == 0x80;
    if (is_nan) value = std::numeric_limits<double>::quiet_NaN();
    if (format.infinity != 0 && magnitude == format.infinity) value = std::numeric_limits<double>::infinity();
    values[static_cast<size_t>(bits)] = static_cast<float>(is_negative ? -value : value);
  }
  return values;
}

template <Float8 format>
void look_up(const std::byte* from, float* out, size_t count) {
  static constexpr std::array<float, 256> values = float8_values<format>();
  convert_all<uint8_t>(from, out, count, [](uint8_t bits) { return values[bits]; });
}

template <class From>
void widen(const Stored& stored, int64_t* out, size_t count) {
  convert_all<From>(stored.bytes.data(), out, count, [](From value) { return static_cast<int64_t>(value); });
}

void to_integers(const Stored& stored, int64_t* out) {
  const size_t count = checked_count(stored);
  switch (stored.dtype) {
    case DType::int64:
      return widen<int64_t>(stored, out, count);
    case DType::int32:
      return widen<int32_t>(stored, out, count);
    case DType::int16:
      return widen<int16_t>(stored, out, count);
    case DType::int8:
      return widen<int8_t>(stored, out, count);
    case DType::uint8:
      return widen<uint8_t>(stored, out, count);
    case DType::uint16:
      return widen<uint16_t>(stored, out, count);
    case DType::uint32:
      return widen<uint32_t>(stored, out, count);
    case DType::uint64:
      return convert_all<uint64_t>(stored.bytes.data(), out, count, [](uint64_t value) {
        if (value > INT64_MAX) fail("expected integers below 2^63, got {}", value);
        return static_cast<int64_t>(value);
      });
    case DType::boolean:
      return convert_all<uint8_t>(stored.bytes.data(), out, count, [](uint8_t value) { return int64_t{value != 0}; });
    default:
      fail("expected integers, got {} of shape {}", name(stored.dtype), str(stored.shape));
  }
}

}  // namespace

Stored Stored::of(const Tensor& tensor) {
  auto owner = std::make_shared<const Tensor>(tensor);
  const std::span<const std::byte> bytes(owner->bytes(), static_cast<size_t>(owner->numel()) * size_of(owner->dtype()));
  return {tensor.dtype(), tensor.shape(), bytes, std::move(owner)};
}

Tensor Stored::to_tensor() const {
  checked_count(*this);  // before memory is asked for
  Tensor tensor(shape, is_floating(dtype) ? DType::float32 : DType::int64);
  is_floating(dtype) ? to_float(tensor.data()) : to_integers(*this, tensor.indices());
  return tensor;
}

void Stored::to_float(float* out) const { to_float(out, 0, checked_count(*this)); }

void Stored::to_float(float* out, size_t first, size_t count) const {
  const std::byte* from = bytes.data() + first * size_of(dtype);
  switch (dtype) {
    case DType::float64:
      return convert_all<double>(from, out, count, [](double value) { return static_cast<float>(value); });
    case DType::float32:
      return convert_all<float>(from, out, count, [](float value) { return value; });
    case DType::float16:
      return convert_all<uint16_t>(from, out, count, from_float16);
    case DType::bfloat16:
      return convert_all<uint16_t>(from, out, count, from_bfloat16);
    case DType::float8_e4m3fn:
      return look_up<e4m3fn>(from, out, count);
    case DType::float8_e5m2:
      return look_up<e5m2>(from, out, count);
    case DType::float8_e4m3fnuz:
      return look_up<e4m3fnuz>(from, out, count);
    case DType::float8_e5m2fnuz:
      return look_up<e5m2fnuz>(from, out, count);
    case DType::float8_e8m0fnu:
      return look_up<e8m0fnu>(from, out, count);
    default:
      fail("expected floating point values, got {} of shape {}", name(dtype), str(shape));
  }
}

struct Parameter::State {
  /// Has a lock of its own, so that making one entry neither waits for another nor is made twice.
  struct CacheEntry {
    Mutex mutex;
    std::shared_ptr<const void> value;
  };

  State(Shape the_shape, DType the_dtype) : shape(std::move(the_shape)), dtype(the_dtype) {}

  const Shape shape;
  const DType dtype;
  Mutex mutex;  // guards all that follows
  std::optional<Stored> stored;
  std::function<Tensor()> initial;    // of the values, where they were neither loaded nor set
  std::atomic<uint64_t> version = 0;  // read without the lock too: calls compare those of many parameters
  std::map<std::string, std::shared_ptr<CacheEntry>> cache;  // of this version only

  std::unique_lock<Mutex> lock() {
    std::unique_lock lock(mutex);
    if (mutex.was_abandoned()) begin_anew(cache);
    return lock;
  }
};

Parameter::Parameter(Shape shape, DType dtype) : state_(std::make_shared<State>(std::move(shape), dtype)) {
  numel(state_->shape);  // throws for what is no shape
  if (dtype != DType::float32 && dtype != DType::int64) {
    fail("a parameter is float32 or int64, got {} for shape {}", name(dtype), str(state_->shape));
  }
}

Parameter::Parameter(const Tensor& initial) : Parameter(initial.shape(), initial.dtype()) { set(initial); }

Parameter::Parameter(Shape shape, DType dtype, std::function<Tensor()> initial) : Parameter(std::move(shape), dtype) {
  begin(std::move(initial));
}

void Parameter::begin(std::function<Tensor()> initial) const {
  const auto lock = state_->lock();
  state_->stored.reset();
  state_->initial = std::move(initial);
  ++state_->version;
  state_->cache.clear();
}

std::function<Tensor()> Parameter::initial() const {
  const auto lock = state_->lock();
  return state_->stored ? nullptr : state_->initial;
}

const Shape& Parameter::shape() const { return state_->shape; }

DType Parameter::dtype() const { return state_->dtype; }

bool Parameter::has_value() const {
  const auto lock = state_->lock();
  return state_->stored || state_->initial;
}

bool Parameter::is_initial() const {
  const auto lock = state_->lock();
  return state_->initial != nullptr;
}

Stored Parameter::stored() const {
  const auto lock = state_->lock();
  if (!state_->stored && state_->initial) state_->stored = Stored::of(state_->initial());
  if (!state_->stored) fail("a {} parameter of shape {} has no values yet", name(dtype()), str(shape()));
  return *state_->stored;
}

void Parameter::set(Stored values) const {
  if (values.dtype == DType::boolean && is_floating(dtype())) {
    // As PyTorch copies them: 0 and 1.
    const Tensor truths = values.to_tensor();
    const std::vector<float> numbers(truths.indices(), truths.indices() + truths.numel());
    return set(Tensor(values.shape, numbers));
  }
  if (values.shape != shape()) fail("expected shape {}, got {}", str(shape()), str(values.shape));
  if (is_floating(values.dtype) != is_floating(dtype())) {
    fail("expected {} values for shape {}, got {}", kind(dtype()), str(shape()), name(values.dtype));
  }
  checked_count(values);
  const auto lock = state_->lock();
  state_->stored = std::move(values);
  state_->initial = nullptr;
  ++state_->version;
  state_->cache.clear();
}

uint64_t Parameter::version() const { return state_->version; }

std::shared_ptr<const void> Memo::of(const Parameter& parameter, const std::string& key,
                                     const std::function<std::shared_ptr<const void>()>& make) {
  Parameter::State& state = *parameter.state_;
  std::shared_ptr<Parameter::State::CacheEntry> entry;
  {
    const auto lock = state.lock();
    auto& slot = state.cache[key];
    if (!slot) slot = std::make_shared<Parameter::State::CacheEntry>();
    entry = slot;
  }
  const std::lock_guard lock(entry->mutex);
  if (entry->mutex.was_abandoned()) begin_anew(entry->value);
  if (!entry->value) entry->value = make();
  return entry->value;
}

void Memo::drop_unused(const Parameter& parameter) {
  Parameter::State& state = *parameter.state_;
  const auto lock = state.lock();
  // An entry that somebody is asking for, or whose value a program holds, stays.
  std::erase_if(state.cache, [](const auto& one) {
    const auto& entry = one.second;
    return entry && entry.use_count() == 1 && entry->value.use_count() <= 1;
  });
}

}  // namespace upconv
