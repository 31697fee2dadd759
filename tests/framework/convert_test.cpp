#include "framework/weights/convert.h"

#include <bit>
#include <cstring>

#include "framework/weights/safetensors.h"
#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

template <class T>
Stored stored(DType dtype, const std::vector<T>& values) {
  const auto owner = std::make_shared<const std::vector<T>>(values);
  return {dtype, {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(*owner)), owner};
}

template <class T>
std::vector<T> values_of(const Stored& stored) {
  std::vector<T> values(stored.bytes.size() / sizeof(T));
  std::memcpy(values.data(), stored.bytes.data(), stored.bytes.size());
  return values;
}

uint16_t rounded(double value, DType dtype) {
  return values_of<uint16_t>(converted(stored<double>(DType::float64, {value}), dtype, "x"))[0];
}

/// The values of all 65536 patterns of a 16-bit type.
std::vector<float> all_values(DType dtype) {
  std::vector<uint16_t> bits(65536);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint16_t>(i);
  std::vector<float> values(bits.size());
  stored(dtype, bits).to_float(values.data());
  return values;
}

TEST_CASE("convert: every 16-bit number, and what lies between two, rounds to nearest with ties to even") {
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    const std::vector<float> values = all_values(dtype);
    const std::vector<uint16_t> back = values_of<uint16_t>(converted(stored(DType::float32, values), dtype, "x"));
    size_t wrong = 0;
    for (uint32_t i = 0; i < 65536; ++i)
      if (std::isnan(values[i]) ? (back[i] & 0x7fff) <= (dtype == DType::float16 ? 0x7c00 : 0x7f80) : back[i] != i)
        ++wrong;
    CHECK(wrong == 0);
    for (uint32_t i = 0; std::isfinite(values[i + 1]); ++i) {
      const double low = values[i], high = values[i + 1], middle = (low + high) / 2;
      if (rounded(middle, dtype) != (i % 2 == 0 ? i : i + 1)) ++wrong;
      if (rounded(std::nextafter(middle, 0), dtype) != i) ++wrong;
      if (rounded(-std::nextafter(middle, high), dtype) != (0x8000 | (i + 1))) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("convert: float64 is rounded once") {
  // Through float32 it would first lose the last bit and then be a tie.
  CHECK(rounded(1 + 0x1p-11 + 0x1p-40, DType::float16) == 0x3c01);
  const Stored narrow = converted(stored<double>(DType::float64, {0.1, 1e-320}), DType::float32, "x");
  CHECK(values_of<float>(narrow) == std::vector<float>{0.1f, 0});
}

TEST_CASE("convert: a finite number that would become infinite is refused, infinities and NaNs are not") {
  const std::vector<float> values = {65519, INFINITY, -INFINITY, NAN};
  const auto bits = values_of<uint16_t>(converted(stored(DType::float32, values), DType::float16, "x"));
  CHECK(bits == std::vector<uint16_t>{0x7bff, 0x7c00, 0xfc00, 0x7e00});
  CHECK(error_of([] {
          converted(stored<float>(DType::float32, {1, -65520}), DType::float16, "main.0.weight");
        }) == "main.0.weight: -65520 is beyond the range of float16");
  CHECK(error_of([] {
          converted(stored<float>(DType::float32, {3.4e38f}), DType::bfloat16, "x");
        }).find("beyond the range of bfloat16") != std::string::npos);
  CHECK(error_of([] { converted(stored<double>(DType::float64, {1e39}), DType::float32, "x"); }) ==
        "x: 1e+39 is beyond the range of float32");
}

TEST_CASE("save: in another type, with integers and metadata as they are") {
  const TemporaryFolder folder;
  StateDict weights = testing::golden("names/netG.safetensors");
  weights.metadata = {{"by", "a test"}};
  for (const auto& [dtype, bytes] :
       {std::pair(DType::float16, 2), std::pair(DType::bfloat16, 2), std::pair(DType::float32, 4)}) {
    save_safetensors(folder / "a.safetensors", weights, {.dtype = dtype});
    const StateDict saved = load_state_dict(folder / "a.safetensors");
    CHECK(saved.metadata == weights.metadata);
    CHECK(saved.at("0.weight").dtype == dtype);
    CHECK(saved.at("0.weight").bytes.size() == static_cast<size_t>(bytes) * 5 * 4 * 9);
    CHECK(saved.at("1.num_batches_tracked").dtype == DType::int64);
    const float before = weights.at("0.weight").to_tensor().data()[7],
                after = saved.at("0.weight").to_tensor().data()[7];
    CHECK(after == doctest::Approx(before).epsilon(dtype == DType::bfloat16 ? 0x1p-8 : 0x1p-11));
    CHECK((after == before) == (dtype == DType::float32));
  }
}

TEST_CASE("save: a refused conversion leaves what was there") {
  const TemporaryFolder folder;
  folder.write("a.safetensors", "before");
  StateDict weights;
  weights.add("big", Stored::of(Tensor({1}, std::vector<float>{1e6f})));
  CHECK(error_of([&] { save_safetensors(folder / "a.safetensors", weights, {.dtype = DType::float16}); }) ==
        "big: 1000000 is beyond the range of float16");
  CHECK(error_of([&] {
          save_safetensors(folder / "a.safetensors", weights, {.dtype = DType::int64});
        }).find("floating-point type to convert to, got int64") != std::string::npos);
  CHECK(testing::bytes_of(folder / "a.safetensors") == "before");
  CHECK(folder.files() == 1);
}

}  // namespace
}  // namespace upconv
