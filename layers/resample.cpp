#include "layers/resample.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/kernels/kernels.h"
#include "layers/repr.h"
#include "layers/row.h"
#include "layers/steps/remap.h"

namespace upconv {

using namespace internal;

namespace {

/// How one axis is resampled. Positions are float32 numbers, as PyTorch computes them (ATen/native/UpSample.h).
struct Axis {
  int64_t in, out;
  std::optional<double> factor;  ///< by which positions are scaled, where it was given

  float scale() const {
    return factor ? static_cast<float>(1 / *factor) : static_cast<float>(in) / static_cast<float>(out);
  }
};

std::vector<int64_t> nearest(const Axis& axis, bool exact) {
  std::vector<int64_t> from;
  const float scale = axis.scale();
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = (static_cast<float>(i) + (exact ? 0.5f : 0.0f)) * scale;
    // Sizes that are equal or double go before factors, as in PyTorch's nearest_idx.
    if (!exact && axis.out == axis.in)
      from.push_back(i);
    else if (!exact && axis.out == 2 * axis.in)
      from.push_back(i / 2);
    else
      from.push_back(std::min(static_cast<int64_t>(std::floor(at)), axis.in - 1));
  }
  return from;
}

/// How often every input is there, where that is the same for all and their order is kept; 0 where it is not.
int64_t repetition(const std::vector<int64_t>& from, int64_t in) {
  const auto out = static_cast<int64_t>(from.size());
  if (out % in != 0) return 0;
  for (int64_t i = 0; i < out; ++i)
    if (from[static_cast<size_t>(i)] != i / (out / in)) return 0;
  return out / in;
}

/// An output among n inputs, with their weights.
template <int n>
struct Between {
  int64_t from[n];
  float weight[n];
};

/// Where output i lies among the inputs.
float position(const Axis& axis, bool align_corners, int64_t i) {
  const float corners = axis.out > 1 ? static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1) : 0.0f;
  const float index = static_cast<float>(i);
  return align_corners ? index * corners : (index + 0.5f) * axis.scale() - 0.5f;
}

std::vector<Between<2>> linear(const Axis& axis, bool align_corners) {
  std::vector<Between<2>> all;
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = std::max(0.0f, position(axis, align_corners, i));
    const int64_t first = std::min(static_cast<int64_t>(at), axis.in - 1);
    const float rest = std::clamp(at - static_cast<float>(first), 0.0f, 1.0f);
    all.push_back({{first, std::min(first + 1, axis.in - 1)}, {1 - rest, rest}});
    if (axis.in == axis.out) all.back() = {{i, i}, {1, 0}};
  }
  return all;
}

/// Keys' cubic convolution with a = -3/4, of the inputs 1 + t and t before an output, 1 - t and 2 - t behind it. What
/// lies beyond the border is the border.
std::vector<Between<4>> cubic(const Axis& axis, bool align_corners) {
  constexpr float a = -0.75f;
  const auto near = [](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  std::vector<Between<4>> all;
  for (int64_t i = 0; i < axis.out; ++i) {
    const float at = position(axis, align_corners, i);
    const int64_t first = std::min(static_cast<int64_t>(std::floor(at)), axis.in - 1);
    const float t = std::clamp(at - static_cast<float>(first), 0.0f, 1.0f);
    Between<4> between{{}, {far(t + 1), near(t), near(1 - t), far(1 - t + 1)}};
    for (int64_t k = 0; k < 4; ++k) between.from[k] = std::clamp<int64_t>(first - 1 + k, 0, axis.in - 1);
    all.push_back(between);
  }
  return all;
}

/// Rows are mixed first, over their whole width, but where `alone` says that each is taken as it is, then pixels. A
/// plane is a picture channels-last, one channel of it otherwise; a tile is a run of rows of it.
template <int n>
class MixStep : public Step {
 public:
  MixStep(std::string_view algorithm, const ImageShape& in, Layout layout, std::vector<Between<n>> rows,
          std::vector<Between<n>> cols, bool alone, const kernels::Table& table)
      : algorithm_(algorithm),
        alone_(alone),
        planes_(layout == Layout::channels_last ? in.N : in.N * in.C),
        channels_(layout == Layout::channels_last ? in.C : 1),
        H_(in.H),
        in_row_(in.W * channels_),
        out_row_(static_cast<int64_t>(cols.size()) * channels_),
        rows_(std::move(rows)),
        cols_(std::move(cols)),
        table_(table),
        height_(std::max<int64_t>(1, (16 << 10) / std::max<int64_t>(1, out_row_))) {}

  int64_t tiles() const override { return channels_ == 0 ? 0 : planes_ * strips(); }
  size_t scratch_bytes() const override { return alone_ ? 0 : static_cast<size_t>(in_row_) * sizeof(float); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t plane = tile / strips(), H = static_cast<int64_t>(rows_.size());
    const int64_t first = tile % strips() * height_, last = std::min(first + height_, H);
    const float* x = static_cast<const float*>(frame.inputs[0]) + plane * H_ * in_row_;
    float* y = static_cast<float*>(frame.output) + (plane * H + first) * out_row_;
    auto* mixed = reinterpret_cast<float*>(frame.scratch);
    for (int64_t h = first; h < last; ++h, y += out_row_) {
      if (!alone_) mix(x, in_row_, rows_[static_cast<size_t>(h)], mixed);
      mix_pixels(alone_ ? x + h * in_row_ : mixed, y);
    }
  }
  std::string algorithm() const override { return std::string(algorithm_); }

 private:
  int64_t strips() const { return ceil_div(static_cast<int64_t>(rows_.size()), height_); }
  /// Of runs of `count` numbers that lie one after another.
  void mix(const float* x, int64_t count, const Between<n>& of, float* y) const {
    table_.lerp(x + of.from[0] * count, x + of.from[1] * count, y, count, of.weight[0], of.weight[1]);
    for (int k = 2; k < n; ++k) table_.lerp(y, x + of.from[k] * count, y, count, 1, of.weight[k]);
  }
  void mix_pixels(const float* x, float* y) const {
    for (const Between<n>& col : cols_) {
      if (channels_ == 1) {
        float sum = x[col.from[0]] * col.weight[0] + x[col.from[1]] * col.weight[1];
        for (int k = 2; k < n; ++k) sum += x[col.from[k]] * col.weight[k];
        *y = sum;
      } else {
        mix(x, channels_, col, y);
      }
      y += channels_;
    }
  }

  std::string_view algorithm_;
  bool alone_;
  int64_t planes_, channels_, H_, in_row_, out_row_;
  std::vector<Between<n>> rows_, cols_;
  const kernels::Table& table_;
  int64_t height_;  // rows of a tile
};

/// Throws Error, without the layer's name, where arguments contradict each other.
void check(const UpsampleOptions& o) {
  if (!o.size && !o.scale_factor) fail("expected size or scale_factor, got neither");
  if (o.size && o.scale_factor) fail("expected size or scale_factor, got both");
  const bool mixes = o.mode == "linear" || o.mode == "bilinear" || o.mode == "bicubic";
  if (!mixes && o.mode != "nearest" && o.mode != "nearest-exact")
    fail("mode must be 'nearest', 'nearest-exact', 'linear', 'bilinear' or 'bicubic', got '{}'", o.mode);
  if (o.align_corners && !mixes)
    fail("align_corners is for modes 'linear', 'bilinear' and 'bicubic' only, got mode '{}'", o.mode);
  if (o.size && o.recompute_scale_factor.value_or(false))
    fail("recompute_scale_factor has no meaning beside size, got both");
  if (o.size && (o.size->h < 1 || o.size->w < 1)) fail("size must be positive, got ({}, {})", o.size->h, o.size->w);
  if (o.scale_factor)
    for (double factor : {o.scale_factor->h, o.scale_factor->w})
      if (!(factor > 0 && factor <= 1e6)) fail("scale_factor must be positive and at most 1e6, got {}", python(factor));
}

UpsampleOptions checked(const char* layer, UpsampleOptions options) {
  try {
    check(options);
  } catch (const Error& error) {
    fail("{}: {}", layer, error.what());
  }
  return options;
}

class UpsampleOperation : public Operation {
 public:
  /// `rows` says that pictures are of one row, which stays one.
  UpsampleOperation(std::string_view name, UpsampleOptions options, bool rows)
      : name_(name), options_(std::move(options)), rows_(rows) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override {  // the shape of the output says the size
    print(options_.mode, options_.align_corners, options_.recompute_scale_factor, options_.scale_factor.has_value());
    if (options_.scale_factor) print(options_.scale_factor->h, options_.scale_factor->w);
  }

  Type infer(std::span<const Type> inputs) const override {
    check(options_);
    const Type& x = inputs[0];
    check_float(x);
    if (x.shape.size() != 4) fail("expected a 3-D (N, C, L) or 4-D (N, C, H, W) input, got {}", str(x.shape));
    if (x.shape[2] < 1 || x.shape[3] < 1)
      fail("expected a {} of at least 1, got {}", rows_ ? "length" : "height and width", shown(x.shape, rows_));
    const auto [H, W] = options_.size ? std::pair(options_.size->h, options_.size->w)
                                      : std::pair(scaled(x.shape[2], options_.scale_factor->h),
                                                  scaled(x.shape[3], options_.scale_factor->w));
    if (rows_ && W < 1) fail("the output would be empty: {} for an input of {}", W, shown(x.shape, rows_));
    if (H < 1 || W < 1) fail("the output would be empty: ({}, {}) for an input of {}", H, W, str(x.shape));
    const Shape shape{x.shape[0], x.shape[1], H, W};
    return counted({shape, DType::float32});
  }

  std::optional<Repeat> repeat(std::span<const Type> inputs) const override {
    if (!options_.mode.starts_with("nearest")) return {};
    const ImageShape in = image_shape(inputs[0].shape);
    const auto [rows, cols] = axes(in, image_shape(infer(inputs).shape));
    const Repeat repeat{repetition(nearest(rows), in.H), repetition(nearest(cols), in.W)};
    return repeat.h > 0 && repeat.w > 0 ? std::optional(repeat) : std::nullopt;
  }

  bool any_layout(std::span<const Type>) const override { return true; }
  bool is_by_image() const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const ImageShape in = image_shape(lowering.inputs[0].shape), out = image_shape(lowering.output.shape);
    const auto [rows, cols] = axes(in, out);
    const bool corners = options_.align_corners.value_or(false);
    const kernels::Table& table = kernels::table(*lowering.options.isa);
    if (options_.mode == "linear" || options_.mode == "bilinear")
      return std::make_unique<MixStep<2>>(rows_ ? "linear" : "bilinear", in, lowering.output_layout,
                                          linear(rows, corners), linear(cols, corners), rows_, table);
    if (options_.mode == "bicubic")
      return std::make_unique<MixStep<4>>("bicubic", in, lowering.output_layout, cubic(rows, corners),
                                          cubic(cols, corners), false, table);
    return remap_step(in, nearest(rows), nearest(cols), 0, lowering.output_layout);
  }

 private:
  /// Of the rows and of the columns.
  std::pair<Axis, Axis> axes(const ImageShape& in, const ImageShape& out) const {
    std::pair<Axis, Axis> both{{in.H, out.H, {}}, {in.W, out.W, {}}};
    if (options_.scale_factor && !options_.recompute_scale_factor.value_or(false)) {
      both.first.factor = options_.scale_factor->h;
      both.second.factor = options_.scale_factor->w;
    }
    return both;
  }

  std::vector<int64_t> nearest(const Axis& axis) const {
    return upconv::nearest(axis, options_.mode == "nearest-exact");
  }

  static int64_t scaled(int64_t size, double factor) {
    const double product = static_cast<double>(size) * factor;
    if (!(product < 1e15)) fail("the output's size overflows: {} times {}", size, factor);
    return static_cast<int64_t>(product);
  }

  std::string_view name_;
  UpsampleOptions options_;
  bool rows_;
};

Value resampled(std::string_view name, const UpsampleOptions& options, Value x) {
  if (x.shape().size() != 3) {
    if (options.mode == "linear")
      refuse(x, "{} expected a 3-D input (N, C, L) for mode 'linear', got {}", name, upconv::str(x.shape()));
    return x.graph().apply(std::make_shared<UpsampleOperation>(name, options, false), {x});
  }
  if (options.mode == "bilinear" || options.mode == "bicubic")
    refuse(x, "{} expected a 4-D input (N, C, H, W) for mode '{}', got {}", name, options.mode, upconv::str(x.shape()));
  if ((options.size && !options.size->one) || (options.scale_factor && !options.scale_factor->one))
    refuse(x, "{} expected one size or scale_factor for a 3-D input (N, C, L), got two", name);
  UpsampleOptions row = options;  // whose height stays 1
  if (row.size) row.size = {1, options.size->w};
  if (row.scale_factor) row.scale_factor = {1.0, options.scale_factor->w};
  const auto operation = std::make_shared<UpsampleOperation>(name, row, true);
  return of_rows(name, x, [&](Value picture) { return picture.graph().apply(operation, {picture}); });
}

}  // namespace

Upsample::Upsample(const char* layer, UpsampleOptions options)
    : options(checked(layer, std::move(options))), layer_(layer) {}
Upsample::Upsample(UpsampleOptions options) : Upsample("Upsample", std::move(options)) {}
Upsample::Upsample(OneOrTwo<int64_t> size, MaybeOneOrTwo<double> scale_factor, std::string mode,
                   std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor)
    : Upsample(UpsampleOptions{size, scale_factor, std::move(mode), align_corners, recompute_scale_factor}) {}

Value Upsample::forward(Value x) const { return resampled(layer_, options, x); }
std::string Upsample::extra_repr() const {
  const auto print = [](double factor) { return python(factor); };
  const std::string first = options.size ? fmt::format("size={}", python(*options.size))
                                         : fmt::format("scale_factor={}", python(*options.scale_factor, print));
  return fmt::format("{}, mode='{}'", first, options.mode);
}

UpsamplingNearest2d::UpsamplingNearest2d(MaybeOneOrTwo<int64_t> size, MaybeOneOrTwo<double> scale_factor)
    : Upsample("UpsamplingNearest2d", {.size = size, .scale_factor = scale_factor}) {}

UpsamplingBilinear2d::UpsamplingBilinear2d(MaybeOneOrTwo<int64_t> size, MaybeOneOrTwo<double> scale_factor)
    : Upsample("UpsamplingBilinear2d",
               {.size = size, .scale_factor = scale_factor, .mode = "bilinear", .align_corners = true}) {}

Value interpolate(Value x, UpsampleOptions options) { return resampled("interpolate", options, x); }

}  // namespace upconv
