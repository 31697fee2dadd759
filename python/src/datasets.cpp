// Pictures by the million: shards, and pictures as files in memory. What the program has as `upconv generate`.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <memory>

#include "arrays.h"
#include "datasets/shards.h"
#include "options.h"
#include "parts.h"

namespace upconv::python {

namespace nb = nanobind;

namespace {

using Path = std::filesystem::path;

datasets::Painter::Options painter_options(int threads, int64_t batch, const std::string& tune,
                                           const std::string& accuracy, const std::optional<std::string>& isa,
                                           const std::optional<Path>& choices, const std::string& precision,
                                           const std::vector<std::string>& float32, bool round_inputs) {
  return {.threads = threads,
          .batch = batch,
          .program = options_of(tune, accuracy, "", 1, isa, 2.0, choices, precision, float32, round_inputs)};
}

/// Pictures of a run: as many as are wanted, or as the network was exported for.
int64_t batch_of(const AnyModule& module, int64_t wanted) {
  const auto* exported = dynamic_cast<const Exported*>(&module);
  if (exported == nullptr || exported->inputs().empty() || exported->inputs()[0].dims.empty()) return wanted;
  const ExportedDim& batch = exported->inputs()[0].dims[0];
  if (batch.size) return *batch.size;
  return batch.most ? std::min(wanted, *batch.most) : wanted;
}

/// Shapes of one picture's latent or of a picture, without a batch's dimension.
Shape of_one(Shape shape) {
  shape.insert(shape.begin(), 1);
  return shape;
}

/// The class Shards: a job and what does it.
class Shards {
 public:
  Shards(const AnyModule& module, const std::string& out, const Shape& shape, int64_t shards, int64_t count,
         int64_t first, uint64_t seed, int64_t classes, const std::optional<Path>& labels,
         const std::optional<Path>& pictures, const std::string& network, const std::string& format, int quality,
         std::pair<double, double> value_range, int threads, int64_t batch, const std::string& tune,
         const std::string& accuracy, const std::optional<std::string>& isa, const std::optional<Path>& choices,
         const std::string& precision, const std::vector<std::string>& float32, bool round_inputs) {
    datasets::Painter::Options options =
        painter_options(threads, batch, tune, accuracy, isa, choices, precision, float32, round_inputs);
    if (shards < 1 || count < 0 || first < 0 || batch < 1)
      throw nb::value_error("shards and batch: expected at least 1, and count and first at least 0");
    if (!choices) options.batch = std::clamp<int64_t>((count + shards - 1) / shards, 1, batch);
    options.batch = batch_of(module, options.batch);
    const nb::gil_scoped_release free;
    datasets::Inputs inputs;
    if (pictures)
      inputs.push_back(std::make_shared<datasets::Pictures>(*pictures, value_range));
    else
      inputs.push_back(datasets::latents_of(seed, of_one(shape)));
    if (classes > 0) inputs.push_back(datasets::labels_modulo(classes));
    if (labels) inputs.push_back(datasets::labels_from(*labels));
    std::vector<Type> types;
    for (const auto& input : inputs) types.push_back(input->type());
    painter_ = std::make_unique<datasets::Painter>(module, types, options);
    shards_ = std::make_unique<datasets::Shards>(
        datasets::Job{
            .network = network,
            .weights = datasets::sha256_of(module),
            .inputs = inputs,
            .seed = pictures ? std::nullopt : std::optional(seed),
            .encoding = {.format = datasets::parse_format(format), .quality = quality, .value_range = value_range},
            .pictures = {first, count},
            .names = datasets::ShardNames(out),
            .shards = shards,
            .is_pinned = isa || choices},
        *painter_);
  }

  bool is_there(int64_t shard) const {
    expect(shard);
    const nb::gil_scoped_release free;
    return shards_->is_there(shard);
  }
  int64_t write(int64_t shard) const {
    expect(shard);
    const nb::gil_scoped_release free;
    datasets::Shards::commit(shards_->paint(shard));
    return shards_->range(shard).count;
  }
  std::string name(int64_t shard) const { return shards_->job().names.name(expect(shard)); }
  std::pair<int64_t, int64_t> range(int64_t shard) const {
    const datasets::Range range = shards_->range(expect(shard));
    return {range.first, range.count};
  }
  size_t save_manifest(const Path& path) const {
    const nb::gil_scoped_release free;
    std::vector<int64_t> all;
    for (int64_t shard = 0; shard < shards_->job().shards; ++shard) all.push_back(shard);
    const datasets::Manifest manifest = shards_->manifest(all);
    datasets::write_manifest(path, manifest);
    return manifest.groups().size();
  }
  int threads() const { return painter_->threads(); }

 private:
  int64_t expect(int64_t shard) const {
    if (shard < 0 || shard >= shards_->job().shards)
      throw nb::index_error(("shard: expected one of 0 to " + std::to_string(shards_->job().shards - 1)).c_str());
    return shard;
  }

  std::unique_ptr<datasets::Painter> painter_;
  std::unique_ptr<datasets::Shards> shards_;
};

/// The class Painter: arrays in, files in memory out.
class Painter {
 public:
  Painter(const AnyModule& module, const std::vector<Shape>& shapes, bool labels, const std::string& format,
          int quality, std::pair<double, double> value_range, int threads, int64_t batch, const std::string& tune,
          const std::string& accuracy, const std::optional<std::string>& isa, const std::optional<Path>& choices,
          const std::string& precision, const std::vector<std::string>& float32, bool round_inputs)
      : encoding_{datasets::parse_format(format), quality, value_range} {
    const datasets::Painter::Options options = painter_options(threads, batch_of(module, batch), tune, accuracy, isa,
                                                               choices, precision, float32, round_inputs);
    for (const Shape& shape : shapes) types_.push_back({of_one(shape)});
    if (labels) types_.push_back({{1}, DType::int64});
    const nb::gil_scoped_release free;
    painter_ = std::make_unique<datasets::Painter>(module, types_, options);
  }

  nb::list painted(const nb::args& inputs) {
    Arrays arrays;
    for (nb::handle array : inputs) arrays.add(array, "input " + std::to_string(arrays.tensors.size()));
    const std::vector<Tensor>& given = arrays.tensors;
    const int64_t count = given.empty() || given[0].dim() == 0 ? 0 : given[0].size(0);
    bool fits = given.size() == types_.size();
    for (size_t i = 0; fits && i < given.size(); ++i) {
      Type expected = types_[i];
      expected.shape[0] = count;
      fits = given[i].shape() == expected.shape && given[i].dtype() == expected.dtype;
    }
    if (!fits) throw nb::value_error("expected as many arrays as the network takes, with as many rows each");
    std::vector<std::string> files(static_cast<size_t>(count));
    {
      const nb::gil_scoped_release free;
      paint(given, files);
    }
    nb::list all;
    for (const std::string& file : files) all.append(nb::bytes(file.data(), file.size()));
    return all;
  }

 private:
  void paint(const std::vector<Tensor>& given, std::vector<std::string>& files) {
    const auto fill = [&](int64_t first, int64_t rows, std::vector<Tensor>& batch) {
      for (size_t i = 0; i < batch.size(); ++i) {
        const size_t row = static_cast<size_t>(numel(types_[i].shape)) * size_of(types_[i].dtype);
        std::copy_n(given[i].bytes() + static_cast<size_t>(first) * row, static_cast<size_t>(rows) * row,
                    batch[i].bytes());
      }
    };
    const auto finish = [&](int64_t first, int64_t rows, const Tensor& pictures) {
      for (int64_t row = 0; row < rows; ++row)
        files[static_cast<size_t>(first + row)] = datasets::encode(pictures, row, encoding_);
      return std::string();
    };
    painter_->paint(0, static_cast<int64_t>(files.size()), fill, finish, [](int64_t, std::string_view) {});
  }

  datasets::Encoding encoding_;
  std::vector<Type> types_;
  std::unique_ptr<datasets::Painter> painter_;
};

#define UPCONV_PAINTED                                                                                            \
  "format: str = 'png', quality: int = 90, value_range: tuple[float, float] = (-1.0, 1.0), threads: int = 0, "    \
  "batch: int = 64, tune: str = 'throughput', accuracy: str = 'standard', isa: str | None = None, choices: str |" \
  " os.PathLike[str] | None = None, precision: str = 'float32', float32: collections.abc.Sequence[str] = (), "    \
  "round_inputs: bool = False) -> None"

}  // namespace

void bind_datasets(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Shards>(m, "Shards",
                     "Tars of pictures by the million, for WebDataset: picture i is the same however they are cut. "
                     "`out` is a name with {shard} or {shard:05d}; `shape` that of one latent.")
      .def(nb::init<const AnyModule&, const std::string&, const Shape&, int64_t, int64_t, int64_t, uint64_t, int64_t,
                    const std::optional<Path>&, const std::optional<Path>&, const std::string&, const std::string&, int,
                    std::pair<double, double>, int, int64_t, const std::string&, const std::string&,
                    const std::optional<std::string>&, const std::optional<Path>&, const std::string&,
                    const std::vector<std::string>&, bool>(),
           "module"_a, "out"_a, nb::kw_only(), "shape"_a = Shape{}, "shards"_a, "count"_a, "first"_a = 0, "seed"_a = 0,
           "classes"_a = 0, "labels"_a = nb::none(), "pictures"_a = nb::none(), "network"_a = "", "format"_a = "png",
           "quality"_a = 90, "value_range"_a = std::pair(-1.0, 1.0), "threads"_a = 0, "batch"_a = 64,
           "tune"_a = "throughput", "accuracy"_a = "standard", "isa"_a = nb::none(), "choices"_a = nb::none(),
           "precision"_a = "float32", "float32"_a = std::vector<std::string>(), "round_inputs"_a = false,
           nb::sig("def __init__(self, module: Module, out: str, *, shape: collections.abc.Sequence[int] = (), shards: "
                   "int, count: int, first: int = 0, seed: int = 0, classes: int = 0, labels: str | os.PathLike[str] | "
                   "None = None, pictures: str | os.PathLike[str] | None = None, network: str = '', " UPCONV_PAINTED))
      .def("is_there", &Shards::is_there, "shard"_a,
           "Whether it is there and whole. What somebody who was killed left of it is removed.")
      .def("write", &Shards::write, "shard"_a, "Paints it, and gives it its name when it is whole and on disk.")
      .def("name", &Shards::name, "shard"_a, "The name of its file.")
      .def("range", &Shards::range, "shard"_a, nb::sig("def range(self, shard: int) -> tuple[int, int]"),
           "Its first picture, and how many it has.")
      .def("save_manifest", &Shards::save_manifest, "path"_a,
           nb::sig("def save_manifest(self, path: str | os.PathLike[str]) -> int"),
           "Writes sizes, SHA-256 and processors of all shards, which must be there. Gives in how many ways they were "
           "painted: more than one where processors disagreed.")
      .def_prop_ro("threads", &Shards::threads, "How many threads paint.");

  nb::class_<Painter>(m, "Painter", "Arrays of latents or pictures in, the bytes of a file for each picture out.")
      .def(nb::init<const AnyModule&, const std::vector<Shape>&, bool, const std::string&, int,
                    std::pair<double, double>, int, int64_t, const std::string&, const std::string&,
                    const std::optional<std::string>&, const std::optional<Path>&, const std::string&,
                    const std::vector<std::string>&, bool>(),
           "module"_a, "shapes"_a, nb::kw_only(), "labels"_a = false, "format"_a = "png", "quality"_a = 90,
           "value_range"_a = std::pair(-1.0, 1.0), "threads"_a = 0, "batch"_a = 64, "tune"_a = "throughput",
           "accuracy"_a = "standard", "isa"_a = nb::none(), "choices"_a = nb::none(), "precision"_a = "float32",
           "float32"_a = std::vector<std::string>(), "round_inputs"_a = false,
           nb::sig("def __init__(self, module: Module, shapes: collections.abc.Sequence[collections.abc.Sequence[int]],"
                   " *, labels: bool = False, " UPCONV_PAINTED))
      .def("__call__", &Painter::painted, nb::sig("def __call__(self, *inputs: typing.Any) -> list[bytes]"),
           "Of arrays of one row for each picture; labels are int64, and last.");
}

}  // namespace upconv::python
