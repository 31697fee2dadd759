// upconv generate: latents from a seed, through a generator, onto one sheet.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/timing.h"

namespace upconv::tools {
namespace {

struct Generate {
  std::string model = "dcgan";
  WeightsOptions weights;
  uint64_t seed = 0;
  int64_t count = 64;
  int64_t batch = 64;
  int64_t nrow = 8;
  std::string out = "fake.png";
  MachineOptions machine;

  void run() const;
};

void Generate::run() const {
  const Model model = find_generator(this->model);
  model.load(weights);
  check_weights(*model.module);
  const Options options{
      .tune = batch > 1 ? Tune::throughput : Tune::latency, .threads = machine.threads, .isa = machine.isa};

  Shape shape = model.inputs[0].shape;
  NormalStream latents(seed, count * numel(shape));  // one stream, however it is cut into batches
  std::optional<Grid> grid;
  Progress progress(count);
  const auto start = std::chrono::steady_clock::now();
  std::optional<Program> program;
  for (int64_t done = 0; done < count;) {
    const int64_t size = std::min(batch, count - done);
    shape[0] = size;
    Tensor z(shape);
    latents.next(std::span(z.data(), static_cast<size_t>(z.numel())));
    if (!program || program->inputs()[0].shape != z.shape()) program = compile(*model.module, z.shape(), options);
    const Tensor pictures = (*program)(z);
    if (!grid)
      grid.emplace(count, pictures.size(1), pictures.size(2), pictures.size(3),
                   GridOptions{.nrow = nrow, .value_range = {{-1.0f, 1.0f}}});
    grid->add(pictures);
    done += size;
    progress.advance(size);
  }
  const double seconds = seconds_since(start);
  save_png(out, grid->image());
  fmt::print("{}: {} picture{} in {:.3f} s, {:.0f} pictures/s ({}, {} thread{})\n", out, count, count == 1 ? "" : "s",
             seconds, static_cast<double>(count) / seconds, name(program->isa()), program->threads(),
             program->threads() == 1 ? "" : "s");
}

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<Generate>();
  CLI::App* command = app.add_subcommand("generate", "Paint pictures from a seed onto one PNG");
  command->add_option("MODEL", options->model, "The network: dcgan, vae")->capture_default_str();
  command->add_option("--seed", options->seed, "As torch.manual_seed")->capture_default_str();
  command->add_option("--count", options->count, "Pictures")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--batch", options->batch, "Pictures at a time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--nrow", options->nrow, "Pictures in a row")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--out", options->out, "The PNG")->capture_default_str();
  add_machine_options(*command, options->machine);
  add_weights_options(*command, options->weights);
  command->footer("Example: upconv generate --seed 7 --count 16 --nrow 4 --out seven.png");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
