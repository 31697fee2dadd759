#include "layers/convolution/operation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "framework/fail.h"
#include "layers/check.h"
#include "layers/convolution/depthwise/weights.h"
#include "layers/kernels/tiles.h"

namespace upconv::internal {
namespace {

Lowering with_options(const Lowering& lowering, const Options& options) {
  return {lowering.inputs, lowering.input_layouts, lowering.output, lowering.output_layout, options, lowering.crew};
}

}  // namespace

void check_argument(const char* layer, const char* name, Pair got, int64_t least, const char* word) {
  for (int64_t value : {got.h, got.w})
    if (value < least || value > largest) fail("{}: {} must {}, got {}", layer, name, word, str(got));
}

void check_channel_arguments(const char* layer, int64_t in_channels, int64_t out_channels, int64_t groups) {
  if (groups <= 0) fail("{}: groups must be positive, got {}", layer, groups);
  check_argument(layer, "in_channels", in_channels, 1, "be positive");
  check_argument(layer, "out_channels", out_channels, 1, "be positive");
  if (in_channels % groups != 0)
    fail("{}: in_channels must be divisible by groups, got {} and {}", layer, in_channels, groups);
  if (out_channels % groups != 0)
    fail("{}: out_channels must be divisible by groups, got {} and {}", layer, out_channels, groups);
}

std::string sizes_text(std::initializer_list<SizeText> sizes) {
  std::string text;
  for (const SizeText& one : sizes)
    if (one.size != Pair(one.usual))
      text += fmt::format("{}{}{}x{}", text.empty() ? "" : " ", one.name, one.size.h, one.size.w);
  return text;
}

Type ConvolutionOperation::whole(std::span<const Type> inputs) const {
  Type whole = inputs[0];
  if (whole.dtype == DType::bfloat16) whole.dtype = DType::float32;  // as which they are read
  for (size_t i = 1; i < parts_.size(); ++i) whole.shape[1] += inputs[i].shape[1];
  return whole;
}

void ConvolutionOperation::identify(Fingerprint& print) const {
  print(weights_.weight, weights_.bias, weights_.layout.groups);
  identify_arguments(print);
}

Type ConvolutionOperation::infer(std::span<const Type> inputs) const {
  const Type x = whole(inputs);
  check_picture(x);
  const int64_t in_channels = weights_.layout.IC, out_channels = weights_.layout.OC;
  const ImageShape in = image_shape(x.shape);
  const auto input = [&] { return shown(x.shape, of_rows()); };
  if (in_channels != in.C) fail("expected {} channels, got {} in {}", in_channels, in.C, input());
  if (in.H < 1 || in.W < 1)
    fail("expected a {} of at least 1, got {}", of_rows() ? "length" : "height and width", input());
  for (int64_t size : {in.N, in.H, in.W})
    if (size > largest) fail("the output's size overflows for an input of {}", input());
  const auto [H, W] = output(in);
  const __int128 limit = std::numeric_limits<int64_t>::max() / 8;
  const auto printed = [&](__int128 size) { return static_cast<int64_t>(std::max(size, -limit)); };
  if (of_rows() && W < 1) fail("the output would be empty: {} for an input of {}", printed(W), input());
  if (H < 1 || W < 1) fail("the output would be empty: ({}, {}) for an input of {}", printed(H), printed(W), input());
  if (H > limit || W > limit || H * W > limit || H * W * out_channels > limit ||
      H * W * out_channels * std::max<int64_t>(in.N, 1) > limit)
    fail("the output's size overflows for an input of {}", input());
  Shape shape = x.shape;
  shape[shape.size() - 3] = out_channels;
  shape[shape.size() - 2] = static_cast<int64_t>(H);
  shape[shape.size() - 1] = static_cast<int64_t>(W);
  return {shape, DType::float32};
}

std::shared_ptr<const Operation> ConvolutionOperation::with_affine(const ChannelAffine& affine) const {
  if (residual_ || activated()) return nullptr;
  auto merged = copy();
  merged->weights_.affine = weights_.affine ? weights_.affine->then(affine) : affine;
  return merged;
}

std::shared_ptr<const Operation> ConvolutionOperation::with_residual() const {
  if (residual_ || activated()) return nullptr;
  auto merged = copy();
  merged->residual_ = true;
  return merged;
}

/// Panels have channels in blocks, each of which comes from one input.
std::shared_ptr<const Operation> ConvolutionOperation::with_parts(size_t input, std::span<const Type> parts) const {
  std::vector<int64_t> channels = parts_;
  auto at = channels.erase(channels.begin() + static_cast<std::ptrdiff_t>(input));
  for (const Type& part : parts) at = channels.insert(at, part.shape[1]) + 1;
  const auto is_whole = [](int64_t count) { return count % kernels::panel_lanes == 0; };
  if (has_kernel_for_each_channel()) return nullptr;
  if (!std::all_of(channels.begin(), channels.end() - 1, is_whole)) return nullptr;
  auto merged = copy();
  merged->parts_ = std::move(channels);
  return merged;
}

bool ConvolutionOperation::any_layout(std::span<const Type> inputs) const {
  if (has_kernel_for_each_channel()) return false;
  return geometry_of(inputs).has_rows_of(vector_row);
}

bool ConvolutionOperation::has_kernel_for_each_channel() const {
  return is_depthwise(weights_.layout.groups, weights_.layout.IC, weights_.layout.OC);
}

bool ConvolutionOperation::has_pairs(const Options& options) const {
  const WeightLayout& layout = weights_.layout;
  const bool has_tiles = options.accuracy != Accuracy::exact && kernels::tile_kernels(*options.isa);
  if (has_kernel_for_each_channel()) return false;
  if (layout.OC / layout.groups <= kernels::few_row_outputs && !has_tiles) return false;
  return layout.groups == 1 || layout.IC / layout.groups % 2 == 0;
}

Options ConvolutionOperation::options_of(const Lowering& lowering) const {
  Options options = lowering.options;
  if (!has_pairs(options)) options.precision = Precision::float32;
  return options;
}

ConvGeometry ConvolutionOperation::geometry_of(std::span<const Type> inputs) const {
  return geometry(image_shape(whole(inputs).shape), image_shape(infer(inputs).shape));
}

std::vector<ConvCandidate> ConvolutionOperation::candidates_of(const ConvGeometry& geometry, const Lowering& lowering,
                                                               ConvMemory memory) const {
  const Isa isa = *lowering.options.isa;
  return conv_candidates({.geometry = geometry,
                          .input = lowering.input_layouts[0],
                          .output = lowering.output_layout,
                          .table = table_of(lowering),
                          .machine = machine_costs(isa),
                          .accuracy = lowering.options.accuracy,
                          .images = images_of(lowering.options.tune, geometry.in.N),
                          .memory = {memory.inputs, memory.output, is_halved(geometry, weights_.layout, lowering)}});
}

ConvMemory ConvolutionOperation::in_memory(const Lowering& lowering) const {
  const std::span<const Type> parts = lowering.inputs.first(parts_.size());
  const auto is_stored = [](const Type& type) { return type.dtype == DType::bfloat16; };
  return {std::any_of(parts.begin(), parts.end(), is_stored), is_stored(lowering.output)};
}

/// Where what it would take anyway can, so that nothing slower is taken for it.
bool ConvolutionOperation::can_be_stored(const Lowering& asked, ConvMemory wanted) const {
  if (asked.options.precision != Precision::bfloat16 || has_kernel_for_each_channel()) return false;
  const Options options = options_of(asked);
  const Lowering lowering = with_options(asked, options);
  const ConvGeometry geometry = geometry_of(lowering.inputs);
  const ConvMemory now = in_memory(lowering);
  const std::vector<ConvCandidate> all = candidates_of(geometry, lowering, now);
  const ConvAlgorithm* chosen = &choose(all, options.algorithm);
  const std::vector<ConvCandidate> able =
      candidates_of(geometry, lowering, {now.inputs || wanted.inputs, now.output || wanted.output});
  return std::any_of(able.begin(), able.end(), [&](const ConvCandidate& one) { return one.algorithm == chosen; });
}

bool ConvolutionOperation::stores_bfloat16(const Lowering& lowering) const {
  const ImageShape out = image_shape(lowering.output.shape);
  return !planar(lowering.output_layout, out) && can_be_stored(lowering, {.output = true});
}

bool ConvolutionOperation::reads_bfloat16(const Lowering& lowering, size_t input) const {
  const ImageShape in = image_shape(lowering.inputs[input].shape);
  return !planar(lowering.input_layouts[input], in) && can_be_stored(lowering, {.inputs = true});
}

std::vector<Candidate> ConvolutionOperation::candidates(const Lowering& asked) const {
  const Options options = options_of(asked);
  const Lowering lowering = with_options(asked, options);
  std::vector<Candidate> all;
  for (const ConvCandidate& candidate : candidates_of(geometry_of(lowering.inputs), lowering, in_memory(lowering)))
    all.push_back({candidate.algorithm->name(), candidate.cycles});
  return all;
}

std::string ConvolutionOperation::described(const Lowering& lowering) const {
  const auto text = [](Layout layout) { return layout == Layout::contiguous ? "planar" : "channels-last"; };
  const WeightLayout& layout = weights_.layout;
  std::string all = fmt::format("{} {}-{} {}", name(), layout.IC, layout.OC, arguments());
  if (layout.groups > 1) all += fmt::format(" g{}", layout.groups);
  all += fmt::format(", {}, {} to {}", fmt::join(whole(lowering.inputs).shape, "x"), text(lowering.input_layouts[0]),
                     text(lowering.output_layout));
  if (parts_.size() > 1) all += fmt::format(", of {}", fmt::join(parts_, "+"));
  if (residual_) all += ", added";
  if (lowering.options.precision == Precision::bfloat16 && has_pairs(lowering.options)) all += ", bfloat16";
  const ConvMemory memory = in_memory(lowering);
  if (memory.inputs) all += ", reads bfloat16";
  if (memory.output) all += ", stores bfloat16";
  return all;
}

std::unique_ptr<Step> ConvolutionOperation::lower(const Lowering& asked) const {
  const Options options = options_of(asked);
  const Lowering lowering = with_options(asked, options);
  ConvGeometry geometry = geometry_of(lowering.inputs);
  const ConvAlgorithm& chosen =
      choose(candidates_of(geometry, lowering, in_memory(lowering)), lowering.options.algorithm);
  ConvContext context{.input = lowering.input_layouts[0],
                      .output = lowering.output_layout,
                      .activation = activation(),
                      .flops = 2 * products(geometry.in, geometry.out),
                      .threads = lowering.options.threads,
                      .parts = parts_,
                      .residual = residual_,
                      .part_types = {},
                      .stored = lowering.output.dtype};
  for (size_t i = 0; i < parts_.size(); ++i) context.part_types.push_back(lowering.inputs[i].dtype);
  const bool halved = is_halved(geometry, weights_.layout, lowering);
  return chosen.step({std::move(geometry), std::move(context), weights_, lowering, halved});
}

}  // namespace upconv::internal
