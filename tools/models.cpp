#include "tools/models.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <vector>

#include "examples/biggan.h"
#include "examples/cgan_pd.h"
#include "examples/conditional_dcgan.h"
#include "examples/cyclegan.h"
#include "examples/dcgan.h"
#include "examples/esrgan.h"
#include "examples/fast_neural_style.h"
#include "examples/fastgan.h"
#include "examples/hifigan.h"
#include "examples/pix2pix.h"
#include "examples/sagan.h"
#include "examples/sngan.h"
#include "examples/srresnet.h"
#include "examples/stylegan2.h"
#include "examples/taesd.h"
#include "examples/vae.h"
#include "framework/fail.h"
#include "framework/suggestion.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Example {
  std::string_view name;
  bool generator;  ///< whether it makes pictures within [-1, 1] of one latent
  std::function<Model()> make;
};

template <class Network>
std::shared_ptr<AnyModule> shared(Network network) {
  return std::make_shared<Network>(std::move(network));
}

const std::vector<Example>& examples() {
  static const std::vector<Example> all = {
      {"dcgan", true,
       [] {
         return Model{shared(examples::Dcgan()), "dcgan.safetensors", {{{1, 100, 1, 1}}}};
       }},
      {"conditional_dcgan", false,
       [] {
         return Model{shared(examples::ConditionalDcgan()), "", {{{1, 100}}, {{1}, DType::int64}}};
       }},
      {"vae", true,
       [] {
         return Model{shared(examples::VaeDecoder()), "", {{{1, 128}}}};
       }},
      {"taesd", false,
       [] {
         return Model{shared(examples::taesd_decoder()), "", {{{1, 4, 64, 64}}}};
       }},
      {"esrgan", false,
       [] {
         return Model{shared(examples::RRDBNet()), "", {{{1, 3, 64, 64}}}};
       }},
      {"pix2pix", false,
       [] {
         return Model{shared(examples::Pix2pix()), "", {{{1, 3, 256, 256}}}};
       }},
      {"cyclegan", false,
       [] {
         return Model{shared(examples::Cyclegan()), "", {{{1, 3, 256, 256}}}};
       }},
      {"fast_neural_style", false,
       [] {
         return Model{shared(examples::FastNeuralStyle()), "", {{{1, 3, 256, 256}}}};
       }},
      {"stylegan2", true,
       [] {
         return Model{shared(examples::stylegan2::Generator()), "", {{{1, 512}}}};
       }},
      {"biggan", false,
       [] {
         return Model{shared(examples::biggan::Generator()), "", {{{1, 120}}, {{1}, DType::int64}}};
       }},
      {"sagan", false,
       [] {
         return Model{shared(examples::sagan::Generator()), "", {{{1, 128}}, {{1}, DType::int64}}};
       }},
      {"sngan", true,
       [] {
         return Model{shared(examples::sngan::Generator()), "", {{{1, 128}}}};
       }},
      {"cgan_pd", false,
       [] {
         return Model{shared(examples::cgan_pd::Generator()), "", {{{1, 128}}, {{1}, DType::int64}}};
       }},
      {"fastgan", false,
       [] {
         return Model{shared(examples::fastgan::Generator()), "", {{{1, 256}}}};
       }},
      {"srresnet", false,
       [] {
         return Model{shared(examples::srresnet::Generator()), "", {{{1, 3, 64, 64}}}};
       }},
      {"hifigan", false,
       [] {
         return Model{shared(examples::Hifigan()), "", {{{1, 80, 86}}}};
       }},
      {"hifigan_v2", false,
       [] {
         return Model{shared(examples::Hifigan(examples::HifiganConfig::v2())), "", {{{1, 80, 86}}}};
       }},
      {"hifigan_v3", false,
       [] {
         return Model{shared(examples::Hifigan(examples::HifiganConfig::v3())), "", {{{1, 80, 86}}}};
       }},
  };
  return all;
}

const Example* find_example(std::string_view name) {
  const auto found =
      std::find_if(examples().begin(), examples().end(), [&](const Example& example) { return example.name == name; });
  return found == examples().end() ? nullptr : &*found;
}

std::vector<std::string_view> example_names(bool generators_only = false) {
  std::vector<std::string_view> names;
  for (const Example& example : examples())
    if (example.generator || !generators_only) names.push_back(example.name);
  return names;
}

/// Beside the program where it was built, below the prefix where it is installed or was moved to, or where it was to be
/// installed: never in the folder that it is called from, which may be anybody's.
std::filesystem::path shipped(const std::string& file) {
  std::error_code unreadable;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  std::vector<std::string> places;
  for (const std::filesystem::path& folder :
       {program / "share/upconv", program / UPCONV_WEIGHTS_FROM_PROGRAM, std::filesystem::path(UPCONV_WEIGHTS)}) {
    if (!folder.is_absolute()) continue;  // where the program cannot be found
    const std::filesystem::path place = (folder / file).lexically_normal();
    if (std::filesystem::exists(place, unreadable)) return place;
    places.push_back(place.string());
  }
  fail("the shipped weights {} are not there, looked for {}: give --weights", file, fmt::join(places, ", "));
}

/// Of a network that is no example: an Embedding in it is what reads its input.
DType lone_input(const AnyModule& module) { return find_embedding(module) ? DType::int64 : DType::float32; }

}  // namespace

std::string Model::file(const WeightsOptions& options) const {
  if (!options.file.empty()) return options.file;
  return weights.empty() ? "" : shipped(weights).string();
}

void Model::load(const WeightsOptions& options) const {
  if (const std::string path = file(options); !path.empty()) module->load(path, options.naming);
}

std::vector<Type> Model::types(const std::vector<Shape>& shapes) const {
  if (shapes.empty() && !inputs.empty()) return inputs;
  const size_t expected = std::max<size_t>(inputs.size(), 1);
  if (shapes.size() != expected)
    throw CLI::ValidationError("--input", shapes.empty()
                                              ? "is required for a network that is no example"
                                              : fmt::format("expected {} of them, got {}", expected, shapes.size()));
  std::vector<Type> all;
  for (size_t i = 0; i < expected; ++i)
    all.push_back({shapes[i], i < inputs.size() ? inputs[i].dtype : lone_input(*module)});
  return all;
}

void check_weights(const AnyModule& module) {
  for (const auto& [name, parameter] : module.named_parameters())
    if (parameter.is_initial()) fail("{} has weights, such as {}: give --weights", module.type_name(), name);
}

Model find_generator(const std::string& name) {
  if (const Example* example = find_example(name); example && example->generator) return example->make();
  fail("unknown model \"{}\": there is {}", name, fmt::join(example_names(true), ", "));
}

Model find_network(const std::string& spec) {
  if (const Example* example = find_example(spec)) return example->make();
  const bool is_name = spec.find('(') == std::string::npos;
  if (const std::string hint = suggestion(spec, example_names()); is_name && !hint.empty())
    fail("unknown network \"{}\"{}", spec, hint);
  try {
    Spec parsed = parse_spec(spec);
    return {std::move(parsed.module), "", {}, std::move(parsed.assumptions)};
  } catch (const Error& error) {
    const std::string names = fmt::format("{}", fmt::join(example_names(), ", "));
    fail("SPEC{} {}", is_name ? fmt::format(" names no example (there is {}); as a module:", names) : "", error.what());
  }
}

const Embedding* find_embedding(const AnyModule& module) {
  for (const auto& [path, descendant] : module.named_modules())
    if (const auto* embedding = dynamic_cast<const Embedding*>(descendant)) return embedding;
  return nullptr;
}

}  // namespace upconv::tools
