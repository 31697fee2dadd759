// The pass that decides which values lie channels-last, and the step between those that do and those that do not.
#include "framework/constant.h"
#include "framework/layout.h"
#include "framework/plan.h"
#include "framework/program.h"

namespace upconv::internal {
namespace {

/// The operation that only changes the layout.
class Relayout : public Operation {
 public:
  std::string_view name() const override { return "Relayout"; }
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  bool is_by_image() const override { return true; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override;
};

class RelayoutStep : public Step {
 public:
  RelayoutStep(const Type& type, Layout to) : shape_(image_shape(type.shape)), dtype_(type.dtype), to_(to) {}

  // A tile is a run of channels of one image.
  int64_t tiles() const override { return shape_.N * runs(); }
  void run(int64_t tile, const Frame& frame) const override {
    if (dtype_ == DType::int64)
      move<int64_t>(tile, frame);
    else
      move<float>(tile, frame);
  }
  std::string algorithm() const override { return to_ == Layout::channels_last ? "to channels-last" : "to contiguous"; }

 private:
  template <class Element>
  void move(int64_t tile, const Frame& frame) const {
    const int64_t pixels = shape_.H * shape_.W, C = shape_.C;
    const int64_t image = tile / runs() * C * pixels;
    const int64_t c0 = tile % runs() * channels, count = std::min(channels, C - c0);
    const Element* x = static_cast<const Element*>(frame.inputs[0]) + image;
    Element* y = static_cast<Element*>(frame.output) + image;
    if (to_ == Layout::channels_last)
      transpose(x + c0 * pixels, pixels, y + c0, C, count, pixels);
    else
      transpose(x + c0, C, y + c0 * pixels, pixels, pixels, count);
  }

  static constexpr int64_t channels = 32;
  int64_t runs() const { return (shape_.C + channels - 1) / channels; }
  ImageShape shape_;
  DType dtype_;
  Layout to_;
};

std::unique_ptr<Step> Relayout::lower(const Lowering& lowering) const {
  return std::make_unique<RelayoutStep>(lowering.output, lowering.output_layout);
}

/// The tensor's elements, which lie contiguous, in the layout `to`, under the same shape.
Tensor relaid(const Tensor& contiguous, Layout to) {
  Tensor moved(contiguous.shape(), contiguous.dtype());
  const RelayoutStep step({contiguous.shape(), contiguous.dtype()}, to);
  const void* input = contiguous.bytes();
  for (int64_t tile = 0; tile < step.tiles(); ++tile) step.run(tile, {&input, moved.bytes(), nullptr});
  return moved;
}

/// The value of `node` in the layout `to`, where it has another by a node that an earlier reader asked for, or else by
/// a new one right before position `at` of the order.
int relaid(Plan& plan, int node, Layout to, size_t& at) {
  if (plan.at(node).layout == to || same_in_both_layouts(plan.at(node).type.shape)) return node;
  for (int earlier : plan.order)
    if (plan.at(earlier).inputs == std::vector<int>{node} && plan.at(earlier).layout == to &&
        dynamic_cast<const Relayout*>(plan.at(earlier).operation.get()))
      return earlier;
  Plan::Node made;
  if (const Parameter* constant = plan.constant(node)) {
    made.operation = std::make_shared<ConstantOperation>(Parameter(relaid(constant->value(), to)));
  } else {
    made.operation = std::make_shared<Relayout>();
    made.inputs = {node};
  }
  made.type = plan.at(node).type;
  made.path = plan.at(node).path;
  made.layout = to;
  plan.nodes.push_back(std::move(made));
  const int index = static_cast<int>(plan.nodes.size()) - 1;
  plan.order.insert(plan.order.begin() + static_cast<std::ptrdiff_t>(at++), index);
  return index;
}

/// The layout of a node's largest input, the first of equals: the others are cheaper to convert. Constants are laid out
/// anew while compiling, so they do not count: one as large as a single picture would decide for a batch of one alone.
Layout main_layout(Plan& plan, const Plan::Node& node) {
  int64_t most = -1;
  Layout layout = Layout::contiguous;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Plan::Node& input = plan.at(node.inputs[i]);
    if (node.is_residual(i) || plan.constant(node.inputs[i]) || numel(input.type.shape) <= most) continue;
    most = numel(input.type.shape);
    layout = input.layout;
  }
  return layout;
}

/// What the readers of each value would like best: contiguous for outputs of the program, for readers that need it,
/// and for indices and what is no picture.
std::vector<Layout> wanted_layouts(Plan& plan) {
  std::vector<Layout> wanted(plan.nodes.size(), Layout::channels_last);
  for (int output : plan.outputs) wanted[static_cast<size_t>(output)] = Layout::contiguous;
  for (int node : plan.order)
    if (plan.at(node).type.dtype != DType::float32 || plan.at(node).type.shape.size() > 4)
      wanted[static_cast<size_t>(node)] = Layout::contiguous;
  for (auto node = plan.order.rbegin(); node != plan.order.rend(); ++node) {
    const Plan::Node& reader = plan.at(*node);
    if (!reader.operation) continue;
    for (size_t i = 0; i < reader.inputs.size(); ++i) {
      const Layout want = wanted[static_cast<size_t>(*node)], preferred = reader.operation->preferred_layout(want);
      if ((reader.is_residual(i) ? reader.operation->output_layout(preferred, want) : preferred) == Layout::contiguous)
        wanted[static_cast<size_t>(reader.inputs[i])] = Layout::contiguous;
    }
  }
  return wanted;
}

/// Whether a view shows features as pictures, and whoever computes them for it alone can put the channels of a pixel
/// side by side; from then on it does.
bool compute_channels_last(Plan& plan, const Plan::Node& view) {
  if (!view.operation->keeps_order()) return false;
  const int producer = view.inputs.front();
  const Shape &pictures = view.type.shape, &features = plan.at(producer).type.shape;
  if (pictures.size() != 4 || features.size() != 2 || features[0] != pictures[0]) return false;
  if (!plan.at(producer).operation || plan.readers(producer) != 1) return false;
  auto made = plan.at(producer).operation->with_channels_last(pictures[1]);
  if (!made) return false;
  plan.at(producer).operation = std::move(made);
  return true;
}

}  // namespace

void lay_out(Plan& plan) {
  const std::vector<Layout> wanted = wanted_layouts(plan);
  for (size_t at = 0; at < plan.order.size(); ++at) {
    const int node = plan.order[at];
    if (!plan.at(node).operation) continue;
    const Operation& operation = *plan.at(node).operation;
    const Layout want = wanted[static_cast<size_t>(node)];
    const std::vector<Type> types = plan.types(plan.at(node).inputs);
    Layout in = operation.preferred_layout(want);
    if (!types.empty() && operation.any_layout(types)) in = main_layout(plan, plan.at(node));
    const Layout out = operation.output_layout(in, want);
    for (size_t i = 0; i < plan.at(node).inputs.size(); ++i) {
      const int input = relaid(plan, plan.at(node).inputs[i], plan.at(node).is_residual(i) ? out : in, at);
      plan.at(node).inputs[i] = input;
    }
    plan.at(node).layout = out;
    if (want == Layout::channels_last && out != want && compute_channels_last(plan, plan.at(node)))
      plan.at(node).layout = Layout::channels_last;
  }
  for (int& output : plan.outputs) {
    size_t end = plan.order.size();
    output = relaid(plan, output, Layout::contiguous, end);
  }
}

}  // namespace upconv::internal
