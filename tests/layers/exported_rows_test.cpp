// The rows of the table of operations, given what no export writes: whatever stands in a file is refused by Error, or
// becomes values, and never worse.
#include <doctest/doctest.h>
#include <upconv/upconv.h>

#include <limits>
#include <random>

#include "framework/writing.h"
#include "layers/exported/operations.h"
#include "layers/exported/rows.h"

namespace upconv::internal {
namespace {

using Random = std::mt19937_64;
using Limits = std::numeric_limits<int64_t>;

template <class T, size_t size>
const T& any(Random& random, const T (&all)[size]) {
  return all[random() % size];
}

int64_t odd_integer(Random& random) {
  constexpr int64_t all[] = {0,
                             1,
                             2,
                             3,
                             4,
                             -1,
                             -2,
                             -4,
                             5,
                             1000,
                             (1 << 22) + 1,
                             int64_t{1} << 31,
                             -5,
                             64,
                             16,
                             1,
                             1,
                             1,
                             2,
                             0,
                             int64_t{1} << 32,
                             int64_t{1} << 53,
                             int64_t{1} << 62,
                             Limits::max() - 1,
                             Limits::max(),
                             Limits::min(),
                             Limits::min() + 1};
  return any(random, all);
}

double odd_number(Random& random) {
  constexpr double all[] = {0,
                            1,
                            -1,
                            2,
                            0.5,
                            1e-45,
                            1e300,
                            -1e300,
                            0x1p63,
                            -0x1p63,
                            3.5,
                            std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()};
  return any(random, all);
}

std::string odd_text(Random& random) {
  const std::string all[] = {"none",    "tanh",      "floor",     "trunc",    "valid",   "same",
                             "reflect", "constant",  "replicate", "circular", "\x1b[2J", std::string(1000, 'x'),
                             "",        "ij,jk->ki", "...a,...a", "aab,b",    "abcd->",  "xy"};
  return any(random, all);
}

/// The values that a node may name: tensors of many shapes, integers, numbers, and some that nobody made.
std::vector<Item> items_in(Graph& graph) {
  std::vector<Item> items;
  for (const Shape& shape : {Shape{},
                             {0},
                             {1},
                             {4},
                             {4, 4},
                             {2, 3},
                             {1, 4, 4},
                             {2, 4, 1},
                             {1, 4, 4, 4},
                             {4, 1, 3, 3},
                             {4, 4, 3, 3},
                             {1, 0, 4, 4},
                             {0, 4, 2, 2},
                             {1, 2, 3, 4, 5},
                             {int64_t{1} << 38},
                             {int64_t{1} << 19, int64_t{1} << 19},
                             {1, 4, int64_t{1} << 18, int64_t{1} << 18}})
    items.emplace_back(Operand{graph.input({shape, DType::float32}), DType::float32});
  for (const Shape& shape : {Shape{}, {4}, {2, 3}, {0}})
    items.emplace_back(Operand{graph.input({shape, DType::int64}), DType::int64});
  items.emplace_back(Operand{graph.input({{4, 4}, DType::float32}), DType::boolean});
  items.emplace_back(int64_t{3});
  items.emplace_back(Limits::min());
  items.emplace_back(0.5);
  items.emplace_back(std::monostate());
  return items;
}

Argument odd_argument(const OperationParameter& parameter, size_t items, Random& random) {
  const auto reference = [&] { return Argument{Reference{static_cast<int>(random() % items)}}; };
  const auto number = [&]() -> Argument {
    switch (random() % 8) {
      case 0:
        return reference();
      case 1:
        return {odd_number(random)};
      case 2:
        return {random() % 2 == 0};
      default:
        return {odd_integer(random)};
    }
  };
  if (parameter.initial && random() % 2 == 0) return *parameter.initial;
  if (parameter.takes_none && random() % 2 == 0) return {};
  const auto list = [&](auto one) {
    Argument::List all;
    for (size_t left = random() % 5; left > 0; --left) all.push_back(one());
    return Argument{all};
  };
  switch (parameter.kind) {
    case ArgumentKind::tensor:
      return reference();
    case ArgumentKind::tensors:
      return list([&] { return random() % 4 == 0 ? Argument{} : reference(); });
    case ArgumentKind::operand:
      return random() % 2 == 0 ? reference() : number();
    case ArgumentKind::integers:
    case ArgumentKind::numbers:
      return parameter.length > 0 && random() % 2 == 0 ? number() : list(number);
    case ArgumentKind::text:
      return {odd_text(random)};
    case ArgumentKind::type: {
      constexpr DType all[] = {DType::float32, DType::int64,   DType::int32,
                               DType::boolean, DType::float16, DType::uint8};
      return {any(random, all)};
    }
    case ArgumentKind::any:
      return random() % 2 == 0 ? Argument{} : Argument{odd_text(random)};
    default:
      return number();
  }
}

TEST_CASE("exported: whatever a row is given is refused or written down" * doctest::timeout(120)) {
  Random random(22);
  size_t written = 0, refused = 0;
  for (const OperationRow& row : operation_rows()) {
    CAPTURE(row.name);
    for (int time = 0; time < 400; ++time) {
      Graph graph;
      const Writing writing(graph);
      const std::vector<Item> items = items_in(graph);
      ExportedNode node;
      node.row = &row;
      for (const OperationParameter& parameter : row.parameters)
        node.arguments.push_back(odd_argument(parameter, items.size(), random));
      node.outputs.resize(random() % 5);
      try {
        const std::vector<Item> made = row.make(NodeCall(node, items, graph, node.outputs.size()));
        for (const Item& item : made)
          if (const auto* operand = std::get_if<Operand>(&item)) CHECK(numel(operand->value.shape()) >= 0);
        ++written;
      } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find('\x1b') == std::string_view::npos);
        ++refused;
      }
      CHECK(graph.nodes().size() < 1000);
    }
  }
  CHECK(written > 1000);
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace upconv::internal
