// What costs of machines expect of every candidate: for who fits them, benchmarks/fit.py, and for any instruction set,
// whether this machine has it or not.
//
// Reads lines of JSON. The first has the properties of a machine, and rows, {"spec", "input", "isa", "tune",
// "accuracy"}; the answer is the defaults of all constants, those that such a machine has today, and for each row the
// names of the candidates of its first convolution. Every other line is an object of constants of MachineCosts, of
// which those that are left out have their defaults; the answer is a list of cycles beside those names.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "framework/writing.h"
#include "layers/convolution/machine_class.h"
#include "layers/convolution/operation.h"

namespace upconv::benchmarks {
namespace {

using nlohmann::json;
using namespace upconv::internal;

/// A convolution between planar neighbours, as it stands alone.
struct Row {
  ConvGeometry geometry;
  const kernels::Table& table;
  Tune tune;
  Accuracy accuracy;

  std::vector<ConvCandidate> candidates(const MachineCosts& machine) const {
    return conv_candidates({.geometry = geometry,
                            .input = Layout::contiguous,
                            .output = Layout::contiguous,
                            .table = table,
                            .machine = machine,
                            .accuracy = accuracy,
                            .images = images_of(tune, geometry.in.N)});
  }
};

template <class Enum>
Enum one_of(const std::map<std::string, Enum>& names, const std::string& name) {
  const auto found = names.find(name);
  if (found == names.end()) throw Error(fmt::format("expected another word than \"{}\"", name));
  return found->second;
}

ConvGeometry geometry_of(const std::string& spec, const Shape& input) {
  const std::shared_ptr<Module> module = parse_module(spec);
  Graph graph;
  const Writing writing(graph);
  (*module)(graph.input({input, DType::float32}));
  for (const Graph::Node& node : graph.nodes())
    if (const auto* conv = dynamic_cast<const ConvolutionOperation*>(node.operation.get())) {
      const Type& type = graph.nodes()[static_cast<size_t>(node.inputs.front())].type;
      return conv->geometry_of({&type, 1});
    }
  throw Error("no convolution in " + spec);
}

/// The kernels of an instruction set, whether this machine has it or not.
const kernels::Table& table_of(Isa isa) {
  static std::map<Isa, kernels::Table> all;
  const auto [found, added] = all.try_emplace(isa, *kernels::tables(isa).front());
  found->second.isa = isa;  // AMX's vectors are AVX-512's
  return found->second;
}

Row row_of(const json& row) {
  return {.geometry = geometry_of(row.at("spec"), row.at("input").get<Shape>()),
          .table = table_of(parse_isa(row.at("isa").get<std::string>())),
          .tune = one_of<Tune>({{"latency", Tune::latency}, {"throughput", Tune::throughput}}, row.at("tune")),
          .accuracy =
              one_of<Accuracy>({{"exact", Accuracy::exact}, {"standard", Accuracy::standard}, {"fast", Accuracy::fast}},
                               row.at("accuracy"))};
}

struct Constant {
  const char* name;
  double MachineCosts::*value;
};
const Constant constants[] = {
#define UPCONV_CONSTANT(name) \
  { #name, &MachineCosts::name }
    UPCONV_CONSTANT(vector_cycles),
    UPCONV_CONSTANT(pair_product),
    UPCONV_CONSTANT(tile_overhead),
    UPCONV_CONSTANT(lone_vector),
    UPCONV_CONSTANT(narrow_tiles),
    UPCONV_CONSTANT(gather_pixel),
    UPCONV_CONSTANT(gather_line),
    UPCONV_CONSTANT(near),
    UPCONV_CONSTANT(far),
    UPCONV_CONSTANT(beyond),
    UPCONV_CONSTANT(near_bytes),
    UPCONV_CONSTANT(far_bytes),
    UPCONV_CONSTANT(beyond_bytes),
    UPCONV_CONSTANT(again_least),
    UPCONV_CONSTANT(again_bytes),
    UPCONV_CONSTANT(shows),
    UPCONV_CONSTANT(shows_alone),
    UPCONV_CONSTANT(transform_small),
    UPCONV_CONSTANT(transform_middle),
    UPCONV_CONSTANT(transform_large),
    UPCONV_CONSTANT(inputs_in_halves),
    UPCONV_CONSTANT(scattered),
    UPCONV_CONSTANT(lean_product),
    UPCONV_CONSTANT(lean_point),
    UPCONV_CONSTANT(along_transform),
    UPCONV_CONSTANT(rows_few),
    UPCONV_CONSTANT(rows_one_phase),
    UPCONV_CONSTANT(rows_two_phases),
    UPCONV_CONSTANT(rows_strip),
    UPCONV_CONSTANT(rows_in),
    UPCONV_CONSTANT(rows_out),
    UPCONV_CONSTANT(rows_apart),
    UPCONV_CONSTANT(rows_transposed),
    UPCONV_CONSTANT(rows_scattered),
    UPCONV_CONSTANT(rows_hidden),
    UPCONV_CONSTANT(rows_transform_small),
    UPCONV_CONSTANT(rows_transform),
    UPCONV_CONSTANT(depthwise_product),
    UPCONV_CONSTANT(depthwise_part),
    UPCONV_CONSTANT(depthwise_store),
    UPCONV_CONSTANT(matrix_product),
    UPCONV_CONSTANT(matrix_load),
    UPCONV_CONSTANT(matrix_in),
    UPCONV_CONSTANT(matrix_out),
#undef UPCONV_CONSTANT
};
static_assert(sizeof(MachineCosts) == std::size(constants) * sizeof(double) + sizeof(int64_t), "a constant is missing");

double& constant_of(MachineCosts& costs, const std::string& name) {
  for (const Constant& one : constants)
    if (one.name == name) return costs.*one.value;
  throw Error(fmt::format("MachineCosts has no \"{}\"", name));
}

/// In the order of MachineCosts, in which an initializer has to name them.
nlohmann::ordered_json values_of(const MachineCosts& costs) {
  nlohmann::ordered_json values;
  for (const Constant& one : constants) values[one.name] = costs.*one.value;
  return values;
}

MachineCosts costs_with(const json& values) {
  MachineCosts costs;
  for (const auto& [name, value] : values.items())
    if (name == "l2_bytes")
      costs.l2_bytes = value;
    else
      constant_of(costs, name) = value;
  return costs;
}

void answer() {
  std::string line;
  std::getline(std::cin, line);
  std::vector<Row> rows;
  json names = json::array();
  const json question = json::parse(line);
  for (const json& row : question.at("rows")) {
    rows.push_back(row_of(row));
    json of_row = json::array();
    for (const ConvCandidate& one : rows.back().candidates({})) of_row.push_back(one.algorithm->name());
    names.push_back(std::move(of_row));
  }
  const json& machine = question.at("properties");
  const MachineCosts here = costs_of(
      {.wide = machine.at("wide"), .halves = machine.at("halves"), .own_additions = machine.at("own_additions")});
  std::cout << nlohmann::ordered_json{{"defaults", values_of({})}, {"today", values_of(here)}, {"candidates", names}}
            << std::endl;
  while (std::getline(std::cin, line)) {
    const MachineCosts costs = costs_with(json::parse(line));
    json cycles = json::array();
    for (const Row& row : rows) {
      json of_row = json::array();
      for (const ConvCandidate& one : row.candidates(costs)) of_row.push_back(one.cycles);
      cycles.push_back(std::move(of_row));
    }
    std::cout << cycles.dump() << std::endl;
  }
}

}  // namespace
}  // namespace upconv::benchmarks

int main(int argc, char**) {
  if (argc > 1) {
    fmt::print("upconv_costs takes no arguments: it answers lines of JSON, as the head of benchmarks/costs.cpp says\n");
    return 0;
  }
  try {
    upconv::benchmarks::answer();
  } catch (const std::exception& error) {
    fmt::print(stderr, "upconv_costs: {}\n", error.what());
    return 1;
  }
}
