#include "tools/models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <vector>

#include "examples/cyclegan.h"
#include "examples/dcgan.h"
#include "examples/fast_neural_style.h"
#include "examples/pix2pix.h"
#include "framework/fail.h"
#include "framework/suggestion.h"

namespace upconv::tools {
namespace {

struct Example {
  std::string_view name;
  std::function<Model()> make;
};

/// One that has no weights of its own here.
template <class Network>
Example network(std::string_view name, Shape usual_input) {
  return {name, [usual_input = std::move(usual_input)] { return Model{std::make_shared<Network>(), "", usual_input}; }};
}

const std::vector<Example>& examples() {
  static const std::vector<Example> all = {
      {"dcgan",
       [] {
         return Model{std::make_shared<::examples::Dcgan>(), "dcgan.safetensors", {100, 1, 1}};
       }},
      network<::examples::Pix2pix>("pix2pix", {3, 256, 256}),
      network<::examples::Cyclegan>("cyclegan", {3, 256, 256}),
      network<::examples::FastNeuralStyle>("fast_neural_style", {3, 256, 256}),
  };
  return all;
}

const Example* find_example(std::string_view name) {
  const auto found =
      std::find_if(examples().begin(), examples().end(), [&](const Example& example) { return example.name == name; });
  return found == examples().end() ? nullptr : &*found;
}

std::vector<std::string_view> example_names() {
  std::vector<std::string_view> names;
  for (const Example& example : examples()) names.push_back(example.name);
  return names;
}

/// Beside the program where it was built or installed, whatever folder it is called from.
std::filesystem::path shipped(const std::string& file) {
  std::error_code unreadable;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  const std::vector<std::filesystem::path> places = {program / "../../examples/weights" / file,
                                                     program / "../share/upconv" / file,
                                                     std::filesystem::path(UPCONV_WEIGHTS) / file};
  for (const auto& place : places)
    if (std::filesystem::exists(place, unreadable)) return place.lexically_normal();
  fail("the shipped weights {} are not in {}, {} or {}: give --weights", file, places[0].lexically_normal().string(),
       places[1].lexically_normal().string(), places[2].string());
}

}  // namespace

std::string Model::file(const WeightsOptions& options) const {
  if (!options.file.empty()) return options.file;
  return weights.empty() ? "" : shipped(weights).string();
}

void Model::load(const WeightsOptions& options) const {
  if (const std::string path = file(options); !path.empty()) module->load(path, options.naming);
}

Shape Model::input(const Shape& given) const {
  if (!given.empty()) return given;
  if (usual_input.empty()) throw CLI::ValidationError("--input", "is required for a network that is no example");
  Shape shape = usual_input;
  shape.insert(shape.begin(), 1);
  return shape;
}

Model find_model(const std::string& name) {
  if (const Example* example = find_example(name)) return example->make();
  fail("unknown model \"{}\": there is {}", name, fmt::join(example_names(), ", "));
}

Model find_network(const std::string& spec) {
  if (const Example* example = find_example(spec)) return example->make();
  const bool is_name = spec.find('(') == std::string::npos;
  if (const std::string hint = suggestion(spec, example_names()); is_name && !hint.empty())
    fail("unknown network \"{}\"{}", spec, hint);
  try {
    return {parse_module(spec), "", {}};
  } catch (const Error& error) {
    const std::string names = fmt::format("{}", fmt::join(example_names(), ", "));
    fail("SPEC{} {}", is_name ? fmt::format(" names no example (there is {}); as a module:", names) : "", error.what());
  }
}

const Embedding* find_embedding(const Module& module) {
  for (const auto& [path, descendant] : module.named_modules())
    if (const auto* embedding = dynamic_cast<const Embedding*>(descendant)) return embedding;
  return nullptr;
}

}  // namespace upconv::tools
