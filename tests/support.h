#pragma once
// What several tests share.
#include <doctest/doctest.h>
#include <unistd.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace upconv {
namespace internal {}
using namespace internal;  // tests look inside
}  // namespace upconv

namespace upconv::testing {

/// A file of tests/golden.
inline StateDict golden(const std::string& name) { return load_state_dict(std::string(UPCONV_GOLDEN "/") + name); }

/// Every parameter drawn from `random` in PyTorch's order, then plausible batch statistics: the rule of
/// tests/golden/make.py.
inline void randomize(const AnyModule& module, Random& random) {
  for (auto& [name, parameter] : module.named_parameters()) parameter.set(random.randn(parameter.shape()));
  for (auto& [name, buffer] : module.named_buffers()) {
    if (buffer.dtype() != DType::float32) continue;
    Tensor values = random.randn(buffer.shape());
    if (name.ends_with("running_var"))
      for (int64_t i = 0; i < values.numel(); ++i) values.data()[i] = std::abs(values.data()[i]) + 0.5f;
    buffer.set(values);
  }
}

/// c * eps * sqrt(terms) * magnitude: what rounding may do to a sum of `terms` products whose absolute values add up to
/// `magnitude`. Errors of single roundings are independent, so they grow as the square root; c = 2 leaves room for the
/// worst of some thousand outputs.
inline double tolerance(double terms, double magnitude, double c = 2) {
  return c * std::numeric_limits<float>::epsilon() * std::sqrt(terms + 1) * magnitude;
}

/// The largest absolute value.
inline double largest(const Tensor& x) {
  double largest = 0;
  for (int64_t i = 0; i < x.numel(); ++i) largest = std::max(largest, std::abs(static_cast<double>(x.data()[i])));
  return largest;
}

/// How many products the longest path through the network adds up at most: those of one output of each weight.
inline double terms_of(const AnyModule& network) {
  double terms = 0;
  for (const auto& [path, module] : network.named_modules())
    for (const auto& [name, parameter] : module->named_parameters())
      if (name == "weight" && parameter.shape().size() > 1)
        terms += static_cast<double>(numel(parameter.shape()) /
                                     parameter.shape()[static_cast<size_t>(module->output_dim())]);
  return terms;
}

/// What rounding may do to a network's outputs. Each layer's rounding is an independent error relative to its values,
/// which keep their size from layer to layer, so the whole is like one sum of all their terms, whose size is the
/// largest output.
inline double network_tolerance(const AnyModule& network, const Tensor& outputs, double c = 2) {
  return tolerance(terms_of(network), largest(outputs), c);
}

/// The rms difference of two tensors.
inline double rms(const Tensor& got, const Tensor& truth) {
  double sum = 0;
  for (int64_t i = 0; i < got.numel(); ++i) {
    const double difference = static_cast<double>(got.data()[i]) - truth.data()[i];
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(got.numel()));
}

/// How many times the errors of Accuracy::standard an algorithm may make. F(6,3) mixes 64 inputs for one output, which
/// count although a kernel of fewer taps reads few of them.
inline double growth(const std::string& algorithm) {
  const auto is = [&](const char* scheme) { return algorithm.find(scheme) != std::string::npos; };
  if (is("F(6,3)")) return 20;
  if (is("tiles x3")) return 192;  // whose factors have 16 of 24 bits, of which a lone product shows all
  return is("F(4,3)") ? 4 : is("F(4,4)") || is("F(3,5)") ? 2 : 1;
}

/// Those of available_isas() whose algorithms are all of vectors: where tiles are, layers take them before others.
inline std::vector<Isa> isas_of_vectors() {
  std::vector<Isa> isas = available_isas();
  std::erase(isas, Isa::amx);
  return isas;
}

/// Fails, naming the worst element, unless |got - expected| <= bound(i) everywhere and NaNs meet NaNs.
inline void check_close(const Tensor& got, const Tensor& expected, const std::function<double(int64_t)>& bound) {
  REQUIRE(str(got.shape()) == str(expected.shape()));
  int64_t worst = -1;
  double excess = 0;
  for (int64_t i = 0; i < got.numel(); ++i) {
    const double g = got.data()[i], e = expected.data()[i];
    if (g == e || (std::isnan(g) && std::isnan(e))) continue;
    const double ratio = std::abs(g - e) / bound(i);
    if (!(ratio <= excess)) {
      excess = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
      worst = i;
    }
  }
  CAPTURE(worst);
  if (worst >= 0) {
    const float g = got.data()[worst], e = expected.data()[worst];
    CAPTURE(g);
    CAPTURE(e);
    CHECK(excess <= 1);
  }
  CHECK(excess <= 1);
}

/// Equal bits, element by element.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::equal(a.bytes(), a.bytes() + static_cast<size_t>(a.numel()) * size_of(a.dtype()), b.bytes());
}

/// The text of the Error that `f` throws; fails the test where it throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  FAIL_CHECK("no Error was thrown");
  return "";
}

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "upconv-test-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    REQUIRE(!path_.empty());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& file) const { return path_ / file; }
  std::filesystem::path write(const std::string& file, const std::string& bytes) const {
    std::ofstream(path_ / file, std::ios::binary) << bytes;
    return path_ / file;
  }
  auto files() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

 private:
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace upconv::testing
