// What a text leaves open, against what PyTorch's print hides: unprinted.json, made by tests/golden/unprinted.py.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "layers/spec.h"
#include "layers/text/registry.h"
#include "layers/text/unprinted.h"

using namespace upconv;
using namespace upconv::internal;

namespace {

/// A layer as one types it, and the arguments that its print hides and that would change its values.
struct Case {
  std::string layer;
  std::vector<std::string> arguments;
};

std::string name_in(const std::string& spec) { return spec.substr(0, spec.find('(')); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [layer, arguments] : nlohmann::json::parse(std::ifstream(UPCONV_GOLDEN "/unprinted.json"))
                                            .get<std::vector<std::pair<std::string, nlohmann::ordered_json>>>()) {
    all.push_back({layer, {}});
    for (const auto& [argument, how] : arguments.items())
      if (how == "values") all.back().arguments.push_back(argument);
  }
  return all;
}

std::vector<std::string> assumed(const std::string& spec) {
  std::vector<std::string> arguments;
  for (const Assumption& one : parse_spec(spec).assumptions) arguments.push_back(one.argument);
  return arguments;
}

/// "path: argument=taken or otherwise", of each.
std::vector<std::string> described(const std::string& spec) {
  std::vector<std::string> lines;
  for (const Assumption& one : parse_spec(spec).assumptions)
    lines.push_back(one.path + ": " + one.argument + "=" + one.taken + " or " + one.otherwise);
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("assumptions: of each layer those arguments that PyTorch's print hides and its result depends on") {
  std::set<std::string> found, table, asked;
  for (const Case& one : cases()) {
    CAPTURE(one.layer);
    const std::string name = name_in(one.layer);
    asked.insert(name);
    for (const std::string& argument : one.arguments) found.insert(name + "." + argument);
    if (find_row(name) != nullptr) CHECK(assumed(one.layer) == one.arguments);
  }
  for (const Unprinted& one : unprinted_arguments())
    table.insert(std::string(one.layer) + "." + std::string(one.argument));
  CHECK(table == found);
  for (const LayerRow& row : layer_rows()) {
    CAPTURE(std::string(row.name));
    CHECK_MESSAGE(asked.contains(std::string(row.name)), "give the layer a line in tests/golden/unprinted.py");
  }
}

TEST_CASE("assumptions: they say where, and what else it may have been") {
  CHECK(described(
            "Sequential(\n  (0): ReLU()\n  (up): Sequential(\n    (0): Upsample(scale_factor=2.5, mode='bilinear')\n"
            "  )\n)") == Lines{"up.0: align_corners=False or True", "up.0: recompute_scale_factor=False or True"});
  CHECK(described("AvgPool2d(kernel_size=3, stride=2, padding=1)") ==
        Lines{": ceil_mode=False or True", ": count_include_pad=True or False", ": divisor_override=None or a number"});
  CHECK(described("Generator((main): Sequential(Upsample(scale_factor=2.0, mode='bilinear'), Tanh()))") ==
        Lines{"main.0: align_corners=False or True"});
  const Assumption one = parse_spec("Upsample(None, 2, 'bilinear')").assumptions.at(0);
  CHECK(one.type_name == "Upsample");
  CHECK(one.layer == "Upsample(scale_factor=2.0, mode='bilinear')");
}

TEST_CASE("assumptions: what is named, or given by its position, is not assumed, whatever its value") {
  for (const char* value : {"True", "False", "None"})
    CHECK(assumed(std::string("Upsample(scale_factor=2.0, mode='bilinear', align_corners=") + value + ")").empty());
  CHECK(assumed("nn.Upsample(None, 2.5, 'bilinear', False, None)").empty());
  CHECK(assumed("AvgPool2d(3, 2, 1, False, True, None)").empty());
  CHECK(assumed("AvgPool2d(3, 2, 1, ceil_mode=True)") == Lines{"count_include_pad", "divisor_override"});
}
