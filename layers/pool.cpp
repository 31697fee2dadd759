#include "layers/pool.h"

#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "framework/layout.h"
#include "framework/program.h"
#include "layers/arithmetic.h"
#include "layers/check.h"
#include "layers/elementwise.h"
#include "layers/kernels/kernels.h"
#include "layers/repr.h"
#include "layers/row.h"

namespace upconv {

using namespace internal;

namespace {

constexpr int64_t largest = int64_t{1} << 31;  // of an argument, so that products of two cannot overflow

/// The inputs of one output of an axis, begin + i * step for i < count, and how many the mean counts.
struct Window {
  int64_t begin, count, counted;
};

/// Windows begin, begin + apart, ... that are alike otherwise: outputs `first` and `outputs - 1` after it.
struct Alike {
  Window window;
  int64_t first, outputs, apart;
};

std::vector<Alike> alike(const std::vector<Window>& windows) {
  std::vector<Alike> runs;
  for (size_t i = 0; i < windows.size(); ++i) {
    const Window& w = windows[i];
    if (!runs.empty()) {
      Alike& run = runs.back();
      const int64_t apart = w.begin - windows[i - 1].begin;
      if (w.count == run.window.count && w.counted == run.window.counted && (run.outputs == 1 || apart == run.apart)) {
        run.apart = apart;
        ++run.outputs;
        continue;
      }
    }
    runs.push_back({w, static_cast<int64_t>(i), 1, 1});
  }
  return runs;
}

/// One axis of a pooling: its windows and their step.
struct Windows {
  std::vector<Window> all;
  int64_t step;
};

/// A tile is a row of outputs: of a picture channels-last, of one channel of it otherwise.
class PoolStep : public Step {
 public:
  using Kernel = void (*)(const kernels::Pool&);
  PoolStep(const ImageShape& in, Layout layout, Windows rows, Windows cols, int64_t divisor, Kernel kernel)
      : in_(in),
        last_(layout == Layout::channels_last),
        rows_(std::move(rows)),
        cols_(alike(cols.all)),
        out_cols_(static_cast<int64_t>(cols.all.size())),
        col_step_(cols.step),
        divisor_(divisor),
        kernel_(kernel) {}

  int64_t tiles() const override {
    return in_.C == 0 ? 0 : in_.N * (last_ ? 1 : in_.C) * static_cast<int64_t>(rows_.all.size());
  }
  void run(int64_t tile, const Frame& frame) const override {
    const auto out_rows = static_cast<int64_t>(rows_.all.size());
    const int64_t plane = tile / out_rows, channels = last_ ? in_.C : 1;
    const Window& row = rows_.all[static_cast<size_t>(tile % out_rows)];
    const float* x = static_cast<const float*>(frame.inputs[0]) + (plane * in_.H + row.begin) * in_.W * channels;
    float* y = static_cast<float*>(frame.output) + tile * out_cols_ * channels;
    for (const Alike& run : cols_) {
      const int64_t counted = divisor_ ? divisor_ : row.counted * run.window.counted;
      kernels::Pool pool{x + run.window.begin * channels,
                         row.count,
                         run.window.count,
                         rows_.step * in_.W * channels,
                         col_step_ * channels,
                         y + run.first * channels,
                         0,
                         1,
                         static_cast<float>(counted ? counted : 1)};
      if (last_) {
        pool.count = channels;
        for (int64_t i = 0; i < run.outputs; ++i, pool.x += run.apart * channels, pool.y += channels) kernel_(pool);
      } else {
        pool.count = run.outputs;
        pool.step = run.apart;
        kernel_(pool);
      }
    }
  }
  std::string algorithm() const override { return "pool"; }

 private:
  ImageShape in_;
  bool last_;
  Windows rows_;
  std::vector<Alike> cols_;
  int64_t out_cols_, col_step_, divisor_;
  Kernel kernel_;
};

/// What the poolings share: shapes in and out, and the step of the windows that each has.
class PoolOperation : public Operation {
 public:
  /// `rows` says that pictures are of one row, for layers of one dimension.
  explicit PoolOperation(bool rows) : of_rows_(rows) {}
  Type infer(std::span<const Type> inputs) const final {
    const Type& x = inputs[0];
    check_picture(x);
    Shape shape = x.shape;
    int64_t* size = &shape.back() - 1;
    if (size[0] < 1 || size[1] < 1)
      fail("expected a {} of at least 1, got {}", of_rows_ ? "length" : "height and width", shown(x.shape, of_rows_));
    if (size[0] > largest || size[1] > largest) fail("the size overflows for an input of {}", shown(x.shape, of_rows_));
    const int64_t H = rows(size[0]), W = cols(size[1]);
    size[0] = H;
    size[1] = W;
    if (of_rows_ && W < smallest())
      fail("the output would be empty: {} for an input of {}", std::max<int64_t>(W, 0), shown(x.shape, true));
    if (std::min(H, W) < smallest())
      fail("the output would be empty: ({}, {}) for an input of {}", std::max<int64_t>(H, 0), std::max<int64_t>(W, 0),
           str(x.shape));
    return counted({shape, DType::float32});
  }
  bool any_layout(std::span<const Type>) const final { return true; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const final {
    const ImageShape in = image_shape(lowering.inputs[0].shape), out = image_shape(lowering.output.shape);
    return std::make_unique<PoolStep>(in, lowering.output_layout, row_windows(in.H, out.H), col_windows(in.W, out.W),
                                      divisor(), kernel(kernels::table(*lowering.options.isa)));
  }

 private:
  virtual int64_t rows(int64_t H) const = 0;  ///< the output's height for an input's
  virtual int64_t cols(int64_t W) const = 0;
  virtual int64_t smallest() const { return 1; }
  virtual Windows row_windows(int64_t H, int64_t out) const = 0;
  virtual Windows col_windows(int64_t W, int64_t out) const = 0;
  virtual PoolStep::Kernel kernel(const kernels::Table& table) const = 0;
  bool of_rows_;

 protected:
  virtual int64_t divisor() const { return 0; }
};

/// Whether a layer of this name is of one dimension.
bool is_of_rows(std::string_view name) { return name.ends_with("1d"); }

/// Windows of one size at equal distances, along one axis.
struct Sliding {
  int64_t kernel, stride, padding, dilation;

  int64_t outputs(int64_t in, bool ceil) const {
    const int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
    if (room < 0 && !(ceil && room > -stride)) return 0;
    int64_t out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (out - 1) * stride >= in + padding) --out;  // a window all beyond the padding
    return out;
  }
  /// Elements outside of the input are left out; the mean counts those of the padding too with `pad`.
  Windows windows(int64_t in, int64_t out, bool pad) const {
    Windows all{{}, dilation};
    for (int64_t i = 0; i < out; ++i) {
      const int64_t from = i * stride - padding, to = std::min(from + dilation * (kernel - 1) + 1, in + padding);
      const int64_t begin = from >= 0 ? from : from + ceil_div(-from, dilation) * dilation;
      const int64_t count = std::max<int64_t>(0, ceil_div(std::min(to, in) - begin, dilation));
      all.all.push_back({count > 0 ? begin : 0, count, pad ? to - from : count});
    }
    return all;
  }
};

class SlidingOperation : public PoolOperation {
 public:
  SlidingOperation(std::string_view name, Sliding vertical, Sliding horizontal, bool ceil)
      : PoolOperation(is_of_rows(name)), name_(name), vertical_(vertical), horizontal_(horizontal), ceil_(ceil) {}
  std::string_view name() const final { return name_; }
  void identify(Fingerprint& print) const override {
    for (const Sliding& axis : {vertical_, horizontal_}) print(axis.kernel, axis.stride, axis.padding, axis.dilation);
    print(ceil_, counts_padding(), divisor());
  }

 private:
  int64_t rows(int64_t H) const final { return vertical_.outputs(H, ceil_); }
  int64_t cols(int64_t W) const final { return horizontal_.outputs(W, ceil_); }
  Windows row_windows(int64_t H, int64_t out) const final { return vertical_.windows(H, out, counts_padding()); }
  Windows col_windows(int64_t W, int64_t out) const final { return horizontal_.windows(W, out, counts_padding()); }
  virtual bool counts_padding() const { return false; }

  std::string_view name_;
  Sliding vertical_, horizontal_;
  bool ceil_;
};

class MaxOperation : public SlidingOperation {
 public:
  using SlidingOperation::SlidingOperation;

 private:
  PoolStep::Kernel kernel(const kernels::Table& table) const override { return table.pool_max; }
};

class MeanOperation : public SlidingOperation {
 public:
  MeanOperation(std::string_view name, Sliding vertical, Sliding horizontal, const AvgPool2dOptions& options)
      : SlidingOperation(name, vertical, horizontal, options.ceil_mode),
        pad_(options.count_include_pad),
        divisor_(options.divisor_override.value_or(0)) {}

 private:
  bool counts_padding() const override { return pad_; }
  int64_t divisor() const override { return divisor_; }
  PoolStep::Kernel kernel(const kernels::Table& table) const override { return table.pool_avg; }

  bool pad_;
  int64_t divisor_;
};

class AdaptiveOperation : public PoolOperation {
 public:
  AdaptiveOperation(std::string_view name, const OneOrTwo<AdaptiveAvgPool2d::Size>& size, bool largest)
      : PoolOperation(is_of_rows(name)), name_(name), size_(size), largest_(largest) {}
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override { print(size_.h, size_.w, largest_); }

 private:
  int64_t rows(int64_t H) const override { return size_.h.value_or(H); }
  int64_t cols(int64_t W) const override { return size_.w.value_or(W); }
  int64_t smallest() const override { return 0; }
  Windows row_windows(int64_t H, int64_t out) const override { return windows(H, out); }
  Windows col_windows(int64_t W, int64_t out) const override { return windows(W, out); }
  static Windows windows(int64_t in, int64_t out) {
    Windows all{{}, 1};
    for (int64_t i = 0; i < out; ++i) {
      const int64_t begin = i * in / out, count = ceil_div((i + 1) * in, out) - begin;
      all.all.push_back({begin, count, count});
    }
    return all;
  }
  PoolStep::Kernel kernel(const kernels::Table& table) const override {
    return largest_ ? table.pool_max : table.pool_avg;
  }

  std::string_view name_;
  OneOrTwo<AdaptiveAvgPool2d::Size> size_;
  bool largest_;
};

void check_padding(const char* layer, const OneOrTwo<int64_t>& padding, const OneOrTwo<int64_t>& kernel) {
  check_range(layer, "padding", padding, 0, largest);
  if (is_of_rows(layer) && padding.w > kernel.w / 2)
    fail("{}: padding must be at most half of kernel_size, got {} and {}", layer, padding.w, kernel.w);
  if (padding.h > kernel.h / 2 || padding.w > kernel.w / 2)
    fail("{}: padding must be at most half of kernel_size, got ({}, {}) and ({}, {})", layer, padding.h, padding.w,
         kernel.h, kernel.w);
}

void check_reach(const char* layer, int64_t kernel, int64_t dilation) {
  if (kernel > largest / dilation)
    fail("{}: kernel_size times dilation must be at most {}, got {} and {}", layer, largest, kernel, dilation);
}

OneOrTwo<AdaptiveAvgPool2d::Size> checked(const char* layer, const OneOrTwo<AdaptiveAvgPool2d::Size>& output_size) {
  for (const AdaptiveAvgPool2d::Size& size : {output_size.h, output_size.w})
    if (size && (*size < 0 || *size > largest))
      fail("{}: output_size must be at least 0 and at most {}, got {}", layer, largest, *size);
  return output_size;
}

/// A layer of one dimension, as one of pictures of one row.
Value pooled(Value x, std::shared_ptr<const PoolOperation> operation) {
  return of_rows(operation->name(), x, [&](Value picture) { return picture.graph().apply(operation, {picture}); });
}

/// What an axis of one has.
constexpr Sliding alone{1, 1, 0, 1};

std::string printed(const OneOrTwo<AdaptiveAvgPool2d::Size>& output_size) {
  const auto print = [](const AdaptiveAvgPool2d::Size& size) { return size ? std::to_string(*size) : "None"; };
  return fmt::format("output_size={}", python(output_size, print));
}

}  // namespace

AvgPool2d::AvgPool2d(OneOrTwo<int64_t> kernel_size, AvgPool2dOptions options)
    : kernel_size(kernel_size), options(options) {
  check_range("AvgPool2d", "kernel_size", kernel_size, 1, largest);
  check_range("AvgPool2d", "stride", options.stride.value_or(kernel_size), 1, largest);
  check_padding("AvgPool2d", options.padding, kernel_size);
  if (options.divisor_override == 0) fail("AvgPool2d: divisor_override must not be zero, got 0");
}
AvgPool2d::AvgPool2d(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> stride, OneOrTwo<int64_t> padding, bool ceil_mode,
                     bool count_include_pad, std::optional<int64_t> divisor_override)
    : AvgPool2d(kernel_size, AvgPool2dOptions{stride, padding, ceil_mode, count_include_pad, divisor_override}) {}

Value AvgPool2d::forward(Value x) const {
  const OneOrTwo<int64_t> stride = options.stride.value_or(kernel_size);
  return x.graph().apply(
      std::make_shared<MeanOperation>("AvgPool2d", Sliding{kernel_size.h, stride.h, options.padding.h, 1},
                                      Sliding{kernel_size.w, stride.w, options.padding.w, 1}, options),
      {x});
}
std::string AvgPool2d::extra_repr() const {
  return fmt::format("kernel_size={}, stride={}, padding={}", python(kernel_size),
                     python(options.stride.value_or(kernel_size)), python(options.padding));
}

MaxPool2d::MaxPool2d(OneOrTwo<int64_t> kernel_size, MaxPool2dOptions options)
    : kernel_size(kernel_size), options(options) {
  check_range("MaxPool2d", "kernel_size", kernel_size, 1, largest);
  check_range("MaxPool2d", "stride", options.stride.value_or(kernel_size), 1, largest);
  check_range("MaxPool2d", "dilation", options.dilation, 1, largest);
  check_padding("MaxPool2d", options.padding, kernel_size);
  check_reach("MaxPool2d", kernel_size.h, options.dilation.h);
  check_reach("MaxPool2d", kernel_size.w, options.dilation.w);
  if (options.return_indices) fail("MaxPool2d: return_indices must be False, as indices are not computed, got True");
}
MaxPool2d::MaxPool2d(OneOrTwo<int64_t> kernel_size, OneOrTwo<int64_t> stride, OneOrTwo<int64_t> padding,
                     OneOrTwo<int64_t> dilation, bool return_indices, bool ceil_mode)
    : MaxPool2d(kernel_size, MaxPool2dOptions{stride, padding, dilation, return_indices, ceil_mode}) {}

Value MaxPool2d::forward(Value x) const {
  const OneOrTwo<int64_t> stride = options.stride.value_or(kernel_size);
  return x.graph().apply(
      std::make_shared<MaxOperation>(
          "MaxPool2d", Sliding{kernel_size.h, stride.h, options.padding.h, options.dilation.h},
          Sliding{kernel_size.w, stride.w, options.padding.w, options.dilation.w}, options.ceil_mode),
      {x});
}
std::string MaxPool2d::extra_repr() const {
  return fmt::format("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}", python(kernel_size),
                     python(options.stride.value_or(kernel_size)), python(options.padding), python(options.dilation),
                     python(options.ceil_mode));
}

LPPool2d::LPPool2d(IntegerOrNumber norm_type, OneOrTwo<int64_t> kernel_size, MaybeOneOrTwo<int64_t> stride,
                   bool ceil_mode)
    : norm_type(norm_type), kernel_size(kernel_size), stride(stride), ceil_mode(ceil_mode) {
  if (!std::isfinite(number(norm_type)) || number(norm_type) == 0)
    fail("LPPool2d: norm_type must be finite and not 0, got {}", python(norm_type));
  check_range("LPPool2d", "kernel_size", kernel_size, 1, largest);
  check_range("LPPool2d", "stride", stride.value_or(kernel_size), 1, largest);
}

Value LPPool2d::forward(Value x) const {
  const double power = number(norm_type), elements = static_cast<double>(kernel_size.h * kernel_size.w);
  const Value mean =
      AvgPool2d(kernel_size, AvgPool2dOptions{.stride = stride, .ceil_mode = ceil_mode}).forward(pow(x, power));
  return pow(mean * elements, 1 / power);
}
std::string LPPool2d::extra_repr() const {
  return fmt::format("norm_type={}, kernel_size={}, stride={}, ceil_mode={}", python(norm_type), python(kernel_size),
                     stride ? python(*stride) : "None", python(ceil_mode));
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(OneOrTwo<Size> output_size)
    : output_size(checked("AdaptiveAvgPool2d", output_size)) {}
Value AdaptiveAvgPool2d::forward(Value x) const {
  return x.graph().apply(std::make_shared<AdaptiveOperation>("AdaptiveAvgPool2d", output_size, false), {x});
}
std::string AdaptiveAvgPool2d::extra_repr() const { return printed(output_size); }

AdaptiveMaxPool2d::AdaptiveMaxPool2d(OneOrTwo<Size> output_size, bool return_indices)
    : output_size(checked("AdaptiveMaxPool2d", output_size)) {
  if (return_indices) fail("AdaptiveMaxPool2d: return_indices must be False, as indices are not computed, got True");
}
Value AdaptiveMaxPool2d::forward(Value x) const {
  return x.graph().apply(std::make_shared<AdaptiveOperation>("AdaptiveMaxPool2d", output_size, true), {x});
}
std::string AdaptiveMaxPool2d::extra_repr() const { return printed(output_size); }

AvgPool1d::AvgPool1d(int64_t kernel_size, AvgPool1dOptions options) : kernel_size(kernel_size), options(options) {
  check_argument("AvgPool1d", "kernel_size", kernel_size, 1, largest);
  check_argument("AvgPool1d", "stride", options.stride.value_or(kernel_size), 1, largest);
  check_padding("AvgPool1d", options.padding, kernel_size);
}
AvgPool1d::AvgPool1d(int64_t kernel_size, int64_t stride, int64_t padding, bool ceil_mode, bool count_include_pad)
    : AvgPool1d(kernel_size, AvgPool1dOptions{stride, padding, ceil_mode, count_include_pad}) {}

Value AvgPool1d::forward(Value x) const {
  const Sliding windows{kernel_size, options.stride.value_or(kernel_size), options.padding, 1};
  const AvgPool2dOptions pictures{.ceil_mode = options.ceil_mode, .count_include_pad = options.count_include_pad};
  return pooled(x, std::make_shared<MeanOperation>("AvgPool1d", alone, windows, pictures));
}
std::string AvgPool1d::extra_repr() const {
  return fmt::format("kernel_size=({},), stride=({},), padding=({},)", kernel_size,
                     options.stride.value_or(kernel_size), options.padding);
}

MaxPool1d::MaxPool1d(int64_t kernel_size, MaxPool1dOptions options) : kernel_size(kernel_size), options(options) {
  check_argument("MaxPool1d", "kernel_size", kernel_size, 1, largest);
  check_argument("MaxPool1d", "stride", options.stride.value_or(kernel_size), 1, largest);
  check_argument("MaxPool1d", "dilation", options.dilation, 1, largest);
  check_padding("MaxPool1d", options.padding, kernel_size);
  check_reach("MaxPool1d", kernel_size, options.dilation);
  if (options.return_indices) fail("MaxPool1d: return_indices must be False, as indices are not computed, got True");
}
MaxPool1d::MaxPool1d(int64_t kernel_size, int64_t stride, int64_t padding, int64_t dilation, bool return_indices,
                     bool ceil_mode)
    : MaxPool1d(kernel_size, MaxPool1dOptions{stride, padding, dilation, return_indices, ceil_mode}) {}

Value MaxPool1d::forward(Value x) const {
  const Sliding windows{kernel_size, options.stride.value_or(kernel_size), options.padding, options.dilation};
  return pooled(x, std::make_shared<MaxOperation>("MaxPool1d", alone, windows, options.ceil_mode));
}
std::string MaxPool1d::extra_repr() const {
  return fmt::format("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}", kernel_size,
                     options.stride.value_or(kernel_size), options.padding, options.dilation,
                     python(options.ceil_mode));
}

AdaptiveAvgPool1d::AdaptiveAvgPool1d(int64_t output_size) : output_size(output_size) {
  checked("AdaptiveAvgPool1d", AdaptiveAvgPool2d::Size(output_size));
}
Value AdaptiveAvgPool1d::forward(Value x) const {
  return pooled(x, std::make_shared<AdaptiveOperation>("AdaptiveAvgPool1d",
                                                       OneOrTwo<AdaptiveAvgPool2d::Size>(1, output_size), false));
}
std::string AdaptiveAvgPool1d::extra_repr() const { return fmt::format("output_size={}", output_size); }

AdaptiveMaxPool1d::AdaptiveMaxPool1d(int64_t output_size, bool return_indices) : output_size(output_size) {
  checked("AdaptiveMaxPool1d", AdaptiveAvgPool2d::Size(output_size));
  if (return_indices) fail("AdaptiveMaxPool1d: return_indices must be False, as indices are not computed, got True");
}
Value AdaptiveMaxPool1d::forward(Value x) const {
  return pooled(x, std::make_shared<AdaptiveOperation>("AdaptiveMaxPool1d",
                                                       OneOrTwo<AdaptiveAvgPool2d::Size>(1, output_size), true));
}
std::string AdaptiveMaxPool1d::extra_repr() const { return fmt::format("output_size={}", output_size); }

}  // namespace upconv
