#include "layers/exported/upsampling.h"

#include <algorithm>
#include <array>

#include "layers/exported/rewriting.h"

namespace upconv::internal {
namespace {

/// Zeros before and behind, along one direction.
struct Margin {
  int64_t before = 0, behind = 0;
};
/// Down and right.
using Margins = std::array<Margin, 2>;

/// More than any picture has, and far from overflow.
constexpr int64_t most_zeros = 1 << 20;

/// Pictures, and how far apart their pixels were put.
struct Spread {
  int pictures = -1;
  std::array<int64_t, 2> by{};
};

class Recognition : ProgramRewriting {
 public:
  using ProgramRewriting::ProgramRewriting;

  void run() {
    rewrite([&](const ExportedNode& node) { return is_convolution(node) && convolution(node); });
  }

 private:
  /// The two numbers of an argument, or one that stands for both; nothing where they are not that.
  static std::optional<std::array<int64_t, 2>> two(const ExportedNode& node, std::string_view name) {
    const Argument* argument = find_argument(node, name);
    if (argument == nullptr) return {};
    if (const auto* integer = argument->get<int64_t>()) return std::array{*integer, *integer};
    const std::optional<std::vector<int64_t>> all = numbers(*argument);
    if (!all || all->empty() || all->size() > 2) return {};
    return std::array{all->front(), all->back()};
  }
  static std::optional<std::vector<int64_t>> numbers(const Argument& argument) {
    const auto* list = argument.get<Argument::List>();
    if (list == nullptr) return {};
    std::vector<int64_t> all;
    for (const Argument& one : *list) {
      const auto* integer = one.get<int64_t>();
      if (integer == nullptr) return {};
      all.push_back(*integer);
    }
    return all;
  }

  /// How many zeros a node puts before and behind the last dimensions, as PyTorch counts them; nothing where it does
  /// something else.
  static std::optional<std::vector<int64_t>> zeros(const ExportedNode* node, size_t rank) {
    if (node == nullptr || !pads_with_zeros(*node, rank)) return {};
    std::optional<std::vector<int64_t>> sides = numbers(*find_argument(*node, "pad"));
    const auto is_count = [](int64_t side) { return side >= 0 && side < most_zeros; };
    return sides && std::all_of(sides->begin(), sides->end(), is_count) ? sides : std::nullopt;
  }

  /// The value before zeros were put around its pictures, which are added to `margins`.
  int unpadded(int value, Margins& margins) const {
    for (size_t i = 0; i < most_looked_at; ++i) {
      value = uncopied(value);
      const ExportedNode* node = maker(value);
      std::optional<std::vector<int64_t>> sides = zeros(node, 4);
      if (!sides) break;
      sides->resize(4);
      margins[0].before += (*sides)[2];
      margins[0].behind += (*sides)[3];
      margins[1].before += (*sides)[0];
      margins[1].behind += (*sides)[1];
      value = given(*node, "self");
    }
    return value;
  }
  /// The pictures whose pixels were put apart to give these, or nothing.
  std::optional<Spread> unspread(int value) const {
    // (N, C, u * h, v * w) of (N, C, h, u, w, v) of (N, C, h, 1, w, 1)
    const ExportedNode* joins = maker(uncopied(value));
    if (joins == nullptr || !is_view(*joins)) return {};
    const ExportedNode* pads = maker(uncopied(given(*joins, "self")));
    const std::vector<int64_t> sides = zeros(pads, 6).value_or(std::vector<int64_t>{});
    if (sides.size() != 6 || sides[0] != 0 || sides[2] != 0 || sides[3] != 0 || sides[4] != 0) return {};
    const ExportedNode* parts = maker(uncopied(given(*pads, "self")));
    if (parts == nullptr || !is_view(*parts)) return {};
    const Spread spread{uncopied(given(*parts, "self")), {sides[5] + 1, sides[1] + 1}};
    const std::optional<Sizes> all = sizes(value), parted = sizes(parts->outputs[0]), own = sizes(spread.pictures);
    if (!all || !parted || !own || all->size() != 4 || own->size() != 4) return {};
    if (!same(*parted, {(*own)[0], (*own)[1], (*own)[2], exported_size(1), (*own)[3], exported_size(1)})) return {};
    const bool fits = same((*all)[0], (*own)[0]) && same((*all)[1], (*own)[1]) &&
                      is_times((*all)[2], (*own)[2], spread.by[0]) && is_times((*all)[3], (*own)[3], spread.by[1]);
    return fits ? std::optional(spread) : std::nullopt;
  }
  static bool is_times(const ExportedSize& product, const ExportedSize& size, int64_t times) {
    return product.number && size.number && times >= 1 && times <= most_zeros && *size.number >= 1 &&
           *size.number <= most_zeros && *product.number == *size.number * times;
  }

  bool convolution(const ExportedNode& node) {
    if (is_transposed_convolution(node)) return false;
    const auto stride = two(node, "stride"), dilation = two(node, "dilation"), padding = two(node, "padding");
    if (stride != std::array<int64_t, 2>{1, 1} || dilation != stride || !padding) return false;
    const int weight = given(node, "weight");
    const std::optional<Sizes> kernels = sizes(weight);
    Margins margins{};
    const std::optional<Spread> spread = unspread(unpadded(given(node, "input"), margins));
    if (!spread || spread->by == std::array<int64_t, 2>{1, 1} || !kernels || kernels->size() != 4 ||
        !known_[at(weight)])
      return false;
    if (!same((*kernels)[0], (*sizes(spread->pictures))[1]) || !is_one((*kernels)[1])) return false;

    Argument::List cut, more;
    for (size_t i = 0; i < 2; ++i) {
      const std::optional<int64_t> size = (*kernels)[2 + i].number;
      if (!size || *size < 1 || *size > most_zeros || (*padding)[i] < 0 || (*padding)[i] > most_zeros) return false;
      // Output j reads pixel m by kernel element u m + before - j, and that of a kernel that is turned round by
      // j + size - 1 - before - u m.
      const int64_t before = margins[i].before + (*padding)[i], behind = margins[i].behind + (*padding)[i];
      const int64_t further = spread->by[i] - 1 + behind - before;
      if (before >= *size || further < 0 || further >= spread->by[i]) return false;
      cut.push_back({*size - 1 - before});
      more.push_back({further});
    }
    const int turned = add(node, "flip", {value(weight), list_of({2, 3})}, *kernels);
    add(node, "conv_transpose2d.input",
        {value(spread->pictures),
         value(turned),
         *find_argument(node, "bias"),
         list_of({spread->by[0], spread->by[1]}),
         {std::move(cut)},
         {std::move(more)},
         *find_argument(node, "groups")},
        {}, node.outputs[0]);
    return true;
  }
};

}  // namespace

void recognise_upsampling(ExportedProgram& program) { Recognition(program).run(); }

}  // namespace upconv::internal
