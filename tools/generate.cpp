// upconv generate: latents from a seed, through a generator, onto one sheet.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "framework/weights/writers.h"
#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/timing.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Generate {
  std::string model = "dcgan";
  ExportedOptions exported;
  WeightsOptions weights;
  uint64_t seed = 0;
  int64_t count = 64;
  int64_t batch = 64;
  int64_t nrow = 8;
  std::string out = "fake.png";
  MachineOptions machine;

  void run() const;
};

/// The first `count` pictures.
Tensor first_of(const Tensor& pictures, int64_t count) {
  Shape shape = pictures.shape();
  const int64_t numbers = numel(shape) / shape[0] * count;
  shape[0] = count;
  return {shape, std::vector<float>(pictures.data(), pictures.data() + numbers)};
}

void Generate::run() const {
  Result result(out, {.synced = false});  // as save_png: a picture can be painted again
  const Generator generator = find_generator(this->model, exported);
  const Model& model = generator.model;
  model.load(weights);
  check_weights(*model.module);
  const int64_t batch = generator.is_fixed ? generator.most : std::min(this->batch, generator.most);
  const Options options{
      .tune = batch > 1 ? Tune::throughput : Tune::latency, .threads = machine.count(), .isa = machine.isa};

  Shape shape = generator.latent;
  NormalStream latents(seed, count * numel(shape));  // one stream, however it is cut into batches
  std::optional<Grid> grid;
  std::optional<Progress> progress(count);
  const auto start = std::chrono::steady_clock::now();
  std::optional<Program> program;
  for (int64_t done = 0; done < count;) {
    const int64_t size = std::min(batch, count - done);
    shape[0] = generator.is_fixed ? batch : size;
    Tensor z(shape);  // zeros are left in a batch that must be full
    latents.next(std::span(z.data(), static_cast<size_t>(z.numel() / shape[0] * size)));
    if (!program || program->inputs()[0].shape != z.shape()) program = compile(*model.module, z.shape(), options);
    if (!grid) {
      const Shape& pictures = program->outputs()[0].shape;
      const GridOptions sheet{.nrow = nrow, .value_range = {{-1.0f, 1.0f}}};
      check_png_size(result.name(), sheet_size(count, pictures[2], pictures[3], sheet));
      grid.emplace(count, pictures[1], pictures[2], pictures[3], sheet);
    }
    const Tensor pictures = (*program)(z);
    grid->add(size == shape[0] ? pictures : first_of(pictures, size));
    done += size;
    progress->advance(size);
  }
  progress.reset();
  const double seconds = seconds_since(start);
  write_png(result.output(), result.name(), grid->image());
  result.finish(fmt::format("{} picture{} in {:.3f} s, {:.0f} pictures/s ({}, {} thread{})", count,
                            count == 1 ? "" : "s", seconds, static_cast<double>(count) / seconds, name(program->isa()),
                            program->threads(), program->threads() == 1 ? "" : "s"));
}

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<Generate>();
  CLI::App* command = app.add_subcommand("generate", "Paint pictures from a seed onto one PNG");
  command
      ->add_option("MODEL", options->model,
                   "The network: dcgan, vae, stylegan2, sngan, or a file that torch.export.save wrote (.pt2)")
      ->capture_default_str();
  constexpr int64_t most = int64_t{1} << 30;  // no sheet has more pictures
  add_seed(*command, options->seed);
  add_number(*command, "--count", options->count, 1, most, "Pictures");
  add_number(*command, "--batch", options->batch, 1, most, "Pictures at a time");
  add_number(*command, "--nrow", options->nrow, 1, most, "Pictures in a row");
  command->add_option("--out", options->out, "The PNG; - is standard output")->check(named())->capture_default_str();
  add_machine_options(*command, options->machine);
  add_weights_options(*command, options->weights);
  add_exported_options(*command, options->exported);
  command->footer(
      "Examples:\n"
      "  upconv generate --seed 7 --count 16 --nrow 4 --out seven.png\n"
      "  upconv generate netG.pt2 --count 16 --nrow 4 --out pictures.png\n"
      "A .pt2 must take one latent and give pictures (N, C, H, W), whose numbers are taken to lie within [-1, 1].");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
