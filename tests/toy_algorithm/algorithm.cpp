// The definition of a convolution as an algorithm: one folder, and one row in layers/convolution/algorithms.cpp, which
// tests/CMakeLists.txt adds for a build of its own. It has no kernel, and a cost at which nobody takes it unasked.
#include "layers/convolution/algorithm.h"

#include <algorithm>

namespace upconv::internal {
namespace {

/// Weights as they come, w[oc][ic][tap], with their factors, and the shifts behind them.
class PackedToy {
 public:
  PackedToy(const kernels::Table& table, const WeightView& weight, const Packer& packer)
      : IC(weight.layout.IC), taps(weight.layout.taps), shifts_(weight.layout.OC * IC * taps) {
    const auto pack = [&](int64_t oc, float* out, float* scratch) {
      float* panel = scratch + IC * taps;
      weight.read(table, {.group = 0, .oc = oc, .ocs = 1, .ic = 0, .ics = IC}, panel, 1, scratch);
      for (int64_t k = 0; k < IC * taps; ++k)
        out[oc * IC * taps + k] = static_cast<float>(panel[k] * weight.scale[static_cast<size_t>(oc)]);
      out[shifts_ + oc] = weight.shift[static_cast<size_t>(oc)];
    };
    packed_ = packer({.floats = static_cast<size_t>(shifts_ + weight.layout.OC),
                      .scratch = static_cast<size_t>(2 * IC * taps),
                      .parts = weight.layout.OC,
                      .pack = pack});
  }
  float at(int64_t oc, int64_t ic, int64_t tap) const {
    return floats()[static_cast<size_t>((oc * IC + ic) * taps + tap)];
  }
  float shift(int64_t oc) const { return floats()[static_cast<size_t>(shifts_ + oc)]; }
  std::span<const float> floats() const { return packed_.span; }

  const int64_t IC, taps;

 private:
  int64_t shifts_;
  PackedFloats packed_;
};

/// Where pixel (h, w) of an image's channel c lies among values of this layout.
int64_t place(const ImageShape& shape, Layout layout, int64_t n, int64_t c, int64_t h, int64_t w) {
  if (layout == Layout::contiguous) return ((n * shape.C + c) * shape.H + h) * shape.W + w;
  return ((n * shape.H + h) * shape.W + w) * shape.C + c;
}

class ToyStep : public Step {
 public:
  ToyStep(ConvTask task, std::shared_ptr<const PackedToy> packed)
      : table_(task.table()),
        geometry_(std::move(task.geometry)),
        context_(std::move(task.context)),
        packed_(std::move(packed)) {}

  int64_t tiles() const override { return geometry_.in.N; }
  std::string algorithm() const override { return "toy"; }
  double flops() const override { return context_.flops; }
  size_t weight_bytes() const override { return packed_->floats().size_bytes(); }
  std::span<const float> packed() const override { return packed_->floats(); }

  void run(int64_t image, const Frame& frame) const override {
    for (const Phase& row : geometry_.rows)
      for (const Segment& rows : row.segments)
        for (const Phase& col : geometry_.cols)
          for (const Segment& cols : col.segments)
            for (int64_t r = rows.begin; r < rows.end; ++r)
              for (int64_t c = cols.begin; c < cols.end; ++c)
                for (int64_t oc = 0; oc < geometry_.out.C; ++oc)
                  put(image, oc, row.out_first + row.out_step * r, col.out_first + col.out_step * c,
                      sum(image, oc, rows, row.in_first + row.in_step * r, cols, col.in_first + col.in_step * c, frame),
                      frame);
  }

 private:
  float sum(int64_t image, int64_t oc, const Segment& rows, int64_t h, const Segment& cols, int64_t w,
            const Frame& frame) const {
    float sum = packed_->shift(oc);
    for (const AxisTap& kh : rows.taps)
      for (const AxisTap& kw : cols.taps) {
        const int64_t y = seen_at(geometry_.border, h + kh.shift, geometry_.in.H);
        const int64_t x = seen_at(geometry_.border, w + kw.shift, geometry_.in.W);
        if (y < 0 || x < 0) continue;
        int64_t ic = 0;
        for (size_t part = 0; part < context_.parts.size(); ++part) {
          ImageShape in = geometry_.in;
          in.C = context_.parts[part];
          const auto* values = static_cast<const float*>(frame.inputs[part]);
          for (int64_t c = 0; c < in.C; ++c, ++ic)
            sum += packed_->at(oc, ic, kh.k * geometry_.KW + kw.k) * values[place(in, context_.input, image, c, y, x)];
        }
      }
    return sum;
  }

  void put(int64_t image, int64_t oc, int64_t h, int64_t w, float sum, const Frame& frame) const {
    float* y = static_cast<float*>(frame.output) + place(geometry_.out, context_.output, image, oc, h, w);
    const kernels::Residual residual = context_.residual_of(frame, static_cast<float*>(frame.output));
    if (residual.values) sum += *residual_at(residual, y);
    table_.activate(&sum, y, 1, context_.activation);
  }

  const kernels::Table& table_;
  ConvGeometry geometry_;
  ConvContext context_;
  std::shared_ptr<const PackedToy> packed_;
};

class ToyAlgorithm : public ConvAlgorithm {
 public:
  std::string name() const override { return "toy"; }
  std::optional<double> cost(const ConvQuery& query) const override {
    if (query.geometry.groups != 1) return {};
    return 1e12;
  }
  std::unique_ptr<Step> step(ConvTask task) const override {
    auto packed = task.weights.packed<PackedToy>("toy", task.lowering);
    return std::make_unique<ToyStep>(std::move(task), std::move(packed));
  }
};

}  // namespace

ConvFamily toy_algorithms() {
  ConvFamily family;
  family.push_back(std::make_unique<ToyAlgorithm>());
  return family;
}

}  // namespace upconv::internal
