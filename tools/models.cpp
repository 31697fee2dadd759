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
#include "framework/weights/bytes.h"
#include "tools/exported.h"
#include "tools/place.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// What `upconv generate` can make pictures of.
enum class Paints { nothing, of_latents, of_pictures };

struct Example {
  std::string_view name;
  Paints paints;
  std::function<Model()> make;
  std::pair<double, double> range = {-1, 1};  ///< of its pictures
};

template <class Network>
std::shared_ptr<AnyModule> shared(Network network) {
  return std::make_shared<Network>(std::move(network));
}

const std::vector<Example>& examples() {
  static const std::vector<Example> all = {
      {"dcgan", Paints::of_latents,
       [] {
         return Model{shared(examples::Dcgan()), "dcgan.safetensors", {{{1, 100, 1, 1}}}};
       }},
      {"conditional_dcgan", Paints::of_latents,
       [] {
         return Model{shared(examples::ConditionalDcgan()), "", {{{1, 100}}, {{1}, DType::int64}}};
       }},
      {"vae", Paints::of_latents,
       [] {
         return Model{shared(examples::VaeDecoder()), "", {{{1, 128}}}};
       }},
      {"taesd", Paints::nothing,
       [] {
         return Model{shared(examples::taesd_decoder()), "", {{{1, 4, 64, 64}}}};
       }},
      {"esrgan",
       Paints::of_pictures,
       [] {
         return Model{shared(examples::RRDBNet()), "", {{{1, 3, 64, 64}}}};
       },
       {0, 1}},
      {"pix2pix", Paints::of_pictures,
       [] {
         return Model{shared(examples::Pix2pix()), "", {{{1, 3, 256, 256}}}};
       }},
      {"cyclegan", Paints::of_pictures,
       [] {
         return Model{shared(examples::Cyclegan()), "", {{{1, 3, 256, 256}}}};
       }},
      {"fast_neural_style",
       Paints::of_pictures,
       [] {
         return Model{shared(examples::FastNeuralStyle()), "", {{{1, 3, 256, 256}}}};
       },
       {0, 255}},
      {"stylegan2", Paints::of_latents,
       [] {
         return Model{shared(examples::stylegan2::Generator()), "", {{{1, 512}}}};
       }},
      {"biggan", Paints::of_latents,
       [] {
         return Model{shared(examples::biggan::Generator()), "", {{{1, 120}}, {{1}, DType::int64}}};
       }},
      {"sagan", Paints::of_latents,
       [] {
         return Model{shared(examples::sagan::Generator()), "", {{{1, 128}}, {{1}, DType::int64}}};
       }},
      {"sngan", Paints::of_latents,
       [] {
         return Model{shared(examples::sngan::Generator()), "", {{{1, 128}}}};
       }},
      {"cgan_pd", Paints::of_latents,
       [] {
         return Model{shared(examples::cgan_pd::Generator()), "", {{{1, 128}}, {{1}, DType::int64}}};
       }},
      {"fastgan", Paints::nothing,
       [] {
         return Model{shared(examples::fastgan::Generator()), "", {{{1, 256}}}};
       }},
      {"srresnet",
       Paints::of_pictures,
       [] {
         return Model{shared(examples::srresnet::Generator()), "", {{{1, 3, 64, 64}}}};
       },
       {0, 1}},
      {"hifigan", Paints::nothing,
       [] {
         return Model{shared(examples::Hifigan()), "", {{{1, 80, 86}}}};
       }},
      {"hifigan_v2", Paints::nothing,
       [] {
         return Model{shared(examples::Hifigan(examples::HifiganConfig::v2())), "", {{{1, 80, 86}}}};
       }},
      {"hifigan_v3", Paints::nothing,
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

std::vector<std::string_view> example_names(std::optional<Paints> only = {}) {
  std::vector<std::string_view> names;
  for (const Example& example : examples())
    if (!only || example.paints == *only) names.push_back(example.name);
  return names;
}

/// Beside the program where it was built, below the prefix where it is installed or was moved to, or where it was to be
/// installed: never in the folder that it is called from, which may be anybody's.
std::filesystem::path shipped(const std::string& file) {
  std::error_code unreadable;
  const std::filesystem::path program = program_folder();
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

/// "noise (s77, 100, 1, 1), labels (s77,), where s77 is 1 to 64"
std::string shown_inputs(const Exported& network) {
  std::vector<std::string> inputs, ranges;
  for (const ExportedTensorInfo& input : network.inputs()) {
    std::vector<std::string> sizes;
    for (const ExportedDim& dim : input.dims) {
      sizes.push_back(dim.size ? std::to_string(*dim.size) : printable(dim.symbol));
      if (dim.size) continue;
      const std::string range = fmt::format("{} is {}{}", printable(dim.symbol), dim.least,
                                            dim.most ? fmt::format(" to {}", *dim.most) : " or more");
      if (std::find(ranges.begin(), ranges.end(), range) == ranges.end()) ranges.push_back(range);
    }
    inputs.push_back(
        fmt::format("{} ({}{})", printable(input.name), fmt::join(sizes, ", "), sizes.size() == 1 ? "," : ""));
  }
  return fmt::format("{}{}{}", fmt::join(inputs, ", "), ranges.empty() ? "" : ", where ", fmt::join(ranges, ", "));
}

/// Throws where something is asked for that only a .pt2 has.
void refuse_options(const ExportedOptions& options) {
  if (!options.program.empty()) throw CLI::ValidationError("--program", "only a network that is a .pt2 has programs");
  if (options.ignore_guards) throw CLI::ValidationError("--ignore-guards", "only a network that is a .pt2 has guards");
}

/// The network that is this file, or nothing where it is no .pt2.
std::optional<Model> find_exported(const std::string& path, const ExportedOptions& options) {
  if (!is_archive(path)) {
    std::error_code unknown;
    if (path.ends_with(".pt2") && path.find('(') == path.npos && !std::filesystem::exists(path, unknown))
      fail("{}: there is no such file", printable(path));
    refuse_options(options);
    return {};
  }
  Model model{shared(load_exported(path, options)), "", {}};
  model.archive = path;
  std::vector<Type> types;
  for (const ExportedTensorInfo& input : model.exported()->inputs()) {
    Type type{{}, computed(input.dtype)};
    for (const ExportedDim& dim : input.dims) {
      if (!dim.size) return model;
      type.shape.push_back(*dim.size);
    }
    types.push_back(std::move(type));
  }
  model.inputs = std::move(types);
  return model;
}

/// Whether an input of an archive can be what the first one of a generator is, or a label.
bool is_first(const ExportedTensorInfo& input) { return input.dtype == DType::float32 && !input.dims.empty(); }
bool is_label(const ExportedTensorInfo& input) { return input.dtype == DType::int64 && input.dims.size() == 1; }

Generator generator_of(Model model, bool of_pictures) {
  const Exported& network = *model.exported();
  const std::vector<ExportedTensorInfo>& inputs = network.inputs();
  if (inputs.empty() || inputs.size() > 2 || !is_first(inputs[0]) || (inputs.size() == 2 && !is_label(inputs[1])))
    fail(
        "{}: generate paints networks from one latent, of float32, and perhaps a label, of int64, to pictures (N, C, "
        "H, "
        "W); this one takes {}",
        model.archive, shown_inputs(network));
  if (network.outputs().size() != 1 || network.outputs()[0].dims.size() != 4)
    fail("{}: generate paints networks to pictures (N, C, H, W); this one gives {}", model.archive,
         network.outputs().size() == 1 ? fmt::format("a tensor of {} dimensions", network.outputs()[0].dims.size())
                                       : fmt::format("{} tensors", network.outputs().size()));
  Generator generator{.model = {}, .inputs = {}};
  for (const ExportedTensorInfo& input : inputs) {
    Type type{{1}, computed(input.dtype)};
    for (size_t i = 1; i < input.dims.size(); ++i) {
      if (!input.dims[i].size && !of_pictures)
        fail("{}: generate draws latents of one size, and this one's is free: {}", model.archive,
             shown_inputs(network));
      type.shape.push_back(input.dims[i].size.value_or(0));
    }
    generator.inputs.push_back(std::move(type));
  }
  const ExportedDim& batch = inputs[0].dims[0];
  generator.is_fixed = batch.size.has_value();
  if (const auto most = generator.is_fixed ? batch.size : batch.most) generator.most = *most;
  if (generator.most < 1) fail("{}: it was exported for batches of {}", model.archive, generator.most);
  generator.model = std::move(model);
  return generator;
}

/// Of a network that is no example: an Embedding in it is what reads its input.
DType lone_input(const AnyModule& module) { return find_embedding(module) ? DType::int64 : DType::float32; }

}  // namespace

std::string Model::file(const WeightsOptions& options) const {
  if (!options.file.empty()) return options.file;
  if (!archive.empty()) return archive;
  return weights.empty() ? "" : shipped(weights).string();
}

void Model::load(const WeightsOptions& options) const {
  if (!archive.empty() && options.file.empty()) return;
  if (const std::string path = file(options); !path.empty()) module->load(path, options.naming);
}

std::vector<Type> Model::types(const std::vector<Shape>& shapes) const {
  if (shapes.empty() && !inputs.empty()) return inputs;
  if (const Exported* network = exported()) {
    if (shapes.size() != network->inputs().size())
      throw CLI::ValidationError(
          "--input", fmt::format("expected {} of them, got {}: it takes {}", network->inputs().size(), shapes.size(),
                                 shown_inputs(*network)));
    std::vector<Type> all;
    for (size_t i = 0; i < shapes.size(); ++i) all.push_back({shapes[i], computed(network->inputs()[i].dtype)});
    return all;
  }
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

Generator find_generator(const std::string& name, const ExportedOptions& exported, bool of_pictures) {
  const Example* example = find_example(name);
  if (example == nullptr)
    if (std::optional<Model> model = find_exported(name, exported)) return generator_of(*std::move(model), of_pictures);
  const Paints wanted = of_pictures ? Paints::of_pictures : Paints::of_latents;
  if (example != nullptr && !of_pictures && example->paints == Paints::of_pictures)
    fail("{} paints other pictures anew: give --pictures", name);
  if (example == nullptr || example->paints != wanted)
    fail("unknown model \"{}\": there is {}, and any .pt2", name, fmt::join(example_names(wanted), ", "));
  refuse_options(exported);
  Model model = example->make();
  std::vector<Type> inputs = model.inputs;
  if (of_pictures) inputs[0].shape = {1, 3, 0, 0};
  return {.model = std::move(model), .inputs = std::move(inputs), .range = example->range};
}

Model find_network(const std::string& spec, const ExportedOptions& exported) {
  if (const Example* example = find_example(spec)) {
    refuse_options(exported);
    return example->make();
  }
  if (std::optional<Model> model = find_exported(spec, exported)) return *std::move(model);
  const bool is_name = spec.find('(') == std::string::npos;
  if (const std::string hint = suggestion(spec, example_names()); is_name && !hint.empty())
    fail("unknown network \"{}\"{}", spec, hint);
  try {
    Spec parsed = parse_spec(spec);
    return {std::move(parsed.module), "", {}, std::move(parsed.assumptions)};
  } catch (const Error& error) {
    std::error_code unknown;
    if (is_name && std::filesystem::exists(spec, unknown))
      fail("SPEC is the file {}, which is no .pt2: weights are given with --weights", spec);
    const std::string names = fmt::format("{}", fmt::join(example_names(), ", "));
    fail("SPEC{} {}", is_name ? fmt::format(" names no example (there is {}); as a module:", names) : "", error.what());
  }
}

DType computed(DType dtype) {
  return dtype == DType::int32 ? DType::int64 : dtype == DType::boolean ? DType::float32 : dtype;
}

void randomize(const AnyModule& module, Random& random) {
  constexpr float deviation = 0.02f;
  for (auto& [name, parameter] : module.named_parameters()) {
    if (!parameter.is_initial()) continue;
    Tensor values = random.randn(parameter.shape());
    for (int64_t i = 0; i < values.numel(); ++i) values.data()[i] *= deviation;
    parameter.set(values);
  }
}

const Embedding* find_embedding(const AnyModule& module) {
  for (const auto& [path, descendant] : module.named_modules())
    if (const auto* embedding = dynamic_cast<const Embedding*>(descendant)) return embedding;
  return nullptr;
}

}  // namespace upconv::tools
