// Sums, means, largest elements and norms.
#include <cmath>

#include "framework/fail.h"
#include "layers/elementwise.h"
#include "layers/exported/rows.h"
#include "layers/integers.h"
#include "layers/reduce.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

Dims dims_of(const NodeCall& call) {
  const auto dims = call.optional_integers("dim");
  return dims ? Dims(*dims) : Dims();
}

template <Value (*function)(Value, Dims, bool)>
Items reduced(const NodeCall& call) {
  check_dtype(call);
  return one(function(as_float(call.operand("self")), dims_of(call), call.boolean("keepdim")));
}
template <Value (*function)(Value, Dims, bool)>
Items reduced_all(const NodeCall& call) {
  check_dtype(call);
  return one(function(as_float(call.operand("self")), {}, false));
}
/// Sums of truths are integers, which float32 counts exactly up to 2^24.
Items summed(const NodeCall& call, const Dims& dims, bool keepdim) {
  const Operand x = call.operand("self");
  if (x.type == DType::float32 || call.optional_type("dtype") == DType::float32)
    return one(sum(as_float(x), dims, keepdim));
  if (x.type == DType::int64) call.refuse("expected self of float32 or bool, got int64: sum x.float()");
  if (numel(x.value.shape()) > int64_t{1} << 24)
    call.refuse("expected at most 2^24 truths, got {}", str(x.value.shape()));
  return one(to_int64(sum(x.value, dims, keepdim)), DType::int64);
}

/// With its place as a second result.
template <Value (*function)(Value, Dims, bool)>
Items largest_and_place(const NodeCall& call) {
  const Value x = call.value("self");
  const int64_t dim = call.integer("dim");
  const bool keepdim = call.boolean("keepdim");
  if (call.results() < 2) return one(function(x, dim, keepdim));
  if (x.shape().empty())
    return {Operand{function(x, dim, keepdim)}, Operand{call.graph().constant(Tensor({}, {int64_t{0}})), DType::int64}};
  return {Operand{function(x, dim, keepdim)},
          Operand{place_of(call, x, function(x, dim, true), dim, keepdim), DType::int64}};
}

/// The logarithm of the sum of what e is raised to, less the largest first, so that nothing overflows.
Items log_of_sum(const NodeCall& call) {
  const Value x = as_float(call.operand("self"));
  const Dims dims = dims_of(call);
  const Value largest = amax(x, dims, true);
  Graph& graph = call.graph();
  const Value infinity = graph.constant(Tensor({}, {std::numeric_limits<float>::infinity()}));
  const Value finite = where(eq(abs(largest), infinity), graph.constant(Tensor({}, {0.0F})), largest);
  const Value y = log(sum(exp(x - finite), dims, true)) + finite;
  return one(call.boolean("keepdim") ? y : sum(y, dims));  // each sum is of one
}

template <Value (*function)(Value, Dims, bool)>
Items largest(const NodeCall& call) {
  return one(function(call.value("self"), dims_of(call), call.boolean("keepdim")));
}

template <Value (*function)(Value, Dims, int64_t, bool)>
Items spread(const NodeCall& call) {
  const int64_t correction = whole(call.optional_number("correction").value_or(1));
  return one(function(call.value("self"), dims_of(call), correction, call.boolean("keepdim")));
}
/// With the mean as a second result.
template <Value (*function)(Value, Dims, int64_t, bool)>
Items spread_and_mean(const NodeCall& call, int64_t correction) {
  const Value x = call.value("self");
  const bool keepdim = call.boolean("keepdim");
  return {Operand{function(x, dims_of(call), correction, keepdim)}, Operand{mean(x, dims_of(call), keepdim)}};
}

template <Value (*function)(Value, Dims, int64_t, bool)>
Items spread_unbiased(const NodeCall& call) {
  return one(function(call.value("self"), dims_of(call), call.boolean("unbiased") ? 1 : 0, call.boolean("keepdim")));
}

Items vector_norm(const NodeCall& call, std::string_view order) {
  check_dtype(call);
  const double p = call.optional_number(order).value_or(2);
  const Value x = as_float(call.operand("self"));
  const Dims dims = dims_of(call);
  const bool keeps = call.boolean("keepdim");
  if (p == 2) return one(sqrt(sum(x * x, dims, keeps)));
  if (p == 1) return one(sum(abs(x), dims, keeps));
  if (std::isinf(p)) return one(p > 0 ? amax(abs(x), dims, keeps) : amin(abs(x), dims, keeps));
  if (p == 0) return one(sum(ne(x, call.graph().constant(Tensor({}, {0.0F}))), dims, keeps));
  return one(pow(sum(pow(abs(x), p), dims, keeps), 1 / p));
}

/// Whether any are true is the largest of them, whether all are, the smallest.
template <Value (*function)(Value, Dims, bool), bool has_dim>
Items truth_of_many(const NodeCall& call) {
  const Value x = truth(call, "self").value;
  if constexpr (has_dim)
    return one(function(x, dims_of(call), call.boolean("keepdim")), DType::boolean);
  else
    return one(function(x, {}, false), DType::boolean);
}

}  // namespace

void check_dtype(const NodeCall& call) {
  const std::optional<DType> type = call.optional_type("dtype");
  if (type && *type != DType::float32) call.refuse("expected a dtype of float32, got {}", name(*type));
}

std::vector<OperationRow> reduction_rows() {
  return {
      {"mean.dim", "Tensor self, int[]? dim=None, bool keepdim=False, ScalarType? dtype=None", reduced<mean>},
      {"mean", "Tensor self, ScalarType? dtype=None", reduced_all<mean>},
      {"sum.dim_IntList", "Tensor self, int[]? dim=None, bool keepdim=False, ScalarType? dtype=None",
       [](const NodeCall& c) { return summed(c, dims_of(c), c.boolean("keepdim")); }},
      {"sum", "Tensor self, ScalarType? dtype=None", [](const NodeCall& c) { return summed(c, {}, false); }},
      {"amax", "Tensor self, int[] dim=[], bool keepdim=False", largest<amax>},
      {"amin", "Tensor self, int[] dim=[], bool keepdim=False", largest<amin>},
      {"max.dim", "Tensor self, int dim, bool keepdim=False", largest_and_place<amax>},
      {"min.dim", "Tensor self, int dim, bool keepdim=False", largest_and_place<amin>},
      {"max", "Tensor self", [](const NodeCall& c) { return one(amax(c.value("self"))); }},
      {"min", "Tensor self", [](const NodeCall& c) { return one(amin(c.value("self"))); }},
      {"var.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False", spread<var>},
      {"std.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False", spread<std>},
      {"var.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False", spread_unbiased<var>},
      {"std.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False", spread_unbiased<std>},
      {"var", "Tensor self, bool unbiased=True",
       [](const NodeCall& c) { return one(var(c.value("self"), {}, c.boolean("unbiased") ? 1 : 0)); }},
      {"std", "Tensor self, bool unbiased=True",
       [](const NodeCall& c) { return one(std(c.value("self"), {}, c.boolean("unbiased") ? 1 : 0)); }},
      {"var_mean.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False",
       [](const NodeCall& c) { return spread_and_mean<var>(c, whole(c.optional_number("correction").value_or(1))); }},
      {"std_mean.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False",
       [](const NodeCall& c) { return spread_and_mean<std>(c, whole(c.optional_number("correction").value_or(1))); }},
      {"var_mean.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False",
       [](const NodeCall& c) { return spread_and_mean<var>(c, c.boolean("unbiased") ? 1 : 0); }},
      {"std_mean.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False",
       [](const NodeCall& c) { return spread_and_mean<std>(c, c.boolean("unbiased") ? 1 : 0); }},
      {"logsumexp", "Tensor self, int[] dim, bool keepdim=False", log_of_sum},
      {"cosine_similarity", "Tensor x1, Tensor x2, int dim=1, float eps=1e-08",
       [](const NodeCall& c) {
         const Value a = c.value("x1"), b = c.value("x2");
         const int64_t dim = c.integer("dim");
         const double eps = c.number("eps");
         const auto length = [&](Value x) { return clamp(sqrt(sum(x * x, dim, true)), eps); };
         return one(sum(a / length(a) * (b / length(b)), dim));
       }},
      {"linalg_vector_norm", "Tensor self, Scalar ord=2, int[]? dim=None, bool keepdim=False, ScalarType? dtype=None",
       [](const NodeCall& c) { return vector_norm(c, "ord"); }},
      {"norm.ScalarOpt_dim", "Tensor self, Scalar? p, int[] dim, bool keepdim=False, ScalarType? dtype=None",
       [](const NodeCall& c) { return vector_norm(c, "p"); }},
      {"any", "Tensor self", truth_of_many<amax, false>},
      {"any.dim", "Tensor self, int dim, bool keepdim=False", truth_of_many<amax, true>},
      {"all", "Tensor self", truth_of_many<amin, false>},
      {"all.dim", "Tensor self, int dim, bool keepdim=False", truth_of_many<amin, true>},
  };
}

}  // namespace upconv::internal
