#pragma once
// The drivers of Winograd's algorithm: all phases of a transposed convolution read the same window, so that one input
// transform serves them all; or each has its own, where that saves tiles.
#include <memory>

#include "inputs.h"
#include "outputs.h"
#include "weights.h"

namespace upconv::internal {

/// What the drivers for the three kinds of windows have in common: the cutting, the panel and the outputs.
class WinogradStep : public Step {
 public:
  WinogradStep(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed);
  int64_t tiles() const final { return static_cast<int64_t>(works_.size()); }
  std::string algorithm() const final { return name_of(of_.tiling); }
  size_t weight_bytes() const final { return packed_->floats().size_bytes(); }
  double flops() const final { return of_.context.flops; }
  Precision precision() const final {
    return of_.table.pairs || packed_->halved() ? Precision::bfloat16 : Precision::float32;
  }
  std::span<const float> packed() const final { return packed_->floats(); }
  size_t scratch_bytes() const final {
    return static_cast<size_t>(v_floats_ + m_floats_ + panel_floats_ + aside_floats_) * sizeof(float);
  }
  void run(int64_t index, const Frame& frame) const final;

 protected:
  /// Transformed inputs, products, packed inputs, outputs aside.
  struct Scratch {
    float *v, *m, *panel, *aside;
  };

  /// Everything about a work after its inputs were packed.
  virtual void run_work(const WinogradWork& work, const Frame& frame, const Scratch& scratch) const = 0;

  /// By phase: transform(a, b) for each pair of phases whose windows are not those of the one before (k3s2 has the same
  /// in all), then outputs(a, b, target); those of a row phase lie aside together.
  template <class Transform, class Outputs>
  void run_phases(const WinogradWork& work, const Frame& frame, const Scratch& scratch, Transform transform,
                  Outputs outputs) const {
    const WinogradTarget target =
        of_.aside ? outputs_.aside(work, work.groups, scratch.aside) : outputs_.in_place(frame);
    const auto first = static_cast<size_t>(work.phases.begin), last = static_cast<size_t>(work.phases.end);
    size_t row = 0, col = 0;  // the phases whose windows are transformed
    for (size_t a = first; a < last; ++a) {
      for (size_t b = 0; b < of_.geometry.cols.size(); ++b) {
        if ((a == first && b == 0) || of_.rows.phases[a].input != of_.rows.phases[row].input ||
            of_.cols.phases[b].input != of_.cols.phases[col].input) {
          transform(a, b);
          row = a;
          col = b;
        }
        outputs(a, b, target);
      }
      if (of_.aside) outputs_.put_back(work, a, target, frame);
    }
  }

  int64_t phase_number(size_t a, size_t b) const { return static_cast<int64_t>(a * of_.geometry.cols.size() + b); }
  /// The weights of the point that is multiplied next, in the phase that follows after the last one.
  const float* after(int64_t group, int64_t phase, int64_t point) const;
  /// The products of one point, m[point][tile][lane], are made of v; the weights at `next` are asked for meanwhile.
  struct Point {
    int64_t group, phase, point;
    const float* next;
  };
  void multiply(const WinogradWork& work, const Point& point, const float* v, float* m) const;

  const TiledConvolution of_;
  const std::shared_ptr<const PackedWinograd> packed_;
  const WinogradInputs inputs_;
  const WinogradOutputs outputs_;

 private:
  std::vector<WinogradWork> works_;
  int64_t v_floats_ = 0, m_floats_ = 0, panel_floats_ = 0, aside_floats_ = 0;
};

/// The step for the tiling's windows.
std::unique_ptr<Step> winograd_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed);

// One file each.
std::unique_ptr<Step> shared_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed);
std::unique_ptr<Step> by_phase_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed);
std::unique_ptr<Step> lean_step(TiledConvolution of, std::shared_ptr<const PackedWinograd> packed);

}  // namespace upconv::internal
