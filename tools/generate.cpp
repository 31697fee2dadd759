// upconv generate: pictures of a network, onto one sheet or into shards.
#include "tools/generate.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "datasets/inputs.h"
#include "tools/commands.h"
#include "tools/options.h"

namespace upconv::tools {
namespace {

struct Generate {
  PaintingOptions painting;
  SheetOptions sheet;
  ShardOptions shards;
  CLI::Option* count = nullptr;

  void run();
};

/// "3/16": those shards with shard % 16 == 3.
void parse_task(const std::string& text, ShardOptions& options) {
  const char *begin = text.data(), *end = begin + text.size();
  const auto [slash, wrong] = std::from_chars(begin, end, options.task);
  bool fine = wrong == std::errc{} && slash != end && *slash == '/';
  if (fine) {
    const auto [behind, error] = std::from_chars(slash + 1, end, options.tasks);
    fine = error == std::errc{} && behind == end && options.task >= 0 && options.task < options.tasks;
  }
  if (!fine) throw CLI::ValidationError("--task", fmt::format("expected I/N with I below N, got \"{}\"", text));
}

void Generate::run() {
  if (!painting.pictures.empty() && count->count() == 0)
    sheet.count = datasets::Pictures(painting.pictures, {0, 1}).count() - sheet.first;
  if (sheet.count < 1) throw CLI::ValidationError("--first", "there are not so many pictures");
  if (sheet.first > 0 && sheet.latents == "torch" && painting.pictures.empty())
    throw CLI::ValidationError("--first", "torch's latents are one stream from the first on: give --latents philox");
  if (shards.shards == 0) return paint_sheet(painting, sheet);
  if (shards.shard >= shards.shards)
    throw CLI::ValidationError("--shard",
                               fmt::format("expected one of 0 to {}, got {}", shards.shards - 1, shards.shard));
  if (sheet.latents != "philox" && painting.pictures.empty())
    throw CLI::ValidationError("--latents", "those of shards are philox: torch's are one stream from the first on");
  shards.first = sheet.first;
  shards.count = sheet.count;
  shards.batch = sheet.batch;
  shards.out = sheet.out;
  paint_shards(painting, shards);
}

void add_shard_options(CLI::App& command, ShardOptions& options) {
  constexpr const char* group = "Shards";
  constexpr int64_t most = int64_t{1} << 40, best = 100;
  CLI::Option* shards =
      add_number(command, "--shards", options.shards, 1, most, "Tars with so many pictures together, for WebDataset")
          ->group(group);
  CLI::Option* shard =
      add_number(command, "--shard", options.shard, 0, most, "The one to make; all where neither is given")
          ->default_str("")
          ->group(group);
  CLI::Option* task = command
                          .add_option_function<std::string>(
                              "--task", [&options](const std::string& text) { parse_task(text, options); },
                              "I/N: the shards of task I of an array of N: those with shard % N = I")
                          ->type_name("I/N")
                          ->excludes(shard)
                          ->group(group);
  CLI::Option* format = command.add_option("--format", options.format, "png, npy (float32 numbers) or jpeg")
                            ->check(CLI::IsMember({"png", "npy", "jpeg"}))
                            ->capture_default_str()
                            ->group(group);
  CLI::Option* quality = add_number(command, "--quality", options.quality, 1, best, "Of JPEG")->group(group);
  CLI::Option* resume =
      command
          .add_flag("--resume,!--no-resume", options.resume,
                    "Leave out shards that are there and whole, as is done unless --no-resume is given")
          ->group(group);
  CLI::Option* manifest = command
                              .add_option("--manifest", options.manifest,
                                          "A JSON with the size, SHA-256 and processor of each of these shards")
                              ->type_name("FILE")
                              ->group(group);
  for (CLI::Option* option : {shard, task, format, quality, resume, manifest}) option->needs(shards);
}

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<Generate>();
  CLI::App* command = app.add_subcommand("generate", "Paint pictures, onto one PNG or into shards");
  command
      ->add_option("MODEL", options->painting.model,
                   "The network: dcgan, another example that makes pictures, or a file that torch.export.save wrote "
                   "(.pt2)")
      ->capture_default_str();
  constexpr int64_t most = int64_t{1} << 30;  // no sheet has more pictures
  SheetOptions& sheet = options->sheet;
  add_seed(*command, options->painting.seed);
  command
      ->add_option("--latents", sheet.latents,
                   "torch: torch.randn's stream, one latent after another; philox: each of seed and index alone")
      ->check(CLI::IsMember({"torch", "philox"}))
      ->capture_default_str();
  add_number(*command, "--first", sheet.first, 0, int64_t{1} << 40,
             "The index of the first picture, with philox or --pictures");
  options->count = add_number(*command, "--count", sheet.count, 1, most, "Pictures; with --pictures, all of them");
  add_number(*command, "--batch", sheet.batch, 1, most, "Pictures at a time; of each thread, in shards");
  add_number(*command, "--nrow", sheet.nrow, 1, most, "Pictures in a row");
  command
      ->add_option("--out", sheet.out, "The PNG; - is standard output; of shards, a name with {shard} or {shard:05d}")
      ->check(named())
      ->capture_default_str();
  add_shard_options(*command, options->shards);
  add_painting_options(*command, options->painting);
  command->footer(
      "Examples:\n"
      "  upconv generate --seed 7 --count 16 --nrow 4 --out seven.png\n"
      "  upconv generate netG.pt2 --count 16 --nrow 4 --out pictures.png\n"
      "  upconv generate --latents philox --count 1000000 --out 'fake-{shard:05d}.tar' --shards 100 --task 3/16\n"
      "A .pt2 must take one latent, or pictures, and perhaps a label, and give pictures (N, C, H, W).\n"
      "docs/scale.md says more of shards, of clusters and of what they cost.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
