#pragma once
// One machinery behind several front doors: what a convolution, transposed or not, is to the compiler. A front door
// knows its arguments, its shape rule, its axes and the order of its weights.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/layout.h"
#include "../activated.h"
#include "../pair.h"
#include "algorithm.h"

namespace upconv::internal {

constexpr int64_t largest = int64_t{1} << 40;  ///< of a size or argument: far beyond memory, far from overflow

/// Throws Error that names the layer and the argument where one is smaller than `least` or beyond reason.
void check_argument(const char* layer, const char* name, Pair got, int64_t least, const char* word);
/// The arguments that all convolutions have.
void check_channel_arguments(const char* layer, int64_t in_channels, int64_t out_channels, int64_t groups);

/// An argument with a size for height and width, left out where it is `usual`.
struct SizeText {
  const char* name;
  Pair size;
  int64_t usual;
};
/// "k4x4 s2x2 p1x1".
std::string sizes_text(std::initializer_list<SizeText> sizes);

class ConvolutionOperation : public Activated<ConvolutionOperation> {
 public:
  /// A copy to be changed: what has absorbed another operation is one of its own.
  virtual std::shared_ptr<ConvolutionOperation> clone() const = 0;
  /// What it computes of such inputs. Throws Error where they do not fit.
  ConvGeometry geometry_of(std::span<const Type> inputs) const;
  void identify(Fingerprint& print) const override;
  Type infer(std::span<const Type> inputs) const override;
  std::shared_ptr<const Operation> with_affine(const ChannelAffine& affine) const override;
  std::shared_ptr<const Operation> with_residual() const override;
  std::shared_ptr<const Operation> with_parts(size_t input, std::span<const Type> parts) const override;
  bool any_layout(std::span<const Type> inputs) const override;
  Layout preferred_layout(Layout) const override { return Layout::channels_last; }
  /// Residuals are added where outputs are stored, which the kernels do channels-last.
  Layout output_layout(Layout, Layout wanted) const override { return residual_ ? Layout::channels_last : wanted; }
  bool is_by_image() const override { return true; }
  size_t weight_bytes() const override { return static_cast<size_t>(numel(weight_shape())) * sizeof(float); }
  bool has_precision() const override { return true; }
  bool stores_bfloat16(const Lowering& lowering) const override;
  bool reads_bfloat16(const Lowering& lowering, size_t input) const override;
  std::vector<Candidate> candidates(const Lowering& lowering) const override;
  std::string described(const Lowering& lowering) const override;
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;

 protected:
  /// A size that has not yet been found to fit 64 bits.
  struct Size {
    __int128 h, w;
  };

  explicit ConvolutionOperation(ConvWeights weights) : weights_(std::move(weights)), parts_{weights_.layout.IC} {}
  /// Kernel, stride and so on, as files of choices have them: "k4x4 s2x2 p1x1".
  virtual std::string arguments() const = 0;
  /// Adds the arguments of the front door.
  virtual void identify_arguments(Fingerprint& print) const = 0;
  /// Height and width of the output. Throws Error where the arguments do not fit such an input.
  virtual Size output(const ImageShape& in) const = 0;
  virtual ConvGeometry geometry(const ImageShape& in, const ImageShape& out) const = 0;
  /// Multiply-adds by the layer's definition.
  virtual double products(const ImageShape& in, const ImageShape& out) const = 0;

  const Shape& weight_shape() const { return weights_.weight.shape(); }
  /// Whether it is one of one dimension, of pictures of one row.
  bool of_rows() const { return weight_shape().size() == 3; }

  ConvWeights weights_;

 private:
  /// The picture whose parts, one after another, its inputs are.
  Type whole(std::span<const Type> inputs) const;
  bool has_kernel_for_each_channel() const;
  /// Whether it is worth its while that channels come in pairs, and those of a group begin a new one. Of few outputs
  /// the kernels with pixels in the lanes are faster with floats than others with pairs, but for tiles.
  bool has_pairs(const Options& options) const;
  /// The options with the precision that it can have.
  Options options_of(const Lowering& lowering) const;
  /// Whether any input, and the output, lie in memory as bfloat16.
  ConvMemory in_memory(const Lowering& lowering) const;
  bool can_be_stored(const Lowering& lowering, ConvMemory wanted) const;
  std::vector<ConvCandidate> candidates_of(const ConvGeometry& geometry, const Lowering& lowering,
                                           ConvMemory memory) const;
  bool residual_ = false;
  std::vector<int64_t> parts_;  // channels of the inputs that are read one after another
};

}  // namespace upconv::internal
