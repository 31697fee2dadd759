#pragma once
// Internal: values under another shape and with their elements in another order: all that chains of reshape and permute
// are. They are views wherever the elements lie in that order already, in one of the two layouts.
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "../framework/graph.h"

namespace upconv::internal {

/// Which element of one shape each element of another is.
struct Rearrangement {
  /// A run of a dimension's indices: index i of it stands for index i * step of the dimension.
  struct Factor {
    int64_t size;
    size_t dim;
    int64_t step;
  };
  Shape from, shape;
  /// For each dimension of `shape`, outermost first, what of `from` it walks over. Dimension 0 of `from` always is
  /// among them, others only where they have more than one index.
  std::vector<std::vector<Factor>> dims;
  bool is_known = true;  ///< whether `dims` is, which it is not where dimensions would be cut unevenly

  static Rearrangement identity(const Shape& shape);
  /// The same elements in the same order under another shape, which has as many. Of an identity() that is so where
  /// `dims` is not known, too.
  Rearrangement reshaped(const Shape& to) const;
  /// Dimension i becomes what dimension order[i] was.
  Rearrangement permuted(const std::vector<size_t>& order) const;
  /// This one, and then one of its result; may be not known.
  Rearrangement then(const Rearrangement& next) const;
};

/// A rearrangement as an operation.
class RearrangeOperation : public Operation {
 public:
  /// What is made of a shape; throws Error where that does not fit.
  using Rule = std::function<Rearrangement(const Shape&)>;
  /// `from` is the shape of its input.
  RearrangeOperation(std::string_view name, const Shape& from, Rule rule);
  std::string_view name() const override { return name_; }
  void identify(Fingerprint& print) const override;
  Type infer(std::span<const Type> inputs) const override;
  std::shared_ptr<const Operation> with_producer(std::span<const size_t> inputs, const Operation& producer, const Type&,
                                                 const Type&) const override;
  bool is_view() const override { return kind_ != Kind::copy; }
  bool keeps_order() const override { return kind_ == Kind::view; }
  bool any_layout(std::span<const Type>) const override { return kind_ == Kind::copy; }
  Layout preferred_layout(Layout wanted) const override;
  Layout output_layout(Layout input, Layout wanted) const override;
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;

  /// Whether its result is its input.
  bool changes_nothing() const;
  /// Whether it exchanges the last two dimensions and nothing besides.
  bool transposes_matrices() const;

 private:
  enum class Kind {
    view,                ///< the order of a contiguous input is that of a contiguous result
    from_channels_last,  ///< the order of a channels-last input is that of a contiguous result: pixels as rows
    to_channels_last,    ///< the order of a contiguous input is that of a channels-last result: rows as pixels
    copy                 ///< all others
  };
  Kind kind() const;

  std::string_view name_;
  Rule rule_;
  std::optional<Rearrangement> arranged_;  // nothing where the input does not fit, which infer() says
  Kind kind_ = Kind::copy;
};

/// The value that a rule makes of x.
Value rearranged(std::string_view name, Value x, RearrangeOperation::Rule rule);

}  // namespace upconv::internal
