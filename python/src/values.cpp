#include "values.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "arrays.h"
#include "framework/writing.h"
#include "functions.h"

namespace upconv::python {
namespace {

/// What stands in brackets while it is taken from one dimension after another: x[0], x[1:], x[..., None], x[:, index].
struct Part {
  Value x;
  int64_t dim = 0;
  nb::list indices = {};  ///< of each dimension of x that stays: a value or an array, or else None
  bool has_indices = false;

  void skip(int64_t count) {
    for (; count > 0; --count, ++dim) indices.append(nb::none());
  }
  void take(nb::handle index) {
    if (is_integer(index)) {
      x = select(x, dim, nb::cast<int64_t>(index));
    } else if (index.is_none()) {
      x = unsqueeze(x, dim);
      skip(1);
    } else if (nb::isinstance<nb::slice>(index)) {
      cut(index);
    } else if (is_symbolic(index) || nb::hasattr(index, "__dlpack__")) {
      indices.append(index);
      has_indices = true;
      ++dim;
    } else {
      throw nb::type_error(
          ("Value: expected an integer, a slice, None, ..., a value or an array as an index, got " + class_of(index))
              .c_str());
    }
  }
  void cut(nb::handle index) {
    const auto number = [&](const char* name, int64_t otherwise) {
      const nb::object given = index.attr(name);
      return given.is_none() ? otherwise : nb::cast<int64_t>(given);
    };
    const int64_t step = number("step", 1);
    if (step < 1) throw nb::value_error("Value: a slice's step must be positive; x.flip(dim) turns a dimension");
    x = slice(x, dim, number("start", 0), number("stop", std::numeric_limits<int64_t>::max()), step);
    skip(1);
  }
};

std::string written(const Operand& x) {
  try {
    return "Value(shape=" + str(x.value.shape()) + ", dtype=" + std::string(name(x.type)) + ")";
  } catch (const Error&) {
    return "Value(of a forward() that is over)";
  }
}

}  // namespace

Shape shape_of(nb::handle x) {
  return nb::isinstance<Parameter>(x) ? nb::cast<const Parameter&>(x).shape()
                                      : nb::cast<const Operand&>(x).value.shape();
}

int64_t first_size(nb::handle x) {
  const Shape shape = shape_of(x);
  if (shape.empty()) throw nb::type_error((class_of(x) + ": a scalar has no length").c_str());
  return shape[0];
}

nb::object size_of(nb::handle x, std::optional<int64_t> dim) {
  const Shape shape = shape_of(x);
  if (!dim) return tuple_of(shape);
  const auto rank = static_cast<int64_t>(shape.size()), place = *dim < 0 ? *dim + rank : *dim;
  if (place < 0 || place >= rank)
    throw nb::index_error(("size: there is no dimension " + std::to_string(*dim) + " of " + str(shape)).c_str());
  return nb::int_(shape[static_cast<size_t>(place)]);
}

Operand part(nb::handle self, const nb::object& key) {
  const Operand of = *operand_of(self, "self");
  const nb::tuple given = nb::isinstance<nb::tuple>(key) ? nb::borrow<nb::tuple>(key) : nb::make_tuple(key);
  const nb::handle all(Py_Ellipsis);
  size_t named = 0, ellipses = 0;
  for (nb::handle index : given) {
    ellipses += index.is(all);
    named += !index.is_none() && !index.is(all);
  }
  const size_t rank = of.value.shape().size();
  if (named > rank)
    throw nb::index_error(
        ("Value: " + std::to_string(named) + " indices for " + std::to_string(rank) + " dimensions").c_str());
  if (ellipses > 1) throw nb::index_error("Value: ... can stand once among indices");
  Part part{of.value};
  for (nb::handle index : given) {
    if (index.is(all))
      part.skip(static_cast<int64_t>(rank - named));
    else
      part.take(index);
  }
  const Operand taken{part.x, of.type};
  return part.has_indices ? indexed(taken, part.indices) : taken;
}

nb::object parts(nb::handle self) {
  const Operand x = *operand_of(self, "self");
  nb::list all;
  for (int64_t i = 0; i < first_size(self); ++i) all.append(nb::cast(Operand{select(x.value, 0, i), x.type}));
  return nb::iter(all);
}

std::string class_of(nb::handle object) {
  return nb::cast<std::string>(nb::str(nb::object(object.type().attr("__name__"))));
}

nb::tuple tuple_of(const Shape& shape) {
  nb::list all;
  for (int64_t size : shape) all.append(size);
  return nb::tuple(all);
}

bool is_symbolic(nb::handle object) { return nb::isinstance<Operand>(object) || nb::isinstance<Parameter>(object); }

bool is_integer(nb::handle object) {
  return !PyBool_Check(object.ptr()) && PyIndex_Check(object.ptr()) && !is_symbolic(object) &&
         !nb::hasattr(object, "__dlpack__");
}

bool is_plain(nb::handle object) {
  return object.is_none() || PyBool_Check(object.ptr()) || PyLong_Check(object.ptr()) || PyFloat_Check(object.ptr()) ||
         PyUnicode_Check(object.ptr()) || PyBytes_Check(object.ptr());
}

std::optional<Operand> operand_of(nb::handle object, const std::string& role) {
  if (nb::isinstance<Operand>(object)) return nb::cast<Operand>(object);
  if (nb::isinstance<Parameter>(object)) return operand_of(Value(nb::cast<const Parameter&>(object)));
  if (is_plain(object) || is_list(object)) return {};
  return operand_of(constant(tensor_of(object, role)));
}

nb::object mapped(nb::handle object, const std::function<nb::object(nb::handle)>& leaf) {
  if (nb::isinstance<nb::dict>(object)) {
    nb::dict all;
    for (const auto& [key, value] : nb::borrow<nb::dict>(object)) all[key] = mapped(value, leaf);
    return all;
  }
  if (!is_list(object)) return leaf(object);
  nb::list all;
  for (nb::handle one : object) all.append(mapped(one, leaf));
  return nb::isinstance<nb::tuple>(object) ? nb::object(nb::tuple(all)) : nb::object(all);
}

void bind_values(nb::module_& m) {
  using namespace nb::literals;
  nb::class_<Operand> value(m, "Value",
                            "What a tensor will be: its shape and type, without numbers, while a forward() is written "
                            "down. Has the operators and methods of torch.Tensor; belongs to that forward().");
  bind_parts(value);
  value
      .def_prop_ro(
          "dtype", [](const Operand& x) { return std::string(name(x.type)); }, "float32, int64 or bool.")
      .def("__bool__",
           [](const Operand&) -> bool {
             throw nb::type_error(
                 "Value: it has no numbers while forward() is written down, so nothing can depend on them");
           })
      .def("__hash__", [](nb::handle x) { return reinterpret_cast<intptr_t>(x.ptr()) >> 4; })
      .def("__repr__", written);
  value.attr("__array_ufunc__") = nb::none();  // an array of NumPy leaves operators to the value beside it
}

}  // namespace upconv::python
