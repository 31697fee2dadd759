#include "layers/rearrange.h"

#include <algorithm>
#include <numeric>

#include "framework/error.h"
#include "framework/layout.h"
#include "layers/steps/strided.h"

namespace upconv::internal {

using Factor = Rearrangement::Factor;

Rearrangement Rearrangement::identity(const Shape& shape) {
  Rearrangement same{.from = shape, .shape = shape, .dims = {}};
  for (size_t d = 0; d < shape.size(); ++d) {
    same.dims.emplace_back();
    if (d == 0 || shape[d] != 1) same.dims[d].push_back({shape[d], d, 1});
  }
  return same;
}

Rearrangement Rearrangement::reshaped(const Shape& to) const {
  Rearrangement result{
      .from = from, .shape = to, .dims = std::vector<std::vector<Factor>>(to.size()), .is_known = false};
  if (!is_known || numel(from) == 0) return result;
  std::vector<Factor> rest;  // innermost first
  for (auto dim = dims.rbegin(); dim != dims.rend(); ++dim) rest.insert(rest.end(), dim->rbegin(), dim->rend());
  for (size_t d = 0; d < to.size(); ++d) {
    for (int64_t needed = to[d]; !rest.empty() && (needed > 1 || rest.back().size == 1);) {
      Factor& next = rest.back();
      if (needed % next.size == 0) {
        needed /= next.size;
        result.dims[d].push_back(next);
        rest.pop_back();
      } else if (next.size % needed == 0) {
        next.size /= needed;
        result.dims[d].push_back({needed, next.dim, next.step * next.size});
        needed = 1;
      } else {
        return result;  // the dimension would be cut in parts that are not equal
      }
    }
  }
  result.is_known = true;
  return result;
}

Rearrangement Rearrangement::permuted(const std::vector<size_t>& order) const {
  Rearrangement result{.from = from, .shape = {}, .dims = {}, .is_known = is_known};
  for (size_t dim : order) {
    result.shape.push_back(shape[dim]);
    result.dims.push_back(dims[dim]);
  }
  return result;
}

Rearrangement Rearrangement::then(const Rearrangement& next) const {
  const Rearrangement unknown{.from = from, .shape = next.shape, .dims = {}, .is_known = false};
  if (!is_known || !next.is_known) return unknown;
  // This one's result with a dimension for each factor of the next one, those exchanged, and joined again.
  std::vector<Factor> factors;
  for (const std::vector<Factor>& dim : next.dims) factors.insert(factors.end(), dim.begin(), dim.end());
  std::vector<size_t> sorted(factors.size()), order(factors.size());
  std::iota(sorted.begin(), sorted.end(), size_t{0});
  std::stable_sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) {
    return factors[a].dim != factors[b].dim ? factors[a].dim < factors[b].dim : factors[a].step > factors[b].step;
  });
  Shape apart;
  for (size_t i = 0; i < sorted.size(); ++i) {
    apart.push_back(factors[sorted[i]].size);
    order[sorted[i]] = i;
  }
  const Rearrangement cut = reshaped(apart);
  if (!cut.is_known) return unknown;
  return cut.permuted(order).reshaped(next.shape);
}

namespace {

/// A factor with its steps in the memory of input and result.
struct Walk {
  int64_t size, x, y;
};

std::vector<Walk> walks(const Rearrangement& arranged, Layout from, Layout to) {
  const std::vector<int64_t> x = strides_of(arranged.from, from), y = strides_of(arranged.shape, to);
  std::vector<Walk> all;
  for (size_t d = 0; d < arranged.dims.size(); ++d) {
    int64_t inner = y[d];
    const size_t first = all.size();
    for (auto factor = arranged.dims[d].rbegin(); factor != arranged.dims[d].rend(); ++factor) {
      all.push_back({factor->size, x[factor->dim] * factor->step, inner});
      inner *= factor->size;
    }
    std::reverse(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  }
  return all;
}

/// Whether the result is the input's memory. A single image is held to what many would be: the way must not depend on
/// their number.
bool in_place(const Rearrangement& arranged, Layout from, Layout to) {
  const std::vector<Walk> all = walks(arranged, from, to);
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i].size == 1 ? i > 0 : all[i].x != all[i].y) return false;
  return true;
}

bool is_picture(const Shape& shape) { return shape.size() == 3 || shape.size() == 4; }

}  // namespace

RearrangeOperation::RearrangeOperation(std::string_view name, const Shape& from, Rule rule)
    : name_(name), rule_(std::move(rule)) {
  try {
    arranged_ = rule_(from);
    kind_ = kind();
  } catch (const Error&) {
    arranged_.reset();
  }
}

RearrangeOperation::Kind RearrangeOperation::kind() const {
  if (!arranged_->is_known) return Kind::view;
  if (numel(arranged_->from) == 0) return Kind::copy;
  if (in_place(*arranged_, Layout::contiguous, Layout::contiguous)) return Kind::view;
  if (is_picture(arranged_->from) && in_place(*arranged_, Layout::channels_last, Layout::contiguous))
    return Kind::from_channels_last;
  if (is_picture(arranged_->shape) && in_place(*arranged_, Layout::contiguous, Layout::channels_last))
    return Kind::to_channels_last;
  return Kind::copy;
}

void RearrangeOperation::identify(Fingerprint& print) const {
  // The shapes of input and output say the rest.
  std::vector<int64_t> numbers;
  if (arranged_ && arranged_->is_known)
    for (const std::vector<Factor>& dim : arranged_->dims)
      for (const Factor& factor : dim)
        numbers.insert(numbers.end(), {factor.size, static_cast<int64_t>(factor.dim), factor.step});
  print(numbers);
}

Type RearrangeOperation::infer(std::span<const Type> inputs) const {
  return {rule_(inputs[0].shape).shape, inputs[0].dtype};
}

std::shared_ptr<const Operation> RearrangeOperation::with_producer(std::span<const size_t>, const Operation& producer,
                                                                   const Type&, const Type&) const {
  const auto* before = dynamic_cast<const RearrangeOperation*>(&producer);
  if (!before || !before->arranged_ || !arranged_) return nullptr;
  const Rearrangement both = before->arranged_->then(*arranged_);
  if (!both.is_known) return nullptr;
  return std::make_shared<RearrangeOperation>(is_view() ? before->name_ : name_, both.from,
                                              [both](const Shape&) { return both; });
}

Layout RearrangeOperation::preferred_layout(Layout) const {
  return kind_ == Kind::copy || kind_ == Kind::from_channels_last ? Layout::channels_last : Layout::contiguous;
}
Layout RearrangeOperation::output_layout(Layout, Layout wanted) const {
  if (kind_ == Kind::copy) return wanted;
  return kind_ == Kind::to_channels_last ? Layout::channels_last : Layout::contiguous;
}

std::unique_ptr<Step> RearrangeOperation::lower(const Lowering& lowering) const {
  Move move;
  for (const Walk& walk : walks(*arranged_, lowering.input_layouts[0], lowering.output_layout)) {
    move.sizes.push_back(walk.size);
    move.x_strides.push_back(walk.x);
    move.y_strides.push_back(walk.y);
  }
  return move_step(std::span(&move, 1), lowering.output.dtype, kernels::table(*lowering.options.isa));
}

bool RearrangeOperation::transposes_matrices() const {
  if (!arranged_ || !arranged_->is_known || arranged_->from.size() < 2) return false;
  const size_t rank = arranged_->from.size();
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), size_t{0});
  std::swap(order[rank - 1], order[rank - 2]);
  const Rearrangement expected = Rearrangement::identity(arranged_->from).permuted(order);
  const auto equal = [](const Factor& a, const Factor& b) {
    return a.size == b.size && a.dim == b.dim && a.step == b.step;
  };
  return arranged_->shape == expected.shape &&
         std::equal(
             expected.dims.begin(), expected.dims.end(), arranged_->dims.begin(), arranged_->dims.end(),
             [&](const auto& a, const auto& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal); });
}

bool RearrangeOperation::changes_nothing() const {
  return arranged_ && kind_ == Kind::view && arranged_->shape == arranged_->from;
}

Value rearranged(std::string_view name, Value x, RearrangeOperation::Rule rule) {
  auto operation = std::make_shared<RearrangeOperation>(name, x.shape(), std::move(rule));
  return operation->changes_nothing() ? x : x.graph().apply(std::move(operation), {x});
}

}  // namespace upconv::internal
