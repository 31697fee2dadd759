#include "layers/structure.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/program.h"
#include "layers/check.h"
#include "layers/dimension.h"
#include "layers/permute.h"
#include "layers/rearrange.h"
#include "layers/repr.h"

namespace upconv {

using namespace internal;

namespace {

/// The same elements in the same order under another shape, which `rule` derives from x's.
Value reshaped(std::string_view name, Value x, std::function<Shape(const Shape&)> rule) {
  return rearranged(name, x, [rule = std::move(rule)](const Shape& shape) {
    return Rearrangement::identity(shape).reshaped(rule(shape));
  });
}

/// `sizes` with the -1 that one of them may be, as the others leave it of `count`; nothing where they do not fit.
std::optional<Shape> completed(Shape sizes, int64_t count) {
  const auto unknown = std::find(sizes.begin(), sizes.end(), -1);
  int64_t known = 1;
  for (int64_t size : sizes)
    if (size < -1 || (size != -1 && __builtin_mul_overflow(known, size, &known))) return {};
  if (unknown != sizes.end() && known > 0) *unknown = count / known;
  if (std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size < 0; }) || numel(sizes) != count)
    return {};
  return sizes;
}

}  // namespace

AnyDropout::AnyDropout(const char* layer, IntegerOrNumber p, bool inplace) : p(p), inplace(inplace), layer_(layer) {
  if (!(number(p) >= 0 && number(p) <= 1)) fail("{}: p must be between 0 and 1, got {}", layer, python(p));
}
Value Dropout1d::forward(Value x) const {
  const size_t rank = x.shape().size();
  if (rank != 2 && rank != 3)
    refuse(x, "Dropout1d expected a 2-D (C, L) or 3-D (N, C, L) input, got {}", upconv::str(x.shape()));
  return x;
}
std::string AnyDropout::extra_repr() const { return fmt::format("p={}, inplace={}", python(p), python(inplace)); }

Value Flatten::forward(Value x) const {
  // Not the module itself: it keeps its programs, and they keep what was written.
  return reshaped("Flatten", x, [start_dim = start_dim, end_dim = end_dim](const Shape& shape) -> Shape {
    const auto first = static_cast<std::ptrdiff_t>(dimension("start_dim", start_dim, shape));
    const auto last = static_cast<std::ptrdiff_t>(dimension("end_dim", end_dim, shape));
    if (first > last)
      fail("expected start_dim before end_dim, got {} and {} for {}", start_dim, end_dim, upconv::str(shape));
    if (shape.empty()) return {1};
    Shape flat(shape.begin(), shape.begin() + first);
    flat.push_back(numel(Shape(shape.begin() + first, shape.begin() + last + 1)));
    flat.insert(flat.end(), shape.begin() + last + 1, shape.end());
    return flat;
  });
}
std::string Flatten::extra_repr() const { return fmt::format("start_dim={}, end_dim={}", start_dim, end_dim); }

Value Unflatten::forward(Value x) const {
  return reshaped("Unflatten", x, [dim = dim, unflattened_size = unflattened_size](const Shape& shape) -> Shape {
    const auto at = static_cast<std::ptrdiff_t>(dimension("dim", dim, shape));
    if (shape.empty()) fail("expected at least one dimension, got a scalar");
    const auto sizes = completed(unflattened_size, shape[static_cast<size_t>(at)]);
    if (!sizes || sizes->empty())
      fail("expected sizes whose product is {}, got {} for dimension {} of {}", shape[static_cast<size_t>(at)],
           upconv::str(unflattened_size), dim, upconv::str(shape));
    Shape all(shape.begin(), shape.begin() + at);
    all.insert(all.end(), sizes->begin(), sizes->end());
    all.insert(all.end(), shape.begin() + at + 1, shape.end());
    return all;
  });
}
std::string Unflatten::extra_repr() const {
  return fmt::format("dim={}, unflattened_size={}", dim, upconv::str(unflattened_size));
}

Value reshape(Value x, Shape shape) {
  return reshaped("reshape", x, [wanted = std::move(shape)](const Shape& shape) {
    const auto sizes = completed(wanted, numel(shape));
    if (!sizes)
      fail("expected sizes whose product is the {} elements of {}, got {}", numel(shape), str(shape), str(wanted));
    return *sizes;
  });
}

}  // namespace upconv
