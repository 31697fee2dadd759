// upconv verify: shards beside their manifest, and a sample of their pictures painted again.
#include "datasets/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "datasets/asked.h"
#include "framework/fail.h"
#include "framework/version.h"
#include "framework/weights/bytes.h"
#include "tools/commands.h"
#include "tools/painting.h"
#include "tools/progress.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Verify {
  PaintingOptions painting;
  std::string manifest;
  double sample = 0.01;
  int64_t batch = 64;

  void run();
};

/// Throws Error where nothing could be painted alike.
void check(const datasets::Manifest& manifest, const AnyModule& module, const std::string& file) {
  if (const std::string weights = datasets::sha256_of(module); weights != manifest.weights)
    fail("{}: the pictures were painted with weights {}, and these are {}", file, manifest.weights, weights);
  if (manifest.upconv != UPCONV_VERSION)
    fail("{}: the pictures were painted by upconv {}, and this is {}", file, manifest.upconv, UPCONV_VERSION);
}

/// The instruction set of the first shard, where this machine has it.
std::optional<Isa> isa_of(const datasets::Manifest& manifest) {
  for (const Isa isa : available_isas())
    if (!manifest.shards.empty() && name(isa) == manifest.shards[0].machine.isa) return isa;
  return {};
}

void Verify::run() {
  const datasets::Manifest written = datasets::read_manifest(manifest);
  if (painting.model.empty()) painting.model = written.network;
  painting.seed = written.seed.value_or(0);
  painting.range = {written.value_range.first, written.value_range.second};
  if (!written.seed && painting.pictures.empty())
    fail("{}: these pictures were made of others: give --pictures", manifest);
  Generator generator = painting.generator();
  check(written, *generator.model.module, manifest);
  Options options = painting.compiled(Tune::throughput);
  if (!options.isa) options.isa = isa_of(written);
  datasets::ask(written.asked, options);
  if (painting.choice.choices.empty() && written.shards.size() > 0) batch = std::min(batch, generator.most);
  // What labels were, the shards tell; that there are some, the network.
  const datasets::Inputs inputs =
      painting.inputs(generator, generator.inputs.size() > 1 ? datasets::labels_modulo(1) : nullptr);
  datasets::Painter painter(
      *generator.model.module, generator.inputs,
      {.threads = painting.machine.count(), .batch = generator.is_fixed ? generator.most : batch, .program = options});
  const datasets::Encoding encoding{
      .format = datasets::parse_format(written.format), .quality = written.quality, .value_range = written.value_range};
  std::optional<Progress> progress(static_cast<int64_t>(written.shards.size()));
  const datasets::Verified found = datasets::verify(written, sample, {painter, encoding, inputs},
                                                    [&](int64_t shards) { progress->advance(shards); });
  progress.reset();
  for (const std::string& line : found.wrong) fmt::print("{}\n", printable(line));
  const std::string counted =
      fmt::format("{} shard{} verified: {} picture{}, {} of them painted anew", found.shards,
                  found.shards == 1 ? "" : "s", found.pictures, found.pictures == 1 ? "" : "s", found.painted);
  if (!found.wrong.empty()) fail("{}, {} not as they should be", counted, found.wrong.size());
  fmt::print("{}\n", counted);
}

}  // namespace

void add_verify(CLI::App& app) {
  auto options = std::make_shared<Verify>();
  options->painting.model = "";
  CLI::App* command =
      app.add_subcommand("verify", "Compare shards with their manifest, and paint a sample of them again");
  command->add_option("MANIFEST", options->manifest, "What `upconv generate --manifest` wrote")->required();
  command
      ->add_option("--sample", options->sample, "The part of the pictures to paint again, at least one of each shard")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--model", options->painting.model, "The network, where it is no example that has its name")
      ->check(named());
  add_number(*command, "--batch", options->batch, 1, int64_t{1} << 30, "Pictures at a time, of each thread");
  add_painting_options(*command, options->painting);
  // What the shards and their manifest tell.
  for (const char* name :
       {"--classes", "--labels", "--value-range", "--accuracy", "--float32", "--round-inputs", "--precision"})
    command->remove_option(command->get_option(name));
  command->footer(
      "Example: upconv verify manifest.json --sample 0.01\n"
      "Sizes and SHA-256 are compared of every shard. It exits with 1 where something is not as it should be.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
