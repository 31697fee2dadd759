#include "tools/write/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "layers/exported/operations.h"

namespace upconv::tools {

using namespace internal;

const Argument& NodeView::argument(std::string_view name) const {
  const Argument* argument = find_argument(node(), name);
  if (argument == nullptr) refuse(fmt::format("it has no argument {}", name));
  return *argument;
}

size_t NodeView::rank(std::string_view name) const { return calls_.rank(value(name)); }

std::optional<int64_t> NodeView::size(std::string_view name, size_t dim) const {
  const auto& known = calls_.program().values[static_cast<size_t>(value(name))].type;
  return known && dim < known->sizes.size() ? known->sizes[dim].number : std::nullopt;
}

const Normalization* NodeView::normalization() const { return calls_.normalization(index_); }
const Unsqueezed* NodeView::unsqueezed() const { return calls_.unsqueezed(index_); }

bool NodeView::has(std::string_view name) const { return node().row->find(name) != nullptr; }

DType NodeView::type(int value) const {
  const auto& known = calls_.program().values[static_cast<size_t>(value)].type;
  return known ? known->dtype : DType::float32;
}

int NodeView::value(std::string_view name) const {
  const auto* reference = argument(name).get<Reference>();
  return reference == nullptr ? -1 : calls_.same(reference->index);
}

namespace {

std::optional<double> number_of(const Argument& argument) {
  if (const auto* integer = argument.get<int64_t>()) return static_cast<double>(*integer);
  if (const auto* number = argument.get<double>()) return *number;
  if (const auto* truth = argument.get<bool>()) return *truth ? 1 : 0;
  return {};
}

template <class T>
std::optional<std::vector<T>> all_of(const Argument& argument, size_t length) {
  std::vector<T> all;
  if (const auto* list = argument.get<Argument::List>()) {
    for (const Argument& one : *list) {
      const std::optional<double> number = number_of(one);
      if (!number) return {};
      const auto* integer = one.get<int64_t>();
      all.push_back(integer == nullptr ? static_cast<T>(*number) : static_cast<T>(*integer));
    }
  } else if (const std::optional<double> number = number_of(argument)) {
    all.push_back(static_cast<T>(*number));
  } else {
    return {};
  }
  if (all.size() == 1 && length > 1) all.resize(length, all[0]);
  return all;
}

}  // namespace

std::optional<int64_t> NodeView::integer(std::string_view name) const {
  const Argument& given = argument(name);
  if (const auto* integer = given.get<int64_t>()) return *integer;
  if (const auto* truth = given.get<bool>()) return *truth ? 1 : 0;
  return {};
}
std::optional<double> NodeView::number(std::string_view name) const { return number_of(argument(name)); }

std::optional<std::vector<int64_t>> NodeView::integers(std::string_view name) const {
  const Argument& given = argument(name);
  return all_of<int64_t>(given, node().row->find(name)->length);
}
std::optional<std::vector<double>> NodeView::numbers(std::string_view name) const {
  return all_of<double>(argument(name), 0);
}
std::string NodeView::text(std::string_view name) const {
  const auto* text = argument(name).get<std::string>();
  return text == nullptr ? "" : *text;
}

namespace {

template <class T>
Expression pair_of(const std::vector<T>& sizes, const std::string& role) {
  if (std::all_of(sizes.begin(), sizes.end(), [&](T size) { return size == sizes[0]; }))
    return Expression::of(sizes[0], role);
  Expression both = Expression::list();
  for (T size : sizes) both.add(Expression::of(size, role.empty() ? "" : role));
  return both;
}

}  // namespace

Expression pair(const std::vector<int64_t>& sizes, const std::string& role) { return pair_of(sizes, role); }
Expression pair(const std::vector<double>& sizes, const std::string& role) { return pair_of(sizes, role); }

void add_mode(Expression& resampling, const NodeView& node) {
  static const std::map<std::string_view, std::string> modes = {{"_upsample_nearest_exact2d.vec", "nearest-exact"},
                                                                {"upsample_bilinear2d.vec", "bilinear"},
                                                                {"upsample_bicubic2d.vec", "bicubic"},
                                                                {"_upsample_nearest_exact1d.vec", "nearest-exact"},
                                                                {"upsample_linear1d.vec", "linear"}};
  if (const auto mode = modes.find(node.row()); mode != modes.end())
    resampling.option("mode", Expression::name("\"" + mode->second + "\""));
  if (node.has("align_corners"))
    resampling.option("align_corners", Expression::of(node.boolean("align_corners")), false);
}

std::optional<Expression> resampling(const NodeView& node, const std::string& function) {
  if (node.row().find("upsample_") == std::string_view::npos) return {};
  Expression made = Expression::call(function);
  if (!node.is_none("output_size")) {
    const auto sizes = node.integers("output_size");
    if (!sizes || sizes->empty()) return {};
    made.option("size", pair(*sizes, "size"));
  } else {
    const auto factors = node.numbers("scale_factors");
    if (!factors || factors->empty()) return {};
    made.option("scale_factor", pair(*factors, "scale_factor"));
  }
  add_mode(made, node);
  return made;
}

}  // namespace upconv::tools
