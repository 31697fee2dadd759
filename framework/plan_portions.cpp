// The pass that lets steps in a row compute a part of the batch, and then the next one, so that what they pass on to
// each other stays in caches.
#include <optional>

#include "framework/fail.h"
#include "framework/plan.h"
#include "framework/program.h"

namespace upconv::internal {
namespace {

/// The memory of a value as that of another batch: some of its images, or the whole of which it is a portion.
class Images : public Operation {
 public:
  explicit Images(Type type) : type_(std::move(type)) {}
  std::string_view name() const override { return "Images"; }
  Type infer(std::span<const Type>) const override { return type_; }
  bool is_view() const override { return true; }
  std::unique_ptr<Step> lower(const Lowering&) const override { return nullptr; }

 private:
  Type type_;
};

int64_t images_of(const Type& type) { return type.shape.front(); }
size_t bytes_of_image(const Type& type) {
  return static_cast<size_t>(numel(type.shape) / images_of(type)) * size_of(type.dtype);
}

/// Nodes in a row that could compute any part of the batch by themselves.
struct Run {
  std::vector<int> nodes;
  size_t largest = 0;  ///< bytes of an image of any value that they read or make
};

class Portions {
 public:
  Portions(Plan& plan, size_t cache_bytes, int threads) : plan_(plan), cache_bytes_(cache_bytes), threads_(threads) {}

  void divide() {
    for (const Run& run : runs())
      if (const std::optional<int64_t> images = images_of_portion(run)) divide(run, *images);
  }

 private:
  bool is_picture(int node) const {
    const Type& type = plan_.at(node).type;
    return type.shape.size() == 4 && numel(type.shape) > 0;
  }

  /// Whether it makes pictures, each of the picture in the same place of the inputs, and of constants.
  bool is_by_image(int index) const {
    const Plan::Node& node = plan_.at(index);
    if (!node.operation->is_by_image() || !is_picture(index)) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](int input) {
      const Shape& shape = plan_.at(input).type.shape;
      if (plan_.constant(plan_.storage_of(input))) return shape.size() < 4 || shape.front() == 1;
      return is_picture(input) && images_of(plan_.at(input).type) == images_of(node.type);
    });
  }

  /// Of the largest value that it reads or makes.
  size_t bytes_of_image_at(int index) const {
    size_t most = bytes_of_image(plan_.at(index).type);
    for (int input : plan_.at(index).inputs)
      if (!plan_.constant(plan_.storage_of(input))) most = std::max(most, bytes_of_image(plan_.at(input).type));
    return most;
  }

  /// Reads what a node of the run made, as it was made: a view may show it otherwise.
  bool reads_plainly(const Run& run, int index) const {
    const std::vector<int>& inputs = plan_.at(index).inputs;
    return std::all_of(inputs.begin(), inputs.end(), [&](int input) {
      return plan_.storage_of(input) == input ||
             std::find(run.nodes.begin(), run.nodes.end(), plan_.storage_of(input)) == run.nodes.end();
    });
  }

  /// Whether its pictures are large enough beside the cache for their way through it to matter, and small enough to
  /// stay there, and its weights, which each portion reads again, few.
  bool gains(int index) const {
    constexpr size_t most_images = 8, most_weights = 4;  // that fit the cache, and times the cache
    const size_t bytes = bytes_of_image_at(index);
    return bytes * most_images >= cache_bytes_ && bytes <= cache_bytes_ &&
           plan_.at(index).operation->weight_bytes() <= most_weights * cache_bytes_;
  }

  /// The longest runs of nodes that gain.
  std::vector<Run> runs() const {
    std::vector<Run> all(1);
    for (int index : plan_.order) {
      const Plan::Node& node = plan_.at(index);
      if (!plan_.computes(index)) continue;
      const bool joins = is_by_image(index) && gains(index) && reads_plainly(all.back(), index);
      const auto& nodes = all.back().nodes;
      if (!nodes.empty() && (!joins || images_of(plan_.at(nodes.front()).type) != images_of(node.type)))
        all.emplace_back();
      if (!joins) continue;
      all.back().nodes.push_back(index);
      all.back().largest = std::max(all.back().largest, bytes_of_image_at(index));
    }
    return all;
  }

  /// As many as fit the caches, and divide the batch; nothing where that is all of it, or fewer than there are threads,
  /// or nothing would be passed on.
  std::optional<int64_t> images_of_portion(const Run& run) const {
    if (run.nodes.size() < 2) return {};
    const int64_t all = images_of(plan_.at(run.nodes.front()).type);
    int64_t images = std::min(all, threads_ * static_cast<int64_t>(cache_bytes_ / run.largest));
    while (all % images != 0) --images;
    return images < all && images >= threads_ ? std::optional(images) : std::nullopt;
  }

  /// A new view of `value`, right before position `at` of the order.
  int show(int value, Type type, int portions, std::vector<int>::iterator at) {
    Plan::Node view;
    view.operation = std::make_shared<Images>(type);
    view.inputs = {value};
    view.type = std::move(type);
    view.path = plan_.at(value).path;
    view.layout = plan_.at(value).layout;
    view.portions = portions;
    plan_.nodes.push_back(std::move(view));
    plan_.order.insert(at, static_cast<int>(plan_.nodes.size()) - 1);
    return static_cast<int>(plan_.nodes.size()) - 1;
  }

  void divide(const Run& run, int64_t images) {
    const auto is_inside = [&](int node) {
      return std::find(run.nodes.begin(), run.nodes.end(), node) != run.nodes.end();
    };
    const int portions = static_cast<int>(plan_.portions.size());
    plan_.portions.push_back(images_of(plan_.at(run.nodes.front()).type) / images);
    const auto portion_of = [&](Type type) {
      type.shape.front() = images;
      return type;
    };
    const auto place_of = [&](int node) { return std::find(plan_.order.begin(), plan_.order.end(), node); };

    for (int index : run.nodes)
      for (int input : std::vector<int>(plan_.at(index).inputs)) {
        if (is_inside(input) || plan_.constant(plan_.storage_of(input)) || !plan_.at(index).has_input(input)) continue;
        const int view = show(input, portion_of(plan_.at(input).type), portions, place_of(run.nodes.front()));
        std::replace(plan_.at(index).inputs.begin(), plan_.at(index).inputs.end(), input, view);
      }
    for (int index : run.nodes) {
      const Type whole = plan_.at(index).type;
      plan_.at(index).type = portion_of(whole);
      plan_.at(index).portions = portions;
      std::vector<int> outside;
      for (int reader : plan_.order)
        if (!is_inside(reader) && plan_.at(reader).has_input(index)) outside.push_back(reader);
      if (outside.empty() && std::count(plan_.outputs.begin(), plan_.outputs.end(), index) == 0) continue;
      const int view = show(index, whole, -1, place_of(index) + 1);
      for (int reader : outside)
        std::replace(plan_.at(reader).inputs.begin(), plan_.at(reader).inputs.end(), index, view);
      std::replace(plan_.outputs.begin(), plan_.outputs.end(), index, view);
    }
  }

  Plan& plan_;
  size_t cache_bytes_;  // of one thread
  int threads_;
};

}  // namespace

void divide(Plan& plan, size_t cache_bytes, int threads) { Portions(plan, cache_bytes, threads).divide(); }

}  // namespace upconv::internal
