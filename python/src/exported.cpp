// Networks that torch.export.save wrote, and texts that PyTorch prints.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <upconv/upconv.h>

#include "parts.h"

namespace upconv::python {
namespace {

namespace nb = nanobind;

/// (name, sizes) of each tensor, where a size is a number, or the name of one that calls choose.
nb::list described(const std::vector<ExportedTensorInfo>& infos) {
  nb::list all;
  for (const ExportedTensorInfo& info : infos) {
    nb::list sizes;
    for (const ExportedDim& dim : info.dims)
      sizes.append(dim.size ? nb::object(nb::int_(*dim.size)) : nb::object(nb::str(dim.symbol.c_str())));
    all.append(nb::make_tuple(info.name, nb::tuple(sizes)));
  }
  return all;
}

std::shared_ptr<Exported> load_bytes(const nb::bytes& bytes, bool ignore_guards) {
  const auto* begin = static_cast<const std::byte*>(bytes.data());
  // The archive's weights are views of a copy, as Python's bytes may go.
  const auto kept = std::make_shared<std::vector<std::byte>>(begin, begin + bytes.size());
  const nb::gil_scoped_release free;
  return std::make_shared<Exported>(
      load_exported({kept->data(), kept->size()}, "bytes", kept, {.ignore_guards = ignore_guards}));
}

std::shared_ptr<Exported> load_file(const std::filesystem::path& path, bool ignore_guards) {
  const nb::gil_scoped_release free;
  return std::make_shared<Exported>(load_exported(path, {.ignore_guards = ignore_guards}));
}

}  // namespace

void bind_exported(nb::module_& m) {
  using namespace nb::literals;
  constexpr const char* sizes = "list[tuple[str, tuple[int | str, ...]]]";
  nb::class_<Exported, AnyModule>(m, "Exported", "A network that torch.export.save wrote.")
      .def_prop_ro(
          "inputs", [](const Exported& net) { return described(net.inputs()); },
          nb::sig((std::string("def inputs(self) -> ") + sizes).c_str()),
          "(name, sizes) of each input; a size is a number, or the name of one that calls choose.")
      .def_prop_ro(
          "outputs", [](const Exported& net) { return described(net.outputs()); },
          nb::sig((std::string("def outputs(self) -> ") + sizes).c_str()), "The same of what it gives.");

  m.def("load_exported", load_bytes, "archive"_a, nb::kw_only(), "ignore_guards"_a = false,
        "Reads an archive of torch.export.save, from its bytes or from a file.");
  m.def("load_exported", load_file, "path"_a, nb::kw_only(), "ignore_guards"_a = false,
        nb::sig("def load_exported(path: str | os.PathLike[str], *, ignore_guards: bool = False) -> Exported"),
        "Reads an archive of torch.export.save, from its bytes or from a file.");
  m.def(
      "parse_module", [](std::string_view text) -> std::shared_ptr<AnyModule> { return parse_module(text); }, "text"_a,
      "The module that PyTorch prints so, without weights.");
}

}  // namespace upconv::python
