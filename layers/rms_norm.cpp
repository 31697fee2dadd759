#include "layers/rms_norm.h"

#include <algorithm>
#include <limits>

#include "layers/check.h"
#include "layers/elementwise.h"
#include "layers/reduce.h"
#include "layers/repr.h"

namespace upconv {

using namespace internal;

RMSNorm::RMSNorm(Shape normalized_shape, std::optional<IntegerOrNumber> eps, bool elementwise_affine)
    : normalized_shape(positive("RMSNorm", "normalized_shape", normalized_shape)),
      eps(eps),
      elementwise_affine(elementwise_affine),
      weight(elementwise_affine ? Parameter(Tensor(normalized_shape,
                                                   std::vector<float>(static_cast<size_t>(numel(normalized_shape)), 1)))
                                : Parameter(normalized_shape)) {
  if (elementwise_affine) add_parameter("weight", weight);
}

Value RMSNorm::forward(Value x) const {
  const Shape& shape = x.shape();
  const auto rank = static_cast<int64_t>(normalized_shape.size());
  if (static_cast<int64_t>(shape.size()) < rank ||
      !std::equal(normalized_shape.rbegin(), normalized_shape.rend(), shape.rbegin()))
    refuse(x, "RMSNorm expected an input whose last dimensions are {}, got {}", upconv::str(normalized_shape),
           upconv::str(shape));
  std::vector<int64_t> last;
  for (int64_t d = 0; d < rank; ++d) last.push_back(d - rank);
  const Value y = x * rsqrt(mean(x * x, last, true) + (eps ? number(*eps) : std::numeric_limits<float>::epsilon()));
  return elementwise_affine ? y * weight : y;
}

std::string RMSNorm::extra_repr() const {
  return fmt::format("{}, eps={}, elementwise_affine={}", upconv::str(normalized_shape), eps ? python(*eps) : "None",
                     python(elementwise_affine));
}

}  // namespace upconv
