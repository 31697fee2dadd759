#include "layers/resample.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/repr.h"
#include "layers/steps/remap.h"
#include "layers/steps/strided.h"

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

/// An output between two inputs, with their weights.
struct Between {
  int64_t from[2];
  float weight[2];
};

std::vector<Between> between(const Axis& axis, bool align_corners) {
  const float corners = axis.out > 1 ? static_cast<float>(axis.in - 1) / static_cast<float>(axis.out - 1) : 0.0f;
  const float scale = align_corners ? corners : axis.scale();
  std::vector<Between> all;
  for (int64_t i = 0; i < axis.out; ++i) {
    const float index = static_cast<float>(i);
    const float at = align_corners ? index * scale : std::max(0.0f, (index + 0.5f) * scale - 0.5f);
    const int64_t first = std::min(static_cast<int64_t>(at), axis.in - 1);
    const float rest = std::clamp(at - static_cast<float>(first), 0.0f, 1.0f);
    all.push_back({{first, std::min(first + 1, axis.in - 1)}, {1 - rest, rest}});
    if (axis.in == axis.out) all.back() = {{i, i}, {1, 0}};
  }
  return all;
}

/// Rows are mixed first, over their whole width, then pixels. A plane is a picture channels-last, one channel of it
/// otherwise; a tile is a run of rows of it.
class BilinearStep : public Step {
 public:
  BilinearStep(const ImageShape& in, Layout layout, std::vector<Between> rows, std::vector<Between> cols,
               const kernels::Table& table)
      : planes_(layout == Layout::channels_last ? in.N : in.N * in.C),
        channels_(layout == Layout::channels_last ? in.C : 1),
        H_(in.H),
        in_row_(in.W * channels_),
        out_row_(static_cast<int64_t>(cols.size()) * channels_),
        rows_(std::move(rows)),
        cols_(std::move(cols)),
        table_(table),
        height_(std::max<int64_t>(1, (16 << 10) / std::max<int64_t>(1, out_row_))) {}

  int64_t tiles() const override { return channels_ == 0 ? 0 : planes_ * strips(); }
  size_t scratch_bytes() const override { return static_cast<size_t>(in_row_) * sizeof(float); }
  void run(int64_t tile, const Frame& frame) const override {
    const int64_t plane = tile / strips(), H = static_cast<int64_t>(rows_.size());
    const int64_t first = tile % strips() * height_, last = std::min(first + height_, H);
    const float* x = static_cast<const float*>(frame.inputs[0]) + plane * H_ * in_row_;
    float* y = static_cast<float*>(frame.output) + (plane * H + first) * out_row_;
    auto* mixed = reinterpret_cast<float*>(frame.scratch);
    for (int64_t h = first; h < last; ++h, y += out_row_) {
      const Between& row = rows_[static_cast<size_t>(h)];
      table_.lerp(x + row.from[0] * in_row_, x + row.from[1] * in_row_, mixed, in_row_, row.weight[0], row.weight[1]);
      mix_pixels(mixed, y);
    }
  }
  std::string algorithm() const override { return "bilinear"; }

 private:
  int64_t strips() const { return ceil_div(static_cast<int64_t>(rows_.size()), height_); }
  void mix_pixels(const float* x, float* y) const {
    for (const Between& col : cols_) {
      const float *a = x + col.from[0] * channels_, *b = x + col.from[1] * channels_;
      if (channels_ == 1)
        *y = *a * col.weight[0] + *b * col.weight[1];
      else
        table_.lerp(a, b, y, channels_, col.weight[0], col.weight[1]);
      y += channels_;
    }
  }

  int64_t planes_, channels_, H_, in_row_, out_row_;
  std::vector<Between> rows_, cols_;
  const kernels::Table& table_;
  int64_t height_;  // rows of a tile
};

/// Throws Error, without the layer's name, where arguments contradict each other.
void check(const UpsampleOptions& o) {
  if (!o.size && !o.scale_factor) fail("expected size or scale_factor, got neither");
  if (o.size && o.scale_factor) fail("expected size or scale_factor, got both");
  if (o.mode != "nearest" && o.mode != "nearest-exact" && o.mode != "bilinear")
    fail("mode must be 'nearest', 'nearest-exact' or 'bilinear', got '{}'", o.mode);
  if (o.align_corners && o.mode != "bilinear") fail("align_corners is for mode 'bilinear' only, got mode '{}'", o.mode);
  if (o.size && o.recompute_scale_factor.value_or(false))
    fail("recompute_scale_factor has no meaning beside size, got both");
  if (o.size && (o.size->h < 1 || o.size->w < 1)) fail("size must be positive, got ({}, {})", o.size->h, o.size->w);
  if (o.scale_factor)
    for (double factor : {o.scale_factor->h, o.scale_factor->w})
      if (!(factor > 0 && factor <= 1e6)) fail("scale_factor must be positive and at most 1e6, got {}", python(factor));
}

UpsampleOptions checked(UpsampleOptions options) {
  try {
    check(options);
  } catch (const Error& error) {
    fail("Upsample: {}", error.what());
  }
  return options;
}

class UpsampleOperation : public Operation {
 public:
  UpsampleOperation(std::string_view name, UpsampleOptions options) : name_(name), options_(std::move(options)) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override {  // the shape of the output says the size
    print(options_.mode, options_.align_corners, options_.recompute_scale_factor, options_.scale_factor.has_value());
    if (options_.scale_factor) print(options_.scale_factor->h, options_.scale_factor->w);
  }

  Type infer(std::span<const Type> inputs) const override {
    check(options_);
    const Type& x = inputs[0];
    check_pictures(x);
    if (x.shape[2] < 1 || x.shape[3] < 1) fail("expected a height and width of at least 1, got {}", str(x.shape));
    const auto [H, W] = options_.size ? std::pair(options_.size->h, options_.size->w)
                                      : std::pair(scaled(x.shape[2], options_.scale_factor->h),
                                                  scaled(x.shape[3], options_.scale_factor->w));
    if (H < 1 || W < 1) fail("the output would be empty: ({}, {}) for an input of {}", H, W, str(x.shape));
    const Shape shape{x.shape[0], x.shape[1], H, W};
    return counted({shape, DType::float32});
  }

  std::optional<Repeat> repeat(std::span<const Type> inputs) const override {
    if (options_.mode == "bilinear") return {};
    const ImageShape in = image_shape(inputs[0].shape);
    const auto [rows, cols] = axes(in, image_shape(infer(inputs).shape));
    const Repeat repeat{repetition(nearest(rows), in.H), repetition(nearest(cols), in.W)};
    return repeat.h > 0 && repeat.w > 0 ? std::optional(repeat) : std::nullopt;
  }

  bool any_layout(std::span<const Type>) const override { return true; }

  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const ImageShape in = image_shape(lowering.inputs[0].shape), out = image_shape(lowering.output.shape);
    const auto [rows, cols] = axes(in, out);
    if (options_.mode == "bilinear") {
      const bool corners = options_.align_corners.value_or(false);
      return std::make_unique<BilinearStep>(in, lowering.output_layout, between(rows, corners), between(cols, corners),
                                            kernels::table(*lowering.options.isa));
    }
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
};

class PixelShuffleOperation : public Operation {
 public:
  explicit PixelShuffleOperation(int64_t factor) : r_(factor) {}
  std::string_view name() const override { return "PixelShuffle"; }
  void identify(Fingerprint& print) const override { print(r_); }

  Type infer(std::span<const Type> inputs) const override {
    Type all = inputs[0];
    if (all.shape.size() < 3) fail("expected an input of 3 dimensions or more, (..., C, H, W), got {}", str(all.shape));
    int64_t* size = &all.shape.back() - 2;
    if (size[0] % (r_ * r_) != 0)
      fail("expected channels divisible by {}, the square of upscale_factor, got {} in {}", r_ * r_, size[0],
           str(inputs[0].shape));
    size[0] /= r_ * r_;
    size[1] *= r_;
    size[2] *= r_;
    return all;
  }

  bool any_layout(std::span<const Type>) const override { return true; }
  Layout preferred_layout(Layout) const override { return Layout::channels_last; }
  Layout output_layout(Layout, Layout wanted) const override { return wanted; }

  /// Dimensions (..., C, i, j, H, W), which in the output are (..., C, H, i, W, j).
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    const Shape& shape = lowering.output.shape;
    const size_t C = shape.size() - 3;
    Move move{shape, strides_of(lowering.inputs[0].shape, lowering.input_layouts[0]),
              strides_of(shape, lowering.output_layout)};
    const int64_t channel = move.x_strides[C], row = move.y_strides[C + 1], pixel = move.y_strides[C + 2];
    move.x_strides[C] *= r_ * r_;
    move.sizes[C + 1] /= r_;
    move.sizes[C + 2] /= r_;
    move.y_strides[C + 1] *= r_;
    move.y_strides[C + 2] *= r_;
    move.sizes.insert(move.sizes.end(), {r_, r_});
    move.x_strides.insert(move.x_strides.end(), {channel * r_, channel});
    move.y_strides.insert(move.y_strides.end(), {row, pixel});
    return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
  }

 private:
  int64_t r_;
};

template <class T>
std::string given(const OneOrTwo<T>& value, std::string (*print)(T)) {
  return value.one ? print(value.h) : fmt::format("({}, {})", print(value.h), print(value.w));
}

}  // namespace

Upsample::Upsample(UpsampleOptions options) : options(checked(std::move(options))) {}
Upsample::Upsample(OneOrTwo<int64_t> size, MaybeOneOrTwo<double> scale_factor, std::string mode,
                   std::optional<bool> align_corners, std::optional<bool> recompute_scale_factor)
    : Upsample(UpsampleOptions{size, scale_factor, std::move(mode), align_corners, recompute_scale_factor}) {}

Value Upsample::forward(Value x) const {
  return x.graph().apply(std::make_shared<UpsampleOperation>("Upsample", options), {x});
}
std::string Upsample::extra_repr() const {
  const std::string first =
      options.size
          ? fmt::format("size={}", given<int64_t>(*options.size, [](int64_t size) { return std::to_string(size); }))
          : fmt::format("scale_factor={}", given<double>(*options.scale_factor, python));
  return fmt::format("{}, mode='{}'", first, options.mode);
}

Value interpolate(Value x, UpsampleOptions options) {
  return x.graph().apply(std::make_shared<UpsampleOperation>("interpolate", std::move(options)), {x});
}

PixelShuffle::PixelShuffle(int64_t upscale_factor) : upscale_factor(upscale_factor) {
  if (upscale_factor < 1 || upscale_factor > 1 << 15)
    fail("PixelShuffle: upscale_factor must be positive and at most {}, got {}", 1 << 15, upscale_factor);
}
Value PixelShuffle::forward(Value x) const {
  return x.graph().apply(std::make_shared<PixelShuffleOperation>(upscale_factor), {x});
}
std::string PixelShuffle::extra_repr() const { return fmt::format("upscale_factor={}", upscale_factor); }

}  // namespace upconv
