// Pictures on one PNG, row by row.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "framework/fail.h"
#include "framework/weights/writers.h"
#include "tools/generate.h"
#include "tools/output.h"
#include "tools/progress.h"
#include "tools/timing.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// torch.randn's stream, of which each picture takes the next numbers: as PyTorch paints a sheet.
class Stream : public datasets::Input {
 public:
  Stream(uint64_t seed, Shape shape, int64_t count) : shape_(std::move(shape)), numbers_(seed, count * numel(shape_)) {}
  [[nodiscard]] Type type() const override { return {shape_}; }
  void fill(int64_t, int64_t rows, Tensor& batch) const override {
    numbers_.next(std::span(batch.data(), static_cast<size_t>(rows * numel(shape_))));
  }
  void describe(int64_t, nlohmann::ordered_json&) const override {}

 private:
  Shape shape_;
  mutable NormalStream numbers_;  // a sheet is painted by one thread, from its first picture on
};

/// The first `count` pictures.
Tensor first_of(const Tensor& pictures, int64_t count) {
  Shape shape = pictures.shape();
  const int64_t numbers = numel(shape) / shape[0] * count;
  shape[0] = count;
  return {shape, std::vector<float>(pictures.data(), pictures.data() + numbers)};
}

}  // namespace

void paint_sheet(const PaintingOptions& painting, const SheetOptions& options) {
  Result result(options.out, {.synced = false});  // as save_png: a picture can be painted again
  Generator generator = painting.generator();
  datasets::Inputs inputs = painting.inputs(generator);
  if (options.latents == "torch" && painting.pictures.empty())
    inputs[0] = std::make_shared<Stream>(painting.seed, generator.inputs[0].shape, options.count);
  const int64_t batch = generator.is_fixed ? generator.most : std::min(options.batch, generator.most);
  const Options compiled = painting.compiled(batch > 1 ? Tune::throughput : Tune::latency);

  std::optional<Grid> grid;
  std::optional<Progress> progress(options.count);
  const auto start = std::chrono::steady_clock::now();
  std::optional<Program> program;
  for (int64_t done = 0; done < options.count;) {
    const int64_t size = std::min(batch, options.count - done);
    std::vector<Type> types = generator.inputs;
    for (Type& type : types) type.shape[0] = generator.is_fixed ? batch : size;
    if (!program || program->inputs() != types) program = compile(*generator.model.module, types, compiled);
    if (!grid) {
      const Shape& pictures = program->outputs()[0].shape;
      if (pictures.size() != 4) fail("expected a network that gives pictures (N, C, H, W), got {}", str(pictures));
      const GridOptions sheet{.nrow = options.nrow, .value_range = painting.range_of(generator)};
      check_png_size(result.name(), sheet_size(options.count, pictures[2], pictures[3], sheet));
      grid.emplace(options.count, pictures[1], pictures[2], pictures[3], sheet);
    }
    std::vector<Tensor> batches;  // zeros are left in one that must be full
    for (size_t i = 0; i < types.size(); ++i) {
      batches.emplace_back(types[i].shape, types[i].dtype);
      inputs[i]->fill(options.first + done, size, batches[i]);
    }
    const Tensor pictures = (*program)(batches)[0];
    grid->add(size == types[0].shape[0] ? pictures : first_of(pictures, size));
    done += size;
    progress->advance(size);
  }
  progress.reset();
  const double seconds = seconds_since(start);
  write_png(result.output(), result.name(), grid->image());
  result.finish(fmt::format("{} picture{} in {:.3f} s, {:.0f} pictures/s ({}, {} thread{})", options.count,
                            options.count == 1 ? "" : "s", seconds, static_cast<double>(options.count) / seconds,
                            name(program->isa()), program->threads(), program->threads() == 1 ? "" : "s"));
}

}  // namespace upconv::tools
