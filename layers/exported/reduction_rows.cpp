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

template <Value (*function)(Value, Dims, bool)>
Items largest(const NodeCall& call) {
  return one(function(call.value("self"), dims_of(call), call.boolean("keepdim")));
}

template <Value (*function)(Value, Dims, int64_t, bool)>
Items spread(const NodeCall& call) {
  const int64_t correction = whole(call.optional_number("correction").value_or(1));
  return one(function(call.value("self"), dims_of(call), correction, call.boolean("keepdim")));
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
      {"max.dim", "Tensor self, int dim, bool keepdim=False", largest<amax>},
      {"min.dim", "Tensor self, int dim, bool keepdim=False", largest<amin>},
      {"max", "Tensor self", [](const NodeCall& c) { return one(amax(c.value("self"))); }},
      {"min", "Tensor self", [](const NodeCall& c) { return one(amin(c.value("self"))); }},
      {"var.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False", spread<var>},
      {"std.correction", "Tensor self, int[]? dim=None, Scalar? correction=None, bool keepdim=False", spread<std>},
      {"var.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False", spread_unbiased<var>},
      {"std.dim", "Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False", spread_unbiased<std>},
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
