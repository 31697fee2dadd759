// How exact norms and reductions are beside PyTorch, on inputs that are hard for them: norm_errors.json, made by
// norm_errors.py.
#include <map>
#include <nlohmann/json.hpp>

#include "layers/spec.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// randn and what norm_errors.py's KINDS make of it.
Tensor input(const std::string& kind, const Shape& shape, Random& random) {
  Tensor x = random.randn(shape);
  const int64_t n = x.numel();
  const std::map<std::string, std::function<float(float, int64_t)>> kinds = {
      {"noise", [](float v, int64_t) { return v; }},
      {"flat", [](float, int64_t) { return 1234.0f; }},
      {"flat with detail", [](float v, int64_t) { return v > 1.645f ? v : 0.7f; }},
      {"offset", [](float v, int64_t) { return v + 1e4f; }},
      {"nearly flat offset", [](float v, int64_t) { return v * 0.01f + 1e4f; }},
      {"first far", [](float v, int64_t i) { return i == 0 ? 1e6f : v; }},
      {"one far", [=](float v, int64_t i) { return i == n / 2 ? 1e6f : v; }},
      {"flat, first far", [](float, int64_t i) { return i == 0 ? -3000.0f : 0.7f; }},
      {"stripes", [](float, int64_t i) { return static_cast<float>(i % 2); }},
      {"ramp", [=](float, int64_t i) { return static_cast<float>(i) / static_cast<float>(n); }},
      {"tiny", [](float v, int64_t) { return v * 1e-20f; }},
      {"huge", [](float v, int64_t) { return v * 1e18f; }}};
  const auto& f = kinds.at(kind);
  for (int64_t i = 0; i < n; ++i) x.data()[i] = f(x.data()[i], i);
  return x;
}

/// Which elements of a shape belong together: those of one index in all dimensions but the reduced ones.
struct Groups {
  std::vector<size_t> of;  ///< each element's
  size_t count = 1;

  Groups(const Shape& shape, const std::vector<size_t>& kept) : of(static_cast<size_t>(numel(shape))) {
    for (size_t d : kept) count *= static_cast<size_t>(shape[d]);
    for (size_t i = 0; i < of.size(); ++i) {
      size_t rest = i, step = 1;
      for (size_t d = shape.size(); d-- > 0; rest /= static_cast<size_t>(shape[d])) {
        if (std::find(kept.begin(), kept.end(), d) == kept.end()) continue;
        of[i] += rest % static_cast<size_t>(shape[d]) * step;
        step *= static_cast<size_t>(shape[d]);
      }
    }
  }
};

std::vector<size_t> all_but(const std::vector<int64_t>& reduced, const Shape& shape) {
  std::vector<size_t> kept;
  for (size_t d = 0; d < shape.size(); ++d)
    if (std::find(reduced.begin(), reduced.end(), static_cast<int64_t>(d)) == reduced.end()) kept.push_back(d);
  return kept;
}

/// What is computed, and how large its terms are.
struct Truth {
  std::vector<double> values, magnitudes;

  void add(double value, double magnitude) {
    values.push_back(value);
    magnitudes.push_back(magnitude);
  }
};

using Term = std::function<long double(size_t)>;

/// Each group's mean of a term of its elements.
std::vector<long double> means(const Groups& groups, Term term) {
  std::vector<long double> sums(groups.count), counts(groups.count);
  for (size_t i = 0; i < groups.of.size(); ++i) {
    sums[groups.of[i]] += term(i);
    counts[groups.of[i]] += 1;
  }
  for (size_t g = 0; g < groups.count; ++g) sums[g] /= counts[g];
  return sums;
}

/// Each group's mean and biased variance.
struct Moments {
  std::vector<long double> mean, variance;

  Moments(const Tensor& x, const Groups& groups)
      : mean(means(groups, [&](size_t i) { return x.data()[i]; })), variance(means(groups, [&](size_t i) {
          const long double distance = x.data()[i] - mean[groups.of[i]];
          return distance * distance;
        })) {}
};

/// (x - mean) / sqrt(variance + eps) * scale + shift.
Truth normalised(const Tensor& x, const Groups& groups,
                 const std::function<std::pair<double, double>(size_t)>& affine) {
  const Moments moments(x, groups);
  Truth truth;
  for (size_t i = 0; i < groups.of.size(); ++i) {
    const size_t g = groups.of[i];
    const auto normal = static_cast<double>((x.data()[i] - moments.mean[g]) / std::sqrt(moments.variance[g] + 1e-5L));
    const auto [scale, shift] = affine(i);
    truth.add(normal * scale + shift, std::abs(normal * scale) + std::abs(shift));
  }
  return truth;
}

/// What the norm makes of the first input, the others being its weight and bias.
Truth truth_of(const Module& module, const std::vector<Tensor>& xs) {
  Shape shape = xs[0].shape();
  std::vector<size_t> kept, channels = {1};
  if (const auto* layer = dynamic_cast<const LayerNorm*>(&module)) {
    channels.clear();
    for (size_t d = 0; d < shape.size(); ++d)
      (d < shape.size() - layer->normalized_shape.size() ? kept : channels).push_back(d);
  } else if (const auto* group = dynamic_cast<const GroupNorm*>(&module)) {
    kept = {0, 1};
    shape.insert(shape.begin() + 1, group->num_groups);
    shape[2] /= group->num_groups;
    channels = {1, 2};
  } else {
    kept = module.type_name() == "BatchNorm2d" ? std::vector<size_t>{1} : std::vector<size_t>{0, 1};
  }
  const Groups channel(shape, channels);
  return normalised(xs[0], Groups(shape, kept), [&](size_t i) {
    if (xs.size() == 1) return std::pair(1.0, 0.0);
    const size_t c = channel.of[i];
    return std::pair<double, double>(xs[1].data()[c], xs[2].data()[c]);
  });
}

struct Known {
  Function function;
  std::function<Truth(const std::vector<Tensor>&)> truth;
};

/// Means, variances and deviations over some dimensions, as their texts have them.
void add_reductions(std::map<std::string, Known>& all, const std::string& dims, const std::vector<int64_t>& dim) {
  const auto reduction = [&](const std::string& text, const Function& function, auto value) {
    all[text] = {function, [dim, value](const std::vector<Tensor>& xs) {
                   const Groups groups(xs[0].shape(), all_but(dim, xs[0].shape()));
                   const Moments moments(xs[0], groups);
                   const auto count = static_cast<long double>(groups.of.size() / groups.count);
                   Truth truth;
                   for (size_t g = 0; g < groups.count; ++g) {
                     const auto result =
                         static_cast<double>(value(moments.mean[g], moments.variance[g] * count / (count - 1)));
                     truth.add(result, std::abs(result));
                   }
                   return truth;
                 }};
  };
  using Number = long double;
  reduction(
      "a.mean(" + dims + ", True)", [dim](const Values& x) { return mean(x[0], dim, true); },
      [](Number mean, Number) { return mean; });
  reduction(
      "a.var(" + dims + ", keepdim=True)", [dim](const Values& x) { return var(x[0], dim, 1, true); },
      [](Number, Number variance) { return variance; });
  reduction(
      "a.std(" + dims + ", keepdim=True)", [dim](const Values& x) { return upconv::std(x[0], dim, 1, true); },
      [](Number, Number variance) { return std::sqrt(variance); });
}

/// x divided by what `divisor` makes of the mean of the squares over dimension 1, and of how many they are.
Truth divided(const Tensor& x, const std::function<long double(long double, long double)>& divisor) {
  const Groups groups(x.shape(), all_but({1}, x.shape()));
  const auto squares = means(groups, [&](size_t i) { return static_cast<long double>(x.data()[i]) * x.data()[i]; });
  Truth truth;
  for (size_t i = 0; i < groups.of.size(); ++i) {
    const auto value = static_cast<double>(x.data()[i] / divisor(squares[groups.of[i]], x.shape()[1]));
    truth.add(value, std::abs(value));
  }
  return truth;
}

const std::map<std::string, Known>& functions() {
  static const std::map<std::string, Known> all = [] {
    std::map<std::string, Known> all;
    add_reductions(all, "(2, 3)", {2, 3});
    add_reductions(all, "(0, 1, 2, 3)", {0, 1, 2, 3});
    add_reductions(all, "0", {0});
    add_reductions(all, "1", {1});
    all["a * torch.rsqrt(torch.mean(a * a, 1, True) + 1e-8)"] = {
        [](const Values& x) { return x[0] * rsqrt(mean(x[0] * x[0], 1, true) + 1e-8); },
        [](const std::vector<Tensor>& xs) {
          return divided(xs[0], [](long double mean, long double) { return std::sqrt(mean + 1e-8L); });
        }};
    all["F.normalize(a)"] = {[](const Values& x) { return normalize(x[0]); },
                             [](const std::vector<Tensor>& xs) {
                               return divided(xs[0], [](long double mean, long double count) {
                                 return std::max(1e-12L, std::sqrt(mean * count));
                               });
                             }};
    all["F.instance_norm(a) * (1 + b) + c"] = {[](const Values& x) { return instance_norm(x[0]) * (1 + x[1]) + x[2]; },
                                               [](const std::vector<Tensor>& xs) {
                                                 const Groups planes(xs[0].shape(), {0, 1});
                                                 return normalised(xs[0], planes, [&](size_t i) {
                                                   return std::pair<double, double>(
                                                       1 + static_cast<double>(xs[1].data()[planes.of[i]]),
                                                       xs[2].data()[planes.of[i]]);
                                                 });
                                               }};
    return all;
  }();
  return all;
}

}  // namespace

TEST_CASE("norm errors: at most one and a half times PyTorch's, on every instruction set") {
  std::ifstream in(UPCONV_GOLDEN "/norm_errors.json");
  const nlohmann::json golden = nlohmann::json::parse(in);
  const std::vector<std::string> kinds = golden["kinds"];
  CHECK(kinds.size() == 12);
  CHECK(golden["cases"].size() >= 60);
  for (const nlohmann::json& about : golden["cases"]) {
    const std::string text = about["function"];
    const std::vector<Shape> shapes = about["inputs"];
    CAPTURE(text);
    CAPTURE(str(shapes[0]));
    for (size_t k = 0; k < kinds.size(); ++k) {
      CAPTURE(kinds[k]);
      Random random(about["seed"].get<uint64_t>());
      std::vector<Tensor> xs = {input(kinds[k], shapes[0], random)};
      for (size_t i = 1; i < shapes.size(); ++i) xs.push_back(random.randn(shapes[i]));

      const auto known = functions().find(text);
      const std::shared_ptr<Module> layer = known == functions().end() ? parse_module(text) : nullptr;
      if (layer)
        for (size_t i = 1; i < xs.size(); ++i) layer->named_parameters()[i - 1].second.set(xs[i]);
      const Truth truth = layer ? truth_of(*layer, xs) : known->second.truth(xs);
      const double size = *std::max_element(truth.magnitudes.begin(), truth.magnitudes.end());
      const double stored = about["truth"][k], error = about["errors"][k];
      REQUIRE(std::abs(truth.values[truth.values.size() / 3] - stored) <= 1e-8 * size + 1e-11 * largest(xs[0]));

      // Four roundings of half a unit each, of the distance, the root, the factor and the result; and what is flushed.
      const double bound = std::max(1.5 * error, 2 * std::numeric_limits<float>::epsilon() * size) +
                           static_cast<double>(std::numeric_limits<float>::min());
      for (Isa isa : available_isas()) {
        CAPTURE(upconv::name(isa));
        Tensor got;
        if (layer)
          got = compile(*layer, shapes[0], {.isa = isa})(xs[0]);
        else
          got = compile(Sandwich(known->second.function, false), types_of(xs), {.isa = isa})(xs)[0];
        double worst = 0;
        for (size_t i = 0; i < truth.values.size(); ++i) {
          const double off = std::abs(got.data()[i] - truth.values[i]);
          worst = std::isnan(off) ? std::numeric_limits<double>::infinity() : std::max(worst, off);
        }
        CHECK(worst <= bound);
      }
    }
  }
}
