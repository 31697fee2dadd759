#include "layers/convolution/direct/algorithm.h"

#include "layers/convolution/rows/cost.h"
#include "layers/convolution/rows/step.h"
#include "layers/convolution/winograd/cost.h"

namespace upconv::internal {
namespace {

/// Rows by direct sums, or, with a scheme, by Winograd's from row to row.
class RowsAlgorithm : public ConvAlgorithm {
 public:
  explicit RowsAlgorithm(std::optional<kernels::Scheme> scheme) : scheme_(scheme) {}
  std::string name() const override { return scheme_ ? rows_name(*scheme_) : "rows"; }
  std::optional<double> cost(const ConvQuery& query) const override {
    if (scheme_ && !is_allowed(*scheme_, query)) return {};
    return rows_cost(query, scheme_);
  }
  /// Zeros lie beside the rows, which weights that are infinite or NaN would turn into NaN.
  std::unique_ptr<Step> step(ConvTask task) const override {
    auto packed =
        task.weights.packed<PackedRows>(rows_key(task.geometry, scheme_), task.lowering, task.geometry, scheme_);
    if (!packed->finite()) return direct_sums(std::move(task));
    if (scheme_)
      return winograd_rows_step(*scheme_, std::move(task.geometry), std::move(packed), task.table(),
                                std::move(task.context));
    return direct_rows_step(std::move(task.geometry), std::move(packed), task.table(), std::move(task.context));
  }

 private:
  std::optional<kernels::Scheme> scheme_;
};

}  // namespace

ConvFamily rows_algorithms() {
  ConvFamily family;
  family.push_back(std::make_unique<RowsAlgorithm>(std::nullopt));
  kernels::each_scheme([&](kernels::Scheme scheme) {
    if (kernels::with_scheme(scheme, [](auto s) { return kernels::is_for_rows<decltype(s)>; }))
      family.push_back(std::make_unique<RowsAlgorithm>(scheme));
  });
  return family;
}

}  // namespace upconv::internal
