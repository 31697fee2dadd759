#pragma once
// The parts of the module upconv._core, one a file; in core.cpp they become one.
#include <nanobind/nanobind.h>

namespace upconv::python {

void bind_programs(nanobind::module_& m);
void bind_exported(nanobind::module_& m);
void bind_files(nanobind::module_& m);
void bind_datasets(nanobind::module_& m);

}  // namespace upconv::python
