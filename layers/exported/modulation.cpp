#include "layers/exported/modulation.h"

#include <algorithm>
#include <array>
#include <map>

#include "layers/exported/rewriting.h"

namespace upconv::internal {
namespace {

/// The numbers and values that a weight (N, O, I, KH, KW) is the product of.
struct Factors {
  int weight = -1;  ///< known when the program is read: (1, O, I, KH, KW) or (O, I, KH, KW)
  std::vector<double> numbers;
  std::vector<int> inputs;   ///< (N, 1, I, 1, 1)
  std::vector<int> outputs;  ///< (N, O, 1, 1, 1)
};

/// Pictures of a batch, and how a program writes them down.
struct Batch {
  ExportedSize pictures, channels;  ///< N, O
  Argument number;                  ///< N, as the convolution's groups are given
};

/// What becomes of an operation of each channel alone that follows a convolution of one picture of N * O channels.
struct Channelwise {
  Batch batch;
  int scale = -1;  ///< factors (N, O, 1, 1) that its result is multiplied by, or -1
};

class Recognition : ProgramRewriting {
 public:
  using ProgramRewriting::ProgramRewriting;

  void run() {
    rewrite([&](const ExportedNode& node) {
      if (const auto follows = channelwise_.find(&node); follows != channelwise_.end())
        return channelwise(node, follows->second);
      if (is_convolution(node)) return convolution(node);
      return name_is(node, {"sum.dim_IntList"}) && sum_of_squares(node);
    });
  }

 private:
  /// A value without views and copies of it: the last of those on the way back for which `fits` holds, or -1.
  template <class Fits>
  int seen_as(int value, Fits fits) const {
    int last = -1;
    for (size_t i = 0; i < most_looked_at; ++i) {
      if (const std::optional<Sizes> own = sizes(value); own && fits(*own)) last = value;
      const ExportedNode* node = maker(value);
      if (node == nullptr || (!is_view(*node) && !is_copy(*node))) break;
      value = given(*node, "self");
    }
    return last;
  }
  /// The value before dimensions 1 and 2 of its five changed places, or -1.
  int untransposed(int value) const {
    const ExportedNode* node = maker(value);
    if (node == nullptr) return -1;
    if (name_is(*node, {"transpose.int"})) {
      const std::optional<double> a = number(*node, "dim0"), b = number(*node, "dim1");
      if (!a || !b) return -1;
      const auto of_five = [](double dim) { return dim < 0 ? dim + 5 : dim; };
      const bool fits = std::min(of_five(*a), of_five(*b)) == 1 && std::max(of_five(*a), of_five(*b)) == 2;
      return fits ? uncopied(given(*node, "self")) : -1;
    }
    if (!name_is(*node, {"permute"})) return -1;
    const auto* dims = find_argument(*node, "dims")->get<Argument::List>();
    if (dims == nullptr || dims->size() != 5) return -1;
    for (size_t i = 0; i < 5; ++i) {
      const auto* dim = (*dims)[i].get<int64_t>();
      const int64_t expected = std::array<int64_t, 5>{0, 2, 1, 3, 4}[i];
      if (dim == nullptr || (*dim < 0 ? *dim + 5 : *dim) != expected) return -1;
    }
    return uncopied(given(*node, "self"));
  }

  /// What a value of five dimensions is the product of; nothing where it is not one of a weight with numbers for each
  /// picture.
  std::optional<Factors> factors(int value, const Sizes& whole) const {
    Factors all;
    size_t looked_at = 0;
    if (!multiply(all, value, whole, looked_at) || all.weight < 0) return {};
    return all;
  }
  bool multiply(Factors& all, int value, const Sizes& whole, size_t& looked_at) const {
    value = uncopied(value);
    const std::optional<Sizes> own = sizes(value);
    if (!own || ++looked_at > most_looked_at) return false;
    if (known_[at(value)] && all.weight < 0) {
      // (O, I, KH, KW), with a dimension of 1 before it or without.
      Sizes of_all = *own;
      if (of_all.size() == 5 && is_one(of_all[0])) of_all.erase(of_all.begin());
      const bool is_weight =
          same(of_all, Sizes(whole.begin() + 1, whole.end())) &&
          std::all_of(of_all.begin(), of_all.end(), [](const auto& size) { return size.number > 0; });
      if (is_weight) return all.weight = value, true;
    }
    const ExportedNode* node = maker(value);
    if (node != nullptr && name_is(*node, {"mul.Tensor", "mul.Scalar"})) {
      for (const std::string_view name : {"self", "other"}) {
        if (const std::optional<double> factor = number(*node, name))
          all.numbers.push_back(*factor);
        else if (!multiply(all, given(*node, name), whole, looked_at))
          return false;
      }
      return true;
    }
    if (own->size() != 5 || !(same((*own)[0], whole[0]) || is_one((*own)[0])) || !is_one((*own)[3]) ||
        !is_one((*own)[4]))
      return false;
    if (is_one((*own)[1]) && same((*own)[2], whole[2])) return all.inputs.push_back(value), true;
    if (is_one((*own)[2]) && same((*own)[1], whole[1])) return all.outputs.push_back(value), true;
    return false;
  }

  /// The weight as (O, I, KH, KW), with the numbers in it.
  int plain_weight(const ExportedNode& of, const Factors& factors, const Sizes& shape) {
    int weight = factors.weight;
    if (sizes(weight)->size() == 5) weight = add(of, "squeeze.dim", {value(weight), {int64_t{0}}}, shape);
    for (double factor : factors.numbers) weight = add(of, "mul.Tensor", {value(weight), {factor}}, shape);
    return weight;
  }
  /// Factors (N, O, I, 1, 1), one of O and I being 1 in dimension `dim`, as (N, C, 1, 1).
  int picture_factors(const ExportedNode& of, const std::vector<int>& factors, int64_t dim, const Sizes& shape) {
    int product = -1;
    for (int factor : factors) {
      Sizes own = *sizes(factor);
      own.erase(own.begin() + dim);
      const int here = add(of, "squeeze.dim", {value(factor), {dim}}, own);
      product = product < 0 ? here : add(of, "mul.Tensor", {value(product), value(here)}, shape);
    }
    return product;
  }

  bool convolution(const ExportedNode& node) {
    const bool transposed = is_transposed_convolution(node);
    const Argument* groups = find_argument(node, "groups");
    const int given_weight = given(node, "weight"), output = node.outputs[0];
    if (!find_argument(node, "bias")->is_none() || given_weight < 0 || known_[at(given_weight)]) return false;
    const std::optional<Sizes> flat = sizes(given_weight), group = sizes(given(node, "input")), result = sizes(output);
    if (!flat || flat->size() != 4 || !group || group->size() != 4 || !result || result->size() != 4) return false;
    // The weight: (N, O, I, KH, KW), or with O and I the other way round, whose first two dimensions are made one.
    const auto is_of_five = [](const Sizes& sizes) { return sizes.size() == 5; };
    int product = seen_as(given_weight, is_of_five);
    if (transposed) {
      product = untransposed(product);
      const std::optional<Sizes> before = sizes(product);
      product = before ? seen_as(product, [&](const Sizes& sizes) { return same(sizes, *before); }) : -1;
    }
    const std::optional<Sizes> whole = sizes(product);
    if (!whole || whole->size() != 5 || known_[at(product)]) return false;
    const ExportedSize &N = (*whole)[0], &O = (*whole)[1], &I = (*whole)[2];
    const ExportedSize& second = transposed ? O : I;
    if (!same((*flat)[1], second) || !same((*flat)[2], (*whole)[3]) || !same((*flat)[3], (*whole)[4])) return false;
    const std::optional<Factors> found = factors(product, *whole);
    if (!found || (found->inputs.empty() && found->outputs.empty()) || !is_size(*groups, N)) return false;
    // The pictures: (N, I, H, W), whose first two dimensions are made one.
    const Sizes pictures{N, I, (*group)[2], (*group)[3]};
    int x = seen_as(given(node, "input"), [&](const Sizes& sizes) { return same(sizes, pictures); });
    if (x < 0 || !is_one((*group)[0])) return false;
    // The result: (1, N * O, H, W), which all who read it, or what follows from it, see as pictures again.
    const Sizes results{N, O, (*result)[2], (*result)[3]};
    const Batch batch{N, O, *groups};
    const std::optional<std::vector<const ExportedNode*>> path = channelwise_path(output, batch);
    if (!path) return false;

    const Sizes shape(whole->begin() + 1, whole->end());
    int weight = plain_weight(node, *found, shape);
    if (transposed)
      weight = add(node, "transpose.int", {value(weight), {int64_t{0}}, {int64_t{1}}}, {I, O, shape[2], shape[3]});
    if (!found->inputs.empty()) {
      const int scale = picture_factors(node, found->inputs, 1, {N, I, exported_size(1), exported_size(1)});
      x = add(node, "mul.Tensor", {value(x), value(scale)}, pictures);
    }
    int scale = -1;
    if (!found->outputs.empty())
      scale = picture_factors(node, found->outputs, 2, {N, O, exported_size(1), exported_size(1)});
    for (const ExportedNode* next : *path) channelwise_[next] = {batch, next == path->back() ? scale : -1};
    if (!path->empty()) scale = -1;
    ExportedNode plain = node;
    give(plain, "input", value(x));
    give(plain, "weight", value(weight));
    give(plain, "groups", {int64_t{1}});
    add_scaled(std::move(plain), scale, results);
    return true;
  }
  /// A node, which makes pictures of those sizes now, and what multiplies them by factors (N, O, 1, 1).
  void add_scaled(ExportedNode node, int scale, const Sizes& results) {
    const int output = node.outputs[0];
    node.in_place = false;
    program_.values[at(output)].type->sizes = results;
    if (scale < 0) return made_.push_back(std::move(node));
    node.outputs = {add_value(results)};
    made_.push_back(std::move(node));
    const ExportedNode& of = made_.back();
    add(ExportedNode(of), "mul.Tensor", {value(of.outputs[0]), value(scale)}, results, output);
  }

  /// The operations of each channel alone that follow a convolution's result (1, N * O, H, W) until all who read it see
  /// (N, O, H, W), or nothing where somebody does not: factors move behind all of them, so that they are multiplied
  /// together with what comes next. Of one picture, which is seen as one anyway, the last of them is a convolution.
  std::optional<std::vector<const ExportedNode*>> channelwise_path(int output, const Batch& batch) const {
    const bool is_single = is_one(batch.pictures);
    const ExportedSize merged = (*sizes(output))[1];
    std::vector<const ExportedNode*> path;
    std::optional<std::vector<const ExportedNode*>> found;
    for (int value = output;;) {
      if (is_seen_as_pictures(value, batch) && (!is_single || path.empty() || is_convolution(*path.back())))
        found = path;
      const bool is_done = found && !is_single;
      const ExportedNode* next = is_done ? nullptr : channelwise_reader(value, merged, is_single);
      if (next == nullptr || path.size() == most_looked_at) return found;
      path.push_back(next);
      value = next->outputs[0];
    }
  }
  bool is_seen_as_pictures(int value, const Batch& batch) const {
    const Sizes own = *sizes(value);
    if (own.size() != 4) return false;
    const Sizes pictures{batch.pictures, batch.channels, own[2], own[3]};
    return (is_one(batch.pictures) && same(own, pictures)) || is_read_as(value, pictures);
  }
  /// The only node that reads a value (1, C, ...) for more than its height and width, where it computes (1, C, ...) of
  /// it, each channel from itself alone and in proportion to it; nullptr where there is none. Kernels are the same for
  /// all channels, unless they may differ.
  const ExportedNode* channelwise_reader(int value, const ExportedSize& channels, bool may_differ) const {
    if (given_back_[at(value)]) return nullptr;
    const ExportedNode* only = nullptr;
    for (int reader : readers_[at(value)]) {
      const ExportedNode& node = program_.nodes[at(reader)];
      if (asks_for_height_or_width(node)) continue;
      if (only != nullptr || node.outputs.size() != 1) return nullptr;
      only = &node;
    }
    if (only == nullptr) return nullptr;
    const std::optional<Sizes> from = sizes(value), to = sizes(only->outputs[0]);
    const auto is_merged = [&](const std::optional<Sizes>& sizes) {
      return sizes && sizes->size() >= 4 && is_one((*sizes)[0]) && same((*sizes)[1], channels);
    };
    if (!is_merged(from) || !is_merged(to)) return nullptr;
    if (is_convolution(*only)) return is_depthwise(*only, value, channels, may_differ) ? only : nullptr;
    if (given(*only, "self") != value) return nullptr;
    const bool fits = is_copy(*only) || is_sized_view(*only, to->size()) || pads_with_zeros(*only, from->size()) ||
                      cuts_pictures(*only, from->size());
    return fits ? only : nullptr;
  }
  /// Whether it is a convolution of each of the channels by a kernel of its own or, unless they may differ, by one
  /// kernel for all.
  bool is_depthwise(const ExportedNode& node, int input, const ExportedSize& channels, bool may_differ) const {
    const int weight = given(node, "weight");
    const std::optional<Sizes> kernels = sizes(weight);
    return given(node, "input") == input && weight != input && kernels && kernels->size() == 4 &&
           sizes(input)->size() == 4 && same((*kernels)[0], channels) && is_one((*kernels)[1]) &&
           find_argument(node, "bias")->is_none() &&
           (may_differ ? known_[at(weight)] : repeated_kernel(weight) != nullptr);
  }
  /// The node that repeats one kernel for all channels of a depthwise weight; nullptr where none does.
  const ExportedNode* repeated_kernel(int weight) const {
    const ExportedNode* node = maker(uncopied(weight));
    if (node == nullptr || !name_is(*node, {"expand", "repeat"})) return nullptr;
    const auto* times = node->arguments[1].get<Argument::List>();
    const std::optional<Sizes> kernel = sizes(given(*node, "self"));
    const bool fits = times != nullptr && times->size() == 4 && kernel && (kernel->size() < 4 || is_one((*kernel)[0]));
    return fits ? node : nullptr;
  }
  /// Whether it is a view that says each of its sizes.
  static bool is_sized_view(const ExportedNode& node, size_t rank) {
    if (!name_is(node, {"view", "reshape", "_unsafe_view"})) return false;
    const auto* sizes = node.arguments[1].get<Argument::List>();
    return sizes != nullptr && sizes->size() == rank;
  }
  /// Whether it is a slice of another dimension than batch and channels.
  static bool cuts_pictures(const ExportedNode& node, size_t rank) {
    if (!name_is(node, {"slice.Tensor"})) return false;
    const auto* dim = find_argument(node, "dim")->get<int64_t>();
    return dim != nullptr && (*dim < 0 ? *dim + static_cast<int64_t>(rank) : *dim) >= 2;
  }

  /// An operation of each channel alone, for N pictures of O channels.
  bool channelwise(const ExportedNode& node, const Channelwise& follows) {
    const Batch& batch = follows.batch;
    Sizes results = *sizes(node.outputs[0]);
    results[0] = batch.pictures;
    results[1] = batch.channels;
    ExportedNode plain = node;
    if (!is_one(batch.pictures) && is_view(node)) {
      Argument::List sizes = *node.arguments[1].get<Argument::List>();
      sizes[0] = batch.number;
      sizes[1] = {*batch.channels.number};
      plain.arguments[1] = {std::move(sizes)};
    }
    if (!is_one(batch.pictures) && is_convolution(node)) {
      give(plain, "weight", value(repeated_weight(node, batch.channels)));
      give(plain, "groups", {*batch.channels.number});
    }
    add_scaled(std::move(plain), follows.scale, results);
    return true;
  }
  /// A depthwise convolution's weight, for fewer channels.
  int repeated_weight(const ExportedNode& convolution, const ExportedSize& channels) {
    const int weight = given(convolution, "weight");
    ExportedNode node = *repeated_kernel(weight);
    Argument::List times = *node.arguments[1].get<Argument::List>();
    times[0] = {*channels.number};
    node.arguments[1] = {std::move(times)};
    Sizes kernels = *sizes(weight);
    kernels[0] = channels;
    node.outputs = {add_value(std::move(kernels))};
    made_.push_back(std::move(node));
    return made_.back().outputs[0];
  }

  /// Whether all who read a value see it in that shape, or ask for its height and width.
  bool is_read_as(int value, const Sizes& shape) const {
    bool fits = !given_back_[at(value)];
    for (int reader : readers_[at(value)]) {
      const ExportedNode& node = program_.nodes[at(reader)];
      if (is_view(node)) {
        const std::optional<Sizes> seen = sizes(node.outputs[0]);
        fits &= seen && same(*seen, shape);
      } else {
        fits &= asks_for_height_or_width(node);
      }
    }
    return fits;
  }

  /// sum_{i, kh, kw} (W * s)^2
  bool sum_of_squares(const ExportedNode& node) {
    const auto* dims = find_argument(node, "dim")->get<Argument::List>();
    if (dims == nullptr || dims->size() != 3 || !find_argument(node, "dtype")->is_none()) return false;
    std::vector<int64_t> summed;
    for (const Argument& dim : *dims)
      if (const auto* integer = dim.get<int64_t>()) summed.push_back(*integer < 0 ? *integer + 5 : *integer);
    std::sort(summed.begin(), summed.end());
    if (summed != std::vector<int64_t>{2, 3, 4}) return false;
    const int product = root_of_square(uncopied(given(node, "self")));
    const std::optional<Sizes> whole = sizes(product), result = sizes(node.outputs[0]);
    if (!whole || whole->size() != 5 || known_[at(product)] || !result) return false;
    const std::optional<Factors> found = factors(product, *whole);
    if (!found || found->inputs.empty() || !found->outputs.empty()) return false;
    const ExportedSize &N = (*whole)[0], &O = (*whole)[1], &I = (*whole)[2];
    const bool of_all = std::all_of(found->inputs.begin(), found->inputs.end(),
                                    [&](int factor) { return same((*sizes(factor))[0], N); });
    const auto* keeps = find_argument(node, "keepdim")->get<bool>();
    const bool keepdim = keeps != nullptr && *keeps;
    Sizes sums{N, O};
    if (keepdim) sums.insert(sums.end(), {exported_size(1), exported_size(1), exported_size(1)});
    if (!of_all || !same(*result, sums)) return false;

    const Sizes shape(whole->begin() + 1, whole->end());
    const int weight = plain_weight(node, *found, shape);
    const int squares = add(node, "mul.Tensor", {value(weight), value(weight)}, shape);
    const int taps = add(node, "sum.dim_IntList", {value(squares), list_of({2, 3})}, {O, I});
    int style = -1;
    for (int factor : found->inputs) {
      const int here = add(node, "squeeze.dims", {value(factor), list_of({1, 3, 4})}, {N, I});
      style = style < 0 ? here : add(node, "mul.Tensor", {value(style), value(here)}, {N, I});
    }
    const int powers = add(node, "mul.Tensor", {value(style), value(style)}, {N, I});
    int sum = add(node, "linear", {value(powers), value(taps)}, {N, O}, keepdim ? -1 : node.outputs[0]);
    if (!keepdim) return true;
    for (size_t rank = 3; rank <= 5; ++rank)
      sum =
          add(node, "unsqueeze", {value(sum), {int64_t{-1}}},
              Sizes(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(rank)), rank == 5 ? node.outputs[0] : -1);
    return true;
  }
  /// x of x * x, or -1.
  int root_of_square(int square) const {
    const ExportedNode* node = maker(square);
    if (node == nullptr) return -1;
    const bool is_power = name_is(*node, {"pow.Tensor_Scalar"}) && number(*node, "exponent") == 2;
    const bool is_product = name_is(*node, {"mul.Tensor"}) && given(*node, "self") == given(*node, "other");
    return is_power || is_product || name_is(*node, {"square"}) ? uncopied(given(*node, "self")) : -1;
  }

  std::map<const ExportedNode*, Channelwise> channelwise_;  // what comes later, and follows a convolution
};

}  // namespace

void recognise_modulation(ExportedProgram& program) { Recognition(program).run(); }

}  // namespace upconv::internal
