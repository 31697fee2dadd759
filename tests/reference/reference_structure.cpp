#include "tests/reference/reference_structure.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace upconv::reference {
namespace {

/// x[index], where what its shape lacks at the front is left out and a dimension of 1 stands for any index.
double at(const Tensor& x, const Shape& index) {
  int64_t place = 0;
  for (size_t d = 0, rank = x.shape().size(); d < rank; ++d)
    place = place * x.shape()[d] + (x.shape()[d] == 1 ? 0 : index[index.size() - rank + d]);
  return x.data()[place];
}

/// y[index] = f(index).
Tensor generate(const Shape& shape, const std::function<double(const Shape&)>& f) {
  Tensor y(shape);
  for (int64_t i = 0; i < y.numel(); ++i) {
    Shape index = shape;
    for (size_t d = shape.size(), rest = static_cast<size_t>(i); d-- > 0; rest /= static_cast<size_t>(shape[d]))
      index[d] = static_cast<int64_t>(rest) % shape[d];
    y.data()[i] = static_cast<float>(f(index));
  }
  return y;
}

Shape broadcast(const Shape& a, const Shape& b) {
  if (a.size() < b.size()) return broadcast(b, a);
  Shape shape = a;
  for (size_t d = 1; d <= b.size(); ++d)
    if (a[a.size() - d] == 1) shape[a.size() - d] = b[b.size() - d];
  return shape;
}

/// The input that padding shows at `i`, or -1.
int64_t padded(int64_t i, int64_t in, Padding kind) {
  if (i >= 0 && i < in) return i;
  if (kind == Padding::constant) return -1;
  if (kind == Padding::replication) return std::clamp<int64_t>(i, 0, in - 1);
  return i < 0 ? -i : 2 * (in - 1) - i;
}

/// Where output i of an axis lies between inputs, in float32.
float position(int64_t i, int64_t in, int64_t out, std::optional<double> factor, const UpsampleOptions& options) {
  const auto index = static_cast<float>(i);
  const float ratio = factor ? static_cast<float>(1 / *factor) : static_cast<float>(in) / static_cast<float>(out);
  if (options.mode == "nearest" && out == 2 * in) return std::floor(index / 2);
  if (options.mode == "nearest") return out == in ? index : std::floor(index * ratio);
  if (options.mode == "nearest-exact") return std::floor((index + 0.5f) * ratio);
  if (in == out) return index;
  if (options.align_corners.value_or(false))
    return out > 1 ? index * (static_cast<float>(in - 1) / static_cast<float>(out - 1)) : 0;
  return std::max(0.0f, (index + 0.5f) * ratio - 0.5f);
}

}  // namespace

Tensor binary(const Tensor& a, const Tensor& b, const std::function<double(double, double)>& f) {
  return generate(broadcast(a.shape(), b.shape()), [&](const Shape& i) { return f(at(a, i), at(b, i)); });
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  Shape left = a.shape(), right = b.shape();
  left.back() = 1;
  right[right.size() - 2] = 1;
  return generate(broadcast(left, right), [&](const Shape& i) {
    Shape row = i, column = i;
    double sum = 0;
    for (int64_t k = 0; k < a.shape().back(); ++k) {
      row.back() = column[column.size() - 2] = k;
      sum += at(a, row) * at(b, column);
    }
    return sum;
  });
}

Tensor cat(const std::vector<Tensor>& values, size_t dim) {
  Shape shape = values[0].shape();
  shape[dim] = 0;
  for (const Tensor& x : values) shape[dim] += x.shape()[dim];
  return generate(shape, [&](Shape i) {
    size_t part = 0;
    for (; i[dim] >= values[part].shape()[dim]; ++part) i[dim] -= values[part].shape()[dim];
    return at(values[part], i);
  });
}

Tensor slice(const Tensor& x, size_t dim, int64_t start, int64_t count, int64_t step) {
  Shape shape = x.shape();
  shape[dim] = count;
  return generate(shape, [&](Shape i) {
    i[dim] = start + i[dim] * step;
    return at(x, i);
  });
}

Tensor permute(const Tensor& x, const std::vector<size_t>& dims) {
  Shape shape;
  for (size_t d : dims) shape.push_back(x.shape()[d]);
  return generate(shape, [&](const Shape& i) {
    Shape from(i.size());
    for (size_t d = 0; d < i.size(); ++d) from[dims[d]] = i[d];
    return at(x, from);
  });
}

Tensor pixel_shuffle(const Tensor& x, int64_t r) {
  return generate({x.size(0), x.size(1) / (r * r), x.size(2) * r, x.size(3) * r}, [&](const Shape& i) {
    return at(x, {i[0], (i[1] * r + i[2] % r) * r + i[3] % r, i[2] / r, i[3] / r});
  });
}

Tensor pad2d(const Tensor& x, const Sides& sides, Padding kind, float value) {
  const Shape shape{x.size(0), x.size(1), x.size(2) + sides.top + sides.bottom, x.size(3) + sides.left + sides.right};
  return generate(shape, [&](const Shape& i) -> double {
    const int64_t h = padded(i[2] - sides.top, x.size(2), kind), w = padded(i[3] - sides.left, x.size(3), kind);
    return h < 0 || w < 0 ? value : at(x, {i[0], i[1], h, w});
  });
}

Tensor upsample(const Tensor& x, const UpsampleOptions& o) {
  const bool factors = o.scale_factor && !o.recompute_scale_factor.value_or(false);
  const std::optional<double> fh = factors ? std::optional(o.scale_factor->h) : std::nullopt;
  const std::optional<double> fw = factors ? std::optional(o.scale_factor->w) : std::nullopt;
  const auto H = o.size ? o.size->h : static_cast<int64_t>(static_cast<double>(x.size(2)) * o.scale_factor->h);
  const auto W = o.size ? o.size->w : static_cast<int64_t>(static_cast<double>(x.size(3)) * o.scale_factor->w);
  return generate({x.size(0), x.size(1), H, W}, [&](const Shape& i) {
    const float h = position(i[2], x.size(2), H, fh, o), w = position(i[3], x.size(3), W, fw, o);
    double sum = 0;
    for (int64_t dh : {0, 1})
      for (int64_t dw : {0, 1}) {
        const int64_t h0 = std::min(static_cast<int64_t>(h), x.size(2) - 1);
        const int64_t w0 = std::min(static_cast<int64_t>(w), x.size(3) - 1);
        const float h1 = std::min(h - static_cast<float>(h0), 1.0f), w1 = std::min(w - static_cast<float>(w0), 1.0f);
        const double weight = static_cast<double>(dh ? h1 : 1 - h1) * (dw ? w1 : 1 - w1);
        if (weight == 0) continue;
        sum += weight * at(x, {i[0], i[1], std::min(h0 + dh, x.size(2) - 1), std::min(w0 + dw, x.size(3) - 1)});
      }
    return sum;
  });
}

Tensor max_pool2d(const Tensor& x, OneOrTwo<int64_t> kernel, const MaxPool2dOptions& options, int64_t H, int64_t W) {
  const auto [sh, sw, one] = options.stride.value_or(kernel);
  return generate({x.size(0), x.size(1), H, W}, [&, sh = sh, sw = sw](const Shape& i) {
    double most = -std::numeric_limits<double>::infinity();
    for (int64_t kh = 0; kh < kernel.h; ++kh)
      for (int64_t kw = 0; kw < kernel.w; ++kw) {
        const int64_t h = i[2] * sh - options.padding.h + kh * options.dilation.h;
        const int64_t w = i[3] * sw - options.padding.w + kw * options.dilation.w;
        if (h < 0 || h >= x.size(2) || w < 0 || w >= x.size(3)) continue;
        const double v = at(x, {i[0], i[1], h, w});
        if (v > most || std::isnan(v)) most = v;
      }
    return most;
  });
}

Tensor avg_pool2d(const Tensor& x, OneOrTwo<int64_t> kernel, const AvgPool2dOptions& options, int64_t H, int64_t W) {
  const auto [sh, sw, one] = options.stride.value_or(kernel);
  return generate({x.size(0), x.size(1), H, W}, [&, sh = sh, sw = sw](const Shape& i) {
    double sum = 0, inside = 0, counted = 0;
    for (int64_t kh = 0; kh < kernel.h; ++kh)
      for (int64_t kw = 0; kw < kernel.w; ++kw) {
        const int64_t h = i[2] * sh - options.padding.h + kh, w = i[3] * sw - options.padding.w + kw;
        if (h < x.size(2) + options.padding.h && w < x.size(3) + options.padding.w) ++counted;
        if (h < 0 || h >= x.size(2) || w < 0 || w >= x.size(3)) continue;
        sum += at(x, {i[0], i[1], h, w});
        ++inside;
      }
    const double elements = options.count_include_pad ? counted : inside;
    return sum / static_cast<double>(options.divisor_override.value_or(static_cast<int64_t>(std::max(elements, 1.0))));
  });
}

Tensor adaptive_avg_pool2d(const Tensor& x, int64_t H, int64_t W) {
  return generate({x.size(0), x.size(1), H, W}, [&](const Shape& i) {
    double sum = 0, count = 0;
    for (int64_t h = i[2] * x.size(2) / H; h * H < (i[2] + 1) * x.size(2); ++h)
      for (int64_t w = i[3] * x.size(3) / W; w * W < (i[3] + 1) * x.size(3); ++w, ++count)
        sum += at(x, {i[0], i[1], h, w});
    return sum / count;
  });
}

}  // namespace upconv::reference
