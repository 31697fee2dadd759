// Pictures in tars: those shards of all that this process is to make.
#include "datasets/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "tools/generate.h"
#include "tools/progress.h"
#include "tools/timing.h"

namespace upconv::tools {

using namespace internal;
using datasets::Shards;

namespace {

std::vector<int64_t> chosen(const ShardOptions& options) {
  std::vector<int64_t> all;
  if (options.shard >= 0) return {options.shard};
  for (int64_t shard = options.task; shard < options.shards; shard += options.tasks) all.push_back(shard);
  return all;
}

/// Pictures of a run: as asked for, and no more than a shard has, so that small shards are not painted many times
/// over; but where choices are pinned those of another batch would be others.
int64_t batch_of(const PaintingOptions& painting, const ShardOptions& options, const Generator& generator) {
  if (generator.is_fixed) return generator.most;
  const int64_t largest = (options.count + options.shards - 1) / options.shards;
  const int64_t wanted = painting.choice.choices.empty() ? std::min(options.batch, largest) : options.batch;
  return std::min(wanted, generator.most);
}

struct Counted {
  size_t shards = 0;
  int64_t pictures = 0;
};

/// Paints one shard after the other. The disk's part of one is done beside the next.
Counted paint_missing(const Shards& shards, const std::vector<int64_t>& numbers, bool resume) {
  Counted painted;
  int64_t all = 0;
  for (const int64_t number : numbers) all += shards.range(number).count;
  Progress progress(all);
  std::future<void> committed;
  for (const int64_t number : numbers) {
    const int64_t count = shards.range(number).count;
    if (resume && shards.is_there(number)) {
      progress.advance(count);
      continue;
    }
    Shards::Painted one = shards.paint(number, [&](int64_t pictures) { progress.advance(pictures); });
    if (committed.valid()) committed.get();
    committed = std::async(std::launch::async, Shards::commit, std::move(one));
    ++painted.shards;
    painted.pictures += count;
  }
  if (committed.valid()) committed.get();
  return painted;
}

}  // namespace

void paint_shards(const PaintingOptions& painting, const ShardOptions& options) {
  const datasets::ShardNames names(options.out);
  const std::vector<int64_t> numbers = chosen(options);
  Generator generator = painting.generator();
  const datasets::Inputs inputs = painting.inputs(generator);
  datasets::Painter painter(*generator.model.module, generator.inputs,
                            {.threads = painting.machine.count(),
                             .batch = batch_of(painting, options, generator),
                             .program = painting.compiled(Tune::throughput)});
  const Shards shards({.network = std::filesystem::path(painting.model).filename().string(),
                       .weights = datasets::sha256_of(*generator.model.module),
                       .inputs = inputs,
                       .seed = painting.pictures.empty() ? std::optional(painting.seed) : std::nullopt,
                       .encoding = {.format = datasets::parse_format(options.format),
                                    .quality = static_cast<int>(options.quality),
                                    .value_range = painting.range_of(generator)},
                       .pictures = {options.first, options.count},
                       .names = names,
                       .shards = options.shards,
                       .is_pinned = painting.is_pinned()},
                      painter);
  const auto start = std::chrono::steady_clock::now();
  const auto [painted, pictures] = paint_missing(shards, numbers, options.resume);
  const double seconds = seconds_since(start);
  fmt::print("{}: {} shard{} painted, {} there before: {} picture{} in {:.3f} s, {:.0f} pictures/s ({}, {} thread{})\n",
             printable(options.out), painted, painted == 1 ? "" : "s", numbers.size() - painted, pictures,
             pictures == 1 ? "" : "s", seconds, static_cast<double>(pictures) / seconds, name(painter.program().isa()),
             painter.threads(), painter.threads() == 1 ? "" : "s");
  if (options.manifest.empty()) return;
  const datasets::Manifest manifest = shards.manifest(numbers);
  datasets::write_manifest(options.manifest, manifest);
  const size_t groups = manifest.groups().size();
  fmt::print("{}: {} shard{}{}\n", printable(options.manifest), numbers.size(), numbers.size() == 1 ? "" : "s",
             groups > 1 ? fmt::format(", painted in {} ways: see \"groups\"", groups) : "");
}

}  // namespace upconv::tools
