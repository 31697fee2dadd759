// The pass that keeps views from standing between operations that could become one.
#include <iterator>
#include <optional>

#include "framework/plan.h"
#include "framework/program.h"

namespace upconv::internal {
namespace {

/// The same elements in the same order under another shape.
class View : public ContiguousOperation {
 public:
  explicit View(Shape shape) : shape_(std::move(shape)) {}
  std::string_view name() const override { return "view"; }
  Type infer(std::span<const Type> inputs) const override { return {shape_, inputs[0].dtype}; }
  bool is_view() const override { return true; }
  std::unique_ptr<Step> lower(const Lowering&) const override { return nullptr; }

 private:
  Shape shape_;
};

/// Dimensions of one shape and those of another one that hold the same elements.
struct Alike {
  std::vector<size_t> from, to;
};

/// The shortest runs of dimensions that hold the same elements in two shapes of as many elements, in order.
std::vector<Alike> alike(const Shape& from, const Shape& to) {
  std::vector<Alike> all;
  for (size_t i = 0, j = 0; i < from.size() || j < to.size();) {
    Alike run;
    int64_t a = 1, b = 1;  // elements of both
    do {
      const bool first = j == to.size() || (i < from.size() && a <= b);
      (first ? a : b) *= first ? from[i] : to[j];
      (first ? run.from : run.to).push_back(first ? i++ : j++);
    } while (a != b);
    all.push_back(std::move(run));
  }
  return all;
}

/// The shape of an operand that is broadcast to `to` as one of shape `operand` is to `from`; nothing where there is
/// none, as it is repeated along a part of a dimension.
std::optional<Shape> broadcast_alike(const Shape& operand, const Shape& from, const Shape& to) {
  Shape made(to.size(), 1);
  const size_t missing = from.size() - operand.size();
  for (const Alike& run : alike(from, to)) {
    bool one = true, whole = true;
    for (size_t d : run.from) {
      const int64_t size = d < missing ? 1 : operand[d - missing];
      one &= size == 1;
      whole &= size == from[d];
    }
    if (!one && !whole) return {};
    if (whole)
      for (size_t d : run.to) made[d] = to[d];
  }
  return made;
}

class Views {
 public:
  explicit Views(Plan& plan) : plan_(plan) {}

  bool any() const {
    return std::any_of(plan_.order.begin(), plan_.order.end(), [&](int node) { return is_view(node); });
  }

  /// Reads what views of views show; what has its own shape again is read itself.
  void join() {
    for (int node : std::vector<int>(plan_.order)) {
      if (!is_view(node)) continue;
      const int source = shown_by(plan_.at(node).inputs.front());
      if (plan_.at(source).type == plan_.at(node).type)
        plan_.replace(node, source);
      else if (source != plan_.at(node).inputs.front())
        set_view(node, source);
    }
  }

  /// Element-wise operations on what views show move to where that lies as pictures; whether there were any.
  bool lift() {
    find_first_ones();
    bool lifted = false;
    for (int node : std::vector<int>(plan_.order))
      if (const auto shape = picture_of(node)) lifted |= lift(node, *shape);
    return lifted;
  }

 private:
  bool is_view(int node) const { return plan_.at(node).operation && plan_.at(node).operation->keeps_order(); }
  int shown_by(int node) const { return is_view(node) ? shown_by(plan_.at(node).inputs.front()) : node; }
  bool is_elementwise(int node) const { return plan_.at(node).operation && plan_.at(node).operation->is_elementwise(); }
  bool is_picture(const Type& type) const { return type.shape.size() == 4 && type.dtype == DType::float32; }

  void set_view(int node, int source) {
    plan_.at(node).operation = std::make_shared<View>(plan_.at(node).type.shape);
    plan_.at(node).inputs = {source};
  }

  /// Which nodes nothing computes but element-wise operations on inputs of the program: behind others they stay, as
  /// those could absorb them.
  void find_first_ones() {
    first_.assign(plan_.nodes.size(), false);
    for (int node : plan_.order) {
      const std::vector<int>& inputs = plan_.at(node).inputs;
      first_[static_cast<size_t>(node)] =
          !plan_.at(node).operation || plan_.constant(node) ||
          ((is_view(node) || is_elementwise(node)) &&
           std::all_of(inputs.begin(), inputs.end(), [&](int input) { return first_[static_cast<size_t>(input)]; }));
    }
  }

  /// The picture's shape that this element-wise operation could give: that of what one of its inputs shows, or that in
  /// which others read it.
  std::optional<Shape> picture_of(int node) const {
    if (!is_elementwise(node)) return {};
    const Type& type = plan_.at(node).type;
    if (type.shape.size() == 4 || type.dtype != DType::float32 || numel(type.shape) == 0) return {};
    for (int input : plan_.at(node).inputs) {
      const Type& shown = plan_.at(shown_by(input)).type;
      if (plan_.at(input).type == type && is_picture(shown)) return shown.shape;
    }
    if (!first_[static_cast<size_t>(node)]) return {};
    for (int reader : plan_.order)
      if (is_view(reader) && plan_.at(reader).inputs.front() == node && is_picture(plan_.at(reader).type))
        return plan_.at(reader).type.shape;
    return {};
  }

  bool lift(int node, const Shape& picture) {
    const Shape own = plan_.at(node).type.shape;
    std::vector<Shape> shapes;
    for (int input : plan_.at(node).inputs) {
      const auto shape = broadcast_alike(plan_.at(input).type.shape, own, picture);
      if (!shape) return false;
      shapes.push_back(*shape);
    }
    for (size_t i = 0; i < shapes.size(); ++i) {
      const int input = shown(plan_.at(node).inputs[i], shapes[i], node);
      plan_.at(node).inputs[i] = input;
    }
    const int view = add(node, own, std::next(std::find(plan_.order.begin(), plan_.order.end(), node)));
    plan_.replace_reads(node, view);
    plan_.at(view).inputs = {node};
    plan_.at(node).type.shape = picture;
    return true;
  }

  /// What `node` shows, as `shape`, for `reader`.
  int shown(int node, const Shape& shape, int reader) {
    const int source = shown_by(node);
    if (plan_.at(source).type.shape == shape) return source;
    const auto at = std::find(plan_.order.begin(), plan_.order.end(), reader);
    const auto same = std::find_if(plan_.order.begin(), at, [&](int other) {
      return is_view(other) && plan_.at(other).inputs.front() == source && plan_.at(other).type.shape == shape;
    });
    return same != at ? *same : add(source, shape, at);
  }

  /// A view of `source`, at that place of the order.
  int add(int source, const Shape& shape, std::vector<int>::iterator at) {
    Plan::Node view;
    view.type = {shape, plan_.at(source).type.dtype};
    view.path = plan_.at(source).path;
    const auto index = static_cast<int>(plan_.nodes.size());
    plan_.order.insert(at, index);
    plan_.nodes.push_back(std::move(view));
    set_view(index, source);
    return index;
  }

  Plan& plan_;
  std::vector<bool> first_;
};

}  // namespace

void see_through(Plan& plan) {
  Views views(plan);
  if (!views.any()) return;
  views.join();
  while (views.lift()) views.join();
  drop_unread(plan);
}

}  // namespace upconv::internal
