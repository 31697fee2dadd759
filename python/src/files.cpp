// Files of weights, pictures, and numbers by chance.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <upconv/upconv.h>

#include <mutex>

#include "arrays.h"
#include "parts.h"
#include "values.h"

namespace upconv::python {
namespace {

/// Changes of names, as LoadOptions has them.
using Renames = std::vector<std::pair<std::string, std::string>>;

StateDict weights_in(const std::filesystem::path& path, const std::string& strip_prefix, const Renames& rename,
                     const std::vector<std::string>& ignore) {
  const nb::gil_scoped_release free;
  return load_state_dict(path, {.strip_prefix = strip_prefix, .rename = rename, .ignore = ignore});
}

nb::dict loaded(const std::filesystem::path& path, const std::string& strip_prefix, const Renames& rename,
                const std::vector<std::string>& ignore) {
  nb::dict all;
  for (const auto& [name, stored] : weights_in(path, strip_prefix, rename, ignore))
    all[name.c_str()] = array_of(stored.to_tensor(), false);
  return all;
}

nb::dict inspected(const std::filesystem::path& path) {
  nb::dict all;
  for (const auto& [name, stored] : weights_in(path, "", {}, {}))
    all[name.c_str()] = nb::make_tuple(std::string(upconv::name(stored.dtype)), tuple_of(stored.shape));
  return all;
}

void saved(const std::filesystem::path& path, const nb::dict& weights, const std::optional<std::string>& dtype) {
  StateDict all;
  for (const auto& [key, array] : weights) {
    const auto name = nb::cast<std::string>(key);
    all.add(name, Stored::of(nb::isinstance<Parameter>(array) ? nb::cast<const Parameter&>(array).value()
                                                              : tensor_of(array, name)));
  }
  SaveOptions options;
  for (DType type : {DType::float64, DType::float32, DType::float16, DType::bfloat16})
    if (dtype && *dtype == name(type)) options.dtype = type;
  if (dtype && !options.dtype)
    throw nb::value_error(("dtype: expected float64, float32, float16 or bfloat16, got " + *dtype).c_str());
  const nb::gil_scoped_release free;
  save_safetensors(path, all, options);
}

GridOptions grid_options(int64_t nrow, int64_t padding, const std::optional<std::pair<double, double>>& value_range,
                         float pad_value) {
  return {.nrow = nrow, .padding = padding, .value_range = value_range, .pad_value = pad_value};
}

nb::object grid(const nb::object& pictures, int64_t nrow, int64_t padding,
                const std::optional<std::pair<double, double>>& value_range, float pad_value) {
  const Tensor tensor = tensor_of(pictures, "pictures");
  auto image = std::make_unique<Image>();
  {
    const nb::gil_scoped_release free;
    *image = make_grid(tensor, grid_options(nrow, padding, value_range, pad_value));
  }
  const std::vector<size_t> shape = {static_cast<size_t>(image->height), static_cast<size_t>(image->width), 3};
  uint8_t* pixels = image->rgb.data();
  const nb::capsule owner(image.release(), [](void* kept) noexcept { delete static_cast<Image*>(kept); });
  return nb::cast(nb::ndarray<nb::numpy, uint8_t>(pixels, shape.size(), shape.data(), owner));
}

void save_grid_of(const std::filesystem::path& path, const nb::object& pictures, int64_t nrow, int64_t padding,
                  const std::optional<std::pair<double, double>>& value_range, float pad_value) {
  const Tensor tensor = tensor_of(pictures, "pictures");
  const nb::gil_scoped_release free;
  save_grid(path, tensor, grid_options(nrow, padding, value_range, pad_value));
}

/// The stream of manual_seed(), which all of Python's threads continue.
class Stream {
 public:
  void seed(uint64_t seed) {
    const std::lock_guard lock(mutex_);
    random_.manual_seed(seed);
  }
  Tensor randn(Shape shape) {
    const std::lock_guard lock(mutex_);
    return random_.randn(std::move(shape));
  }

 private:
  std::mutex mutex_;
  Random random_;
};
Stream& stream() {
  static Stream the_one;
  return the_one;
}

/// randn(2, 3) or randn((2, 3)).
Shape shape_of(const nb::args& size) {
  const bool is_whole = size.size() == 1 && PySequence_Check(nb::object(size[0]).ptr());
  Shape shape;
  for (nb::handle one : is_whole ? nb::object(size[0]) : nb::object(size)) {
    if (!PyIndex_Check(one.ptr())) throw nb::type_error(("size: expected integers, got " + class_of(one)).c_str());
    shape.push_back(nb::cast<int64_t>(one));
  }
  return shape;
}

nb::object drawn(const nb::args& size, std::optional<uint64_t> seed) {
  Shape shape = shape_of(size);
  Tensor tensor;
  {
    const nb::gil_scoped_release free;
    tensor = seed ? randn(std::move(shape), *seed) : stream().randn(std::move(shape));
  }
  return array_of(tensor, false);
}

nb::object drawn_latents(uint64_t seed, int64_t first, int64_t count, const Shape& shape) {
  Tensor tensor;
  {
    const nb::gil_scoped_release free;
    tensor = latents(seed, first, count, shape);
  }
  return array_of(tensor, false);
}

#define UPCONV_ARRAY "numpy.typing.NDArray[numpy.float32]"

}  // namespace

void bind_files(nb::module_& m) {
  using namespace nb::literals;
  m.def(
      "load", loaded, "path"_a, nb::kw_only(), "strip_prefix"_a = "", "rename"_a = Renames(),
      "ignore"_a = std::vector<std::string>(),
      nb::sig("def load(path: str | os.PathLike[str], *, strip_prefix: str = '', rename: "
              "collections.abc.Sequence[tuple[str, str]] = (), ignore: collections.abc.Sequence[str] = ()) -> "
              "dict[str, numpy.typing.NDArray[typing.Any]]"),
      "The arrays of a file of weights: safetensors, one in several files, what torch.save wrote, .npz or .npy. Reads "
      "files of strangers; floats become float32.");
  m.def("inspect", inspected, "path"_a,
        nb::sig("def inspect(path: str | os.PathLike[str]) -> dict[str, tuple[str, tuple[int, ...]]]"),
        "Type and shape of each array of such a file, without reading them.");
  m.def("save_safetensors", saved, "path"_a, "weights"_a, nb::kw_only(), "dtype"_a = nb::none(),
        nb::sig(
            "def save_safetensors(path: str | os.PathLike[str], weights: collections.abc.Mapping[str, typing.Any], *, "
            "dtype: str | None = None) -> None"),
        "Writes arrays by their names; floats as float64, float32, float16 or bfloat16 where dtype says so.");
  m.def("make_grid", grid, "pictures"_a, nb::kw_only(), "nrow"_a = 8, "padding"_a = 2, "value_range"_a = nb::none(),
        "pad_value"_a = 0.0f,
        nb::sig("def make_grid(pictures: typing.Any, *, nrow: int = 8, padding: int = 2, value_range: tuple[float, "
                "float] | None = None, pad_value: float = 0.0) -> numpy.typing.NDArray[numpy.uint8]"),
        "Pictures (N, C, H, W) with C 1 or 3 on one sheet, (H', W', 3) of bytes, as torchvision.utils.save_image has "
        "it.");
  m.def("save_grid", save_grid_of, "path"_a, "pictures"_a, nb::kw_only(), "nrow"_a = 8, "padding"_a = 2,
        "value_range"_a = nb::none(), "pad_value"_a = 0.0f,
        nb::sig("def save_grid(path: str | os.PathLike[str], pictures: typing.Any, *, nrow: int = 8, padding: int = 2, "
                "value_range: tuple[float, float] | None = None, pad_value: float = 0.0) -> None"),
        "Writes that sheet as a PNG.");
  m.def(
      "manual_seed", [](uint64_t seed) { stream().seed(seed); }, "seed"_a,
      "What randn() draws from then on: bit for bit what torch.manual_seed(seed) makes torch.randn() draw.");
  m.def(
      "randn", drawn, "size"_a, nb::kw_only(), "seed"_a = nb::none(),
      nb::sig("def randn(*size: int | collections.abc.Sequence[int], seed: int | None = None) -> " UPCONV_ARRAY),
      "Standard normal numbers, as torch.randn() draws them: the next ones of manual_seed()'s stream, or the first of "
      "one of their own, of seed.");
  m.def("latents", drawn_latents, "seed"_a, "first"_a, "count"_a, "shape"_a,
        nb::sig("def latents(seed: int, first: int, count: int, shape: collections.abc.Sequence[int]) "
                "-> " UPCONV_ARRAY),
        "Latents (count, *shape) of the pictures first, first + 1, ..., which depend on seed and the picture's number "
        "alone.");
}

}  // namespace upconv::python
