// The module upconv._core: what Python calls of upconv.
#include <nanobind/nanobind.h>
#include <upconv/upconv.h>

#include "functions.h"
#include "layers.h"
#include "modules.h"
#include "parts.h"
#include "values.h"

NB_MODULE(_core, m) {
  namespace nb = nanobind;
  using namespace upconv::python;
  // At the interpreter's end modules that keep each other may be left: nobody is told, as the library prints nothing.
  nb::set_leak_warnings(false);
  m.attr("version") = UPCONV_VERSION;
  nb::exception<upconv::Error>(m, "Error", PyExc_RuntimeError).attr("__doc__") =
      "What upconv refuses: its text says what was wrong, where, what was expected and what came.";
  bind_values(m);
  bind_modules(m);
  bind_programs(m);
  bind_exported(m);
  bind_files(m);
  bind_datasets(m);
  nb::module_ nn = m.def_submodule("nn", "A class for each layer, as in torch.nn.");
  bind_layers(nn);
  nb::module_ functional = m.def_submodule("functional", "Functions of values, as in torch and torch.nn.functional.");
  bind_functions(functional);
}
