#include "layers/text/unprinted.h"

#include <cmath>

namespace upconv::internal {
namespace {

/// Whether both factors are whole numbers for which `holds` is true; false where sizes are given.
bool factors_are_whole(const Arguments& a, bool (*holds)(double)) {
  const auto factor = a.optional_numbers("scale_factor");
  const auto is_one = [&](double f) { return f == std::floor(f) && holds(f); };
  return factor && is_one(factor->h) && is_one(factor->w);
}

/// Interpolating modes have corners; where no size changes, every pixel keeps its place.
bool align_corners_matters(const Arguments& a) {
  const bool interpolates = !a.text("mode").starts_with("nearest");
  return interpolates && !factors_are_whole(a, [](double f) { return f == 1; });
}

/// Whole factors are the ratio of the sizes; with align_corners positions follow from the sizes anyway.
bool recompute_scale_factor_matters(const Arguments& a) {
  const bool from_corners = a.optional_boolean("align_corners").value_or(false);
  return a.optional_numbers("scale_factor") && !from_corners && !factors_are_whole(a, [](double) { return true; });
}

/// Whether, at some size of input, what the stride leaves over makes room for one more window that begins within the
/// input and its first padding: that remainder is at most stride - 1 and must exceed stride + padding - kernel_size.
bool ceil_mode_matters(int64_t kernel_size, int64_t stride, int64_t padding) {
  return stride > 1 && kernel_size > padding + 1;
}
bool ceil_mode_matters(const Arguments& a) {
  const OneOrTwo<int64_t> kernel = a.one_or_two("kernel_size"), padding = a.one_or_two("padding"),
                          stride = a.optional_one_or_two("stride").value_or(kernel);
  return ceil_mode_matters(kernel.h, stride.h, padding.h) || ceil_mode_matters(kernel.w, stride.w, padding.w);
}
bool ceil_mode_matters_in_rows(const Arguments& a) {
  const int64_t kernel = a.single("kernel_size");
  return ceil_mode_matters(kernel, a.optional_single("stride").value_or(kernel), a.single("padding"));
}

bool count_include_pad_matters(const Arguments& a) {
  const OneOrTwo<int64_t> padding = a.one_or_two("padding");
  return !a.optional_integer("divisor_override") && (padding.h > 0 || padding.w > 0);
}

bool pads_rows(const Arguments& a) { return a.single("padding") > 0; }

bool always(const Arguments&) { return true; }

}  // namespace

const std::vector<Unprinted>& unprinted_arguments() {
  static const std::vector<Unprinted> all = {
      {"Upsample", "align_corners", "False", "True", align_corners_matters},
      {"Upsample", "recompute_scale_factor", "False", "True", recompute_scale_factor_matters},
      {"AvgPool1d", "ceil_mode", "False", "True", ceil_mode_matters_in_rows},
      {"AvgPool1d", "count_include_pad", "True", "False", pads_rows},
      {"AvgPool2d", "ceil_mode", "False", "True", ceil_mode_matters},
      {"AvgPool2d", "count_include_pad", "True", "False", count_include_pad_matters},
      {"AvgPool2d", "divisor_override", "None", "a number", always},
  };
  return all;
}

}  // namespace upconv::internal
