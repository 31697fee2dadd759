#include "framework/init.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <numbers>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "framework/fail.h"
#include "framework/forks.h"
#include "framework/initial.h"
#include "framework/random.h"

namespace upconv {
namespace internal {
namespace {

/// What fills a tensor with random numbers.
struct Fill {
  enum Kind { uniform, normal } kind;
  double a, b;  ///< the limits, or the mean and the deviation
};

}  // namespace

/// Random numbers that are drawn when somebody reads them, as if they had been drawn when they were asked for.
class InitialValues {
  /// How many 32-bit numbers were drawn before, and where the pair was drawn of whose normal numbers one is left over.
  struct Position {
    uint64_t draws = 0;
    std::optional<uint64_t> pair = {};
    bool operator==(const Position&) const = default;
  };
  class Stream;

 public:
  /// What draws them. A layer's weight or bias is no more than this.
  struct Draw {
    std::shared_ptr<Stream> stream;
    Position position;
    Shape shape;
    Fill fill;
    std::optional<int64_t> zero_row = {};  ///< of the first dimension, which is 0 then

    Tensor operator()() const;
    Position end() const { return after(position, fill, numel(shape)); }
  };

  static void seed(std::optional<uint64_t> seed) {
    const std::lock_guard lock(mutex());
    next() = {std::make_shared<Stream>(seed), {}};
  }

  /// Takes so many numbers from the stream now; what is returned draws them.
  static Draw take(const Shape& shape, const Fill& fill) {
    const std::lock_guard lock(mutex());
    if (!next().stream) next().stream = std::make_shared<Stream>(std::nullopt);
    Draw draw{next().stream, next().position, shape, fill};
    next().position = draw.end();
    return draw;
  }

  static void set(const Parameter& parameter, std::function<Tensor()> values) {
    if (parameter.dtype() != DType::float32)
      fail("init: expected a float32 parameter, got {} of shape {}", name(parameter.dtype()), str(parameter.shape()));
    parameter.begin(std::move(values));
  }

  /// Deals the same numbers out again in the order of `parameters`, where they follow one another in the stream and
  /// nobody has read them.
  static void deal(const std::vector<Parameter>& parameters) {
    std::vector<std::pair<Parameter, Draw>> draws;
    for (const Parameter& parameter : parameters) {
      const std::function<Tensor()> initial = parameter.initial();
      if (const Draw* draw = initial.target<Draw>()) draws.emplace_back(parameter, *draw);
    }
    std::vector<Draw> drawn;
    for (const auto& [parameter, draw] : draws) drawn.push_back(draw);
    std::sort(drawn.begin(), drawn.end(),
              [](const Draw& a, const Draw& b) { return a.position.draws < b.position.draws; });
    for (size_t i = 1; i < drawn.size(); ++i)
      if (drawn[i].stream != drawn[0].stream || drawn[i].position != drawn[i - 1].end()) return;
    if (drawn.empty()) return;
    Position position = drawn.front().position;
    for (auto& [parameter, draw] : draws) {
      draw.position = position;
      position = draw.end();
    }
    if (position != drawn.back().end()) return;
    for (auto& [parameter, draw] : draws) parameter.begin(std::move(draw));
  }

 private:
  static constexpr int64_t block = 16;  // from so many elements on PyTorch draws normal numbers in blocks

  static Position after(Position position, const Fill& fill, int64_t count) {
    if (fill.kind == Fill::uniform || count >= block) {
      const int64_t rest = fill.kind == Fill::normal && count % block != 0 ? block : 0;
      position.draws += static_cast<uint64_t>(count + rest);
      return position;
    }
    for (int64_t i = 0; i < count; ++i) {
      if (position.pair) {
        position.pair.reset();
      } else {
        position.pair = position.draws;
        position.draws += 4;
      }
    }
    return position;
  }

  /// The numbers of one seed. Readers mostly follow one another, so the engine waits where the last one left it, and
  /// starts again only for one that comes too late.
  class Stream {
   public:
    explicit Stream(std::optional<uint64_t> seed) : seed_(seed) {}

    Tensor draw(const Position& position, const Shape& shape, const Fill& fill) {
      const std::lock_guard lock(mutex_);
      if (mutex_.was_abandoned()) at_.reset();  // from the seed on again
      if (!seed_) seed_ = std::random_device()();
      random_.cached_.reset();
      if (position.pair) {
        go_to(*position.pair);
        static_cast<void>(random_.normal_double());  // whose other half is then left over
        at_ = *position.pair + 4;
      }
      go_to(position.draws);
      Tensor values = fill.kind == Fill::uniform ? uniform(shape, fill) : normal(shape, fill);
      at_ = after(position, fill, values.numel()).draws;
      return values;
    }

   private:
    void go_to(uint64_t draws) {
      if (!at_ || *at_ > draws) {
        const auto left_over = random_.cached_;
        random_.manual_seed(*seed_);
        random_.cached_ = left_over;
        at_ = 0;
      }
      random_.engine_.discard(draws - *at_);
      at_ = draws;
    }

    /// Fused, as PyTorch's compiler made it.
    Tensor uniform(const Shape& shape, const Fill& fill) {
      Tensor values(shape);
      const auto low = static_cast<float>(fill.a), range = static_cast<float>(fill.b) - low;
      for (float& value : elements(values)) value = std::fma(random_.uniform(), range, low);
      return values;
    }

    Tensor normal(const Shape& shape, const Fill& fill) {
      if (numel(shape) < block) {
        Tensor values(shape);
        for (float& value : elements(values)) value = static_cast<float>(random_.normal_double() * fill.b + fill.a);
        return values;
      }
      Tensor values = random_.randn(shape);
      const auto mean = static_cast<float>(fill.a), std = static_cast<float>(fill.b);
      for (float& value : elements(values)) value = std::fma(value, std, mean);
      return values;
    }

    static std::span<float> elements(Tensor& values) { return {values.data(), static_cast<size_t>(values.numel())}; }

    Mutex mutex_;
    std::optional<uint64_t> seed_;  // none until somebody reads
    Random random_;
    std::optional<uint64_t> at_;  // of the engine; none until it has the seed
  };

  /// Where the next numbers come from.
  struct Place {
    std::shared_ptr<Stream> stream;
    Position position;
  };
  static Place& next() {
    static Place place;
    return place;
  }
  static Mutex& mutex() {
    static Mutex mutex;
    return mutex;
  }
};

Tensor InitialValues::Draw::operator()() const {
  Tensor values = stream->draw(position, shape, fill);
  const int64_t width = shape.empty() || shape[0] == 0 ? 0 : values.numel() / shape[0];
  if (zero_row) std::fill_n(values.data() + *zero_row * width, width, 0.0f);
  return values;
}

void deal_initial(const std::vector<Parameter>& parameters) { InitialValues::deal(parameters); }

namespace {

void fill(const Parameter& parameter, Fill::Kind kind, double a, double b) {
  InitialValues::set(parameter, InitialValues::take(parameter.shape(), {kind, a, b}));
}

/// fan_in or fan_out.
double fan_of(const Shape& weight, init::Fan mode) {
  if (weight.size() < 2) fail("init: a fan needs a weight of at least two dimensions, got {}", str(weight));
  const int64_t area = numel(Shape(weight.begin() + 2, weight.end()));
  return static_cast<double>(weight[mode == init::Fan::in ? 1 : 0]) * static_cast<double>(area);
}

/// The deviation that He's have.
double kaiming(const Shape& weight, double a, init::Fan mode, std::string_view nonlinearity) {
  return init::calculate_gain(nonlinearity, a) / std::sqrt(fan_of(weight, mode));
}

double xavier(const Shape& weight, double gain) {
  return gain * std::sqrt(2.0 / (fan_of(weight, init::Fan::in) + fan_of(weight, init::Fan::out)));
}

Tensor filled(const Shape& shape, double value) {
  return Tensor(shape, std::vector<float>(static_cast<size_t>(numel(shape)), static_cast<float>(value)));
}

/// Normal numbers, those outside [a, b] drawn again, all at once, until none is left.
Tensor normal_within(const Shape& shape, double mean, double std, float a, float b) {
  const Fill normal{Fill::normal, mean, std};
  Tensor values = InitialValues::take(shape, normal)();
  const std::span<float> all(values.data(), static_cast<size_t>(values.numel()));
  const auto outside = [=](float value) { return value < a || value > b; };
  while (std::any_of(all.begin(), all.end(), outside)) {
    const Tensor again = InitialValues::take(shape, normal)();
    for (size_t i = 0; i < all.size(); ++i)
      if (outside(all[i])) all[i] = again.data()[i];
  }
  return values;
}

/// Uniform numbers of [a, b], each taken with a probability of its density over the highest one, likewise.
Tensor accepted_within(const Shape& shape, double mean, double std, double a, double b) {
  const double distance = (std::clamp(mean, a, b) - mean) / std;
  const auto log_peak = static_cast<float>(-0.5 * (distance * distance));
  Tensor values(shape);
  std::vector<bool> pending(static_cast<size_t>(values.numel()), true);
  while (std::find(pending.begin(), pending.end(), true) != pending.end()) {
    const Tensor candidates = InitialValues::take(shape, {Fill::uniform, a, b})();
    const Tensor chances = InitialValues::take(shape, {Fill::uniform, 0, 1})();
    for (size_t i = 0; i < pending.size(); ++i) {
      if (!pending[i]) continue;
      values.data()[i] = candidates.data()[i];
      const float z = (candidates.data()[i] - static_cast<float>(mean)) / static_cast<float>(std);
      pending[i] = std::log(chances.data()[i]) > z * z * -0.5f - log_peak;
    }
  }
  return values;
}

}  // namespace

Parameter initial_weight(Shape shape) {
  const double bound = std::sqrt(3.0) * kaiming(shape, std::sqrt(5.0), init::Fan::in, "leaky_relu");
  return Parameter(shape, DType::float32, InitialValues::take(shape, {Fill::uniform, -bound, bound}));
}

Parameter initial_bias(Shape shape, const Shape& weight) {
  const double bound = 1 / std::sqrt(fan_of(weight, init::Fan::in));
  return Parameter(shape, DType::float32, InitialValues::take(shape, {Fill::uniform, -bound, bound}));
}

Parameter initial_normal(Shape shape, std::optional<int64_t> zero_row) {
  InitialValues::Draw draw = InitialValues::take(shape, {Fill::normal, 0, 1});
  draw.zero_row = zero_row;
  return Parameter(shape, DType::float32, std::move(draw));
}

}  // namespace internal

using namespace internal;

void manual_seed(uint64_t seed) { InitialValues::seed(seed); }

namespace init {

void uniform_(const Parameter& parameter, double a, double b) { fill(parameter, Fill::uniform, a, b); }
void normal_(const Parameter& parameter, double mean, double std) { fill(parameter, Fill::normal, mean, std); }

void trunc_normal_(const Parameter& parameter, double mean, double std, double a, double b) {
  const auto below = [&](double x) { return (1 + std::erf((x - mean) / std / std::numbers::sqrt2)) / 2; };
  const Shape& shape = parameter.shape();
  const bool usual = below(b) - below(a) > 0.3;
  const Tensor values = usual ? normal_within(shape, mean, std, static_cast<float>(a), static_cast<float>(b))
                              : accepted_within(shape, mean, std, a, b);
  InitialValues::set(parameter, [values] { return values; });
}

void constant_(const Parameter& parameter, double value) {
  InitialValues::set(parameter, [shape = parameter.shape(), value] { return filled(shape, value); });
}
void zeros_(const Parameter& parameter) { constant_(parameter, 0); }
void ones_(const Parameter& parameter) { constant_(parameter, 1); }

double calculate_gain(std::string_view nonlinearity, double param) {
  const bool convolution = nonlinearity.starts_with("conv") && nonlinearity.ends_with("d");
  if (nonlinearity == "linear" || nonlinearity == "sigmoid" || convolution) return 1;
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::sqrt(2.0);
  if (nonlinearity == "selu") return 3.0 / 4;
  if (nonlinearity != "leaky_relu")
    fail(
        "init: expected a nonlinearity of linear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, "
        "conv_transpose3d, sigmoid, tanh, relu, leaky_relu or selu, got {}",
        nonlinearity);
  const double slope = std::isnan(param) ? 0.01 : param;
  return std::sqrt(2.0 / (1 + slope * slope));
}

void xavier_uniform_(const Parameter& parameter, double gain) {
  const double bound = std::sqrt(3.0) * xavier(parameter.shape(), gain);
  uniform_(parameter, -bound, bound);
}
void xavier_normal_(const Parameter& parameter, double gain) { normal_(parameter, 0, xavier(parameter.shape(), gain)); }
void kaiming_uniform_(const Parameter& parameter, double a, Fan mode, std::string_view nonlinearity) {
  const double bound = std::sqrt(3.0) * kaiming(parameter.shape(), a, mode, nonlinearity);
  uniform_(parameter, -bound, bound);
}
void kaiming_normal_(const Parameter& parameter, double a, Fan mode, std::string_view nonlinearity) {
  normal_(parameter, 0, kaiming(parameter.shape(), a, mode, nonlinearity));
}

}  // namespace init
}  // namespace upconv
