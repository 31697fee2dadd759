#include "framework/weights/fold.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "framework/weights/packed_cache.h"

namespace upconv::internal {
namespace {

/// A tensor seen as [outer][size][inner], where `size` is that of one of its dimensions: PyTorch's matrix of it has a
/// row for each index of that dimension, and outer * inner columns.
struct Matrix {
  size_t outer = 1, size = 1, inner = 1;

  Matrix(const Shape& shape, size_t dim) {
    for (size_t d = 0; d < shape.size(); ++d)
      (d < dim ? outer : d > dim ? inner : size) *= static_cast<size_t>(shape[d]);
  }

  /// visit(element, row, column), in the order of the elements.
  template <class Visit>
  void for_each(Visit visit) const {
    size_t element = 0;
    for (size_t o = 0; o < outer; ++o)
      for (size_t row = 0; row < size; ++row)
        for (size_t i = 0; i < inner; ++i) visit(element++, row, o * inner + i);
  }
};

const Stored& floating(const StateDict& weights, const std::string& name) {
  const Stored& stored = weights.at(name);
  if (!is_floating(stored.dtype)) fail("{}: expected floating point, got {}", name, upconv::name(stored.dtype));
  return stored;
}

std::vector<float> floats(const Stored& stored) {
  std::vector<float> values(static_cast<size_t>(numel(stored.shape)));
  stored.to_float(values.data());
  return values;
}

/// The dimension whose size is u's and whose columns are as many as v has values.
size_t spectral_dim(const Stored& u, const Stored& v, const Shape& shape, int64_t output_dim, const std::string& name) {
  const auto fits = [&](size_t dim) {
    const Matrix matrix(shape, dim);
    return u.shape == Shape{static_cast<int64_t>(matrix.size)} &&
           v.shape == Shape{static_cast<int64_t>(matrix.outer * matrix.inner)};
  };
  const auto usual = static_cast<size_t>(output_dim);
  if (usual < shape.size() && fits(usual)) return usual;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    if (fits(dim)) return dim;
  fail("{}: {} and v's {} fit no dimension of {}", name, str(u.shape), str(v.shape), str(shape));
}

/// weight / sigma, where sigma = u^T W v.
void fold_spectral(const StateDict& weights, const std::vector<std::string>& names, const Shape& shape,
                   int64_t output_dim, float* out) {
  const Stored &u = floating(weights, names[1]), &v = floating(weights, names[2]);
  const Matrix matrix(shape, spectral_dim(u, v, shape, output_dim, names[1]));
  const std::vector<float> left = floats(u), right = floats(v);
  std::vector<double> products(matrix.size, 0.0);
  matrix.for_each([&](size_t i, size_t row, size_t column) { products[row] += double{out[i]} * right[column]; });
  double sigma = 0;
  for (size_t row = 0; row < matrix.size; ++row) sigma += left[row] * products[row];
  matrix.for_each([&](size_t i, size_t, size_t) { out[i] = static_cast<float>(out[i] / sigma); });
}

/// The dimension along which the magnitudes differ, or any where there is one for all.
size_t magnitude_dim(const Stored& magnitude, const Shape& shape, const std::string& name) {
  const Shape& g = magnitude.shape;
  if (numel(g) == 1) return shape.size();
  const auto along = std::find_if(g.begin(), g.end(), [](int64_t size) { return size != 1; });
  const auto dim = static_cast<size_t>(along - g.begin());
  Shape expected(shape.size(), 1);
  if (dim < shape.size()) expected[dim] = shape[dim];
  if (g != expected) fail("{}: {} fits no dimension of {}", name, str(g), str(shape));
  return dim;
}

/// v * (g / |v|), where the norm is that of each slice with a magnitude of its own.
void fold_weight(const StateDict& weights, const std::vector<std::string>& names, const Shape& shape, float* out) {
  const Stored& magnitude = floating(weights, names[0]);
  const Matrix matrix(shape, magnitude_dim(magnitude, shape, names[0]));
  const std::vector<float> g = floats(magnitude);
  std::vector<double> squares(matrix.size, 0.0);
  matrix.for_each([&](size_t i, size_t row, size_t) { squares[row] += double{out[i]} * out[i]; });
  matrix.for_each(
      [&](size_t i, size_t row, size_t) { out[i] = static_cast<float>(out[i] * (g[row] / std::sqrt(squares[row]))); });
}

}  // namespace

std::optional<Factors> find_factors(const StateDict& weights, const std::string& key) {
  const size_t dot = key.rfind('.') + 1;  // 0 where there is none
  const std::string parametrized = fmt::format("{}parametrizations.{}", key.substr(0, dot), key.substr(dot));
  for (const Factors& factors : {
           Factors{Factors::spectral, {key + "_orig", key + "_u", key + "_v"}},
           Factors{Factors::spectral, {parametrized + ".original", parametrized + ".0._u", parametrized + ".0._v"}},
           Factors{Factors::weight, {key + "_g", key + "_v"}},
           Factors{Factors::weight, {parametrized + ".original0", parametrized + ".original1"}},
       })
    if (std::all_of(factors.names.begin(), factors.names.end(),
                    [&](const std::string& name) { return weights.find(name) != nullptr; }))
      return factors;
  return std::nullopt;
}

std::vector<std::string> stale_factors(const StateDict& weights, const std::string& key) {
  const std::vector<std::string> names = {key + "_orig", key + "_u"};
  const bool all = weights.find(names[0]) != nullptr && weights.find(names[1]) != nullptr;
  return all && weights.find(key + "_v") == nullptr ? names : std::vector<std::string>();
}

Stored fold(const StateDict& weights, const Factors& factors, const Shape& shape, int64_t output_dim) {
  const std::string& base = factors.kind == Factors::spectral ? factors.names[0] : factors.names[1];
  const Stored& stored = floating(weights, base);
  if (stored.shape != shape) fail("{}: expected {}, got {}", base, str(shape), str(stored.shape));
  Tensor folded = stored.to_tensor();
  float* out = folded.data();
  if (factors.kind == Factors::spectral)
    fold_spectral(weights, factors.names, shape, output_dim, out);
  else
    fold_weight(weights, factors.names, shape, out);
  return PackedCache::alike(Stored::of(folded), stored);
}

}  // namespace upconv::internal
