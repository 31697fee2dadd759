// Views, cuts, joins and fills.
#include <algorithm>
#include <cmath>

#include "framework/fail.h"
#include "layers/concat.h"
#include "layers/dimension.h"
#include "layers/elementwise.h"
#include "layers/exported/rows.h"
#include "layers/functional.h"
#include "layers/integers.h"
#include "layers/permute.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

/// Numbers that a range may have: what a few bytes of a file can ask for is bounded.
constexpr int64_t most_numbers = int64_t{1} << 22;

/// What a function of a value's shape makes of an operand, whatever its type.
template <class Function>
Items shaped(const NodeCall& call, Function function) {
  const Operand x = call.operand("self");
  return one(function(x.value), x.type);
}

Items viewed(const NodeCall& call, std::string_view sizes) {
  return shaped(call, [&](Value x) { return reshape(x, call.integers(sizes)); });
}

Items same(const NodeCall& call) { return one(call.operand("self")); }

Items parts_of(const NodeCall& call, const Values& parts) {
  Items items;
  const DType type = call.operand("self").type;
  for (const Value& part : parts) items.emplace_back(Operand{part, type});
  return items;
}

/// A size of a value that has dimensions.
int64_t size_in(const NodeCall& call, const char* argument, Value x, int64_t dim) {
  if (x.shape().empty()) call.refuse("expected a value with at least one dimension, got a scalar");
  return x.shape()[dimension(argument, dim, x.shape())];
}

/// Before so many parts are made: a file that asks for many has a name for each.
void check_parts(const NodeCall& call, int64_t count) {
  if (call.results() != NodeCall::any_results && count != static_cast<int64_t>(call.results()))
    call.refuse("gives {} results, where the program has {}", count, call.results());
}

/// How many there are of at most so many elements each; one at least.
int64_t count_of_parts(const NodeCall& call, int64_t elements) {
  const int64_t size = size_in(call, "dim", call.operand("self").value, call.integer("dim"));
  return std::max<int64_t>(1, size / elements + (size % elements != 0));
}

Items chunked(const NodeCall& call) {
  const Value x = call.operand("self").value;
  const int64_t chunks = call.integer("chunks"), dim = call.integer("dim");
  if (chunks < 1) call.refuse("expected at least one chunk, got {}", chunks);
  check_parts(call, count_of_parts(call, count_of_parts(call, chunks)));
  return parts_of(call, chunk(x, std::min(chunks, std::max<int64_t>(1, size_in(call, "dim", x, dim))), dim));
}

Items split_by_size(const NodeCall& call) {
  const int64_t size = call.integer("split_size");
  if (size < 1) call.refuse("expected a split_size of at least 1, got {}", size);
  check_parts(call, count_of_parts(call, size));
  return parts_of(call, split(call.operand("self").value, size, call.integer("dim")));
}

Items split_by_sizes(const NodeCall& call, std::string_view name) {
  const std::vector<int64_t> sizes = call.integers(name);
  check_parts(call, static_cast<int64_t>(sizes.size()));
  return parts_of(call, split(call.operand("self").value, sizes, call.integer("dim")));
}

Items joined(const NodeCall& call, Value (*join)(const Values&, int64_t)) {
  std::vector<Operand> operands = call.operands("tensors");
  if (operands.empty()) call.refuse("expected at least one tensor");
  DType type = operands[0].type;
  for (const Operand& operand : operands)
    if (operand.type != type)
      type = operand.type == DType::float32 || type == DType::float32 ? DType::float32 : DType::int64;
  Values values;
  for (const Operand& operand : operands) {
    const Shape& shape = operand.value.shape();
    // PyTorch leaves tensors of shape (0,) out of a concatenation.
    if (operands.size() > 1 && shape == Shape{0} && join == static_cast<Value (*)(const Values&, int64_t)>(cat))
      continue;
    values.push_back(converted(operand, type).value);
  }
  if (values.empty()) values.push_back(converted(operands[0], type).value);
  return one(join(values, call.integer("dim")), type);
}

Items sliced(const NodeCall& call) {
  return shaped(call, [&](Value x) {
    const int64_t start = call.optional_integer("start").value_or(0);
    const int64_t end = call.optional_integer("end").value_or(std::numeric_limits<int64_t>::max());
    return slice(x, call.integer("dim"), start, end, call.integer("step"));
  });
}

Value squeezed(Value x, const std::vector<int64_t>& dims) {
  const Shape& shape = x.shape();
  Shape kept;
  std::vector<bool> goes(shape.size());
  for (int64_t dim : dims)
    if (!shape.empty()) goes[dimension("dim", dim, shape)] = true;
  for (size_t d = 0; d < shape.size(); ++d)
    if (!goes[d] || shape[d] != 1) kept.push_back(shape[d]);
  return reshape(x, kept);
}

/// From `start` in steps of `step`.
Items range(const NodeCall& call, double start, double end, double step, bool integral) {
  constexpr double most = 0x1p53;  // up to which all integers are doubles
  if (step == 0 || !(std::abs(start) <= most) || !(std::abs(end) <= most) || !(std::abs(step) <= most))
    call.refuse("expected a step that is not 0 and numbers up to 2^53, got {}, {} and {}", start, end, step);
  const double count = std::max(0.0, std::ceil((end - start) / step));
  if (count > static_cast<double>(most_numbers))
    call.refuse("expected at most {} numbers, got {}", most_numbers, count);
  const auto size = static_cast<int64_t>(count);
  const DType type = call.optional_type("dtype").value_or(integral ? DType::int64 : DType::float32);
  if (type != DType::float32 && type != DType::int64 && type != DType::int32)
    call.refuse("expected a dtype of float32 or int64, got {}", name(type));
  if (type == DType::float32) {
    Tensor numbers({size});
    for (int64_t i = 0; i < size; ++i) numbers.data()[i] = static_cast<float>(start + static_cast<double>(i) * step);
    return one(call.graph().constant(numbers));
  }
  Tensor numbers({size}, DType::int64);
  const int64_t first = whole(start), apart = whole(step);  // of more than one, each lies between the ends
  for (int64_t i = 0; i < size; ++i) numbers.indices()[i] = first + i * apart;
  return one(call.graph().constant(numbers), DType::int64);
}

/// `steps` numbers from `start` to `end`, both among them.
Items spaced(const NodeCall& call) {
  check_dtype(call);
  const double start = call.number("start"), end = call.number("end");
  const int64_t steps = call.integer("steps");
  if (steps < 0 || steps > most_numbers) call.refuse("expected 0 to {} steps, got {}", most_numbers, steps);
  Tensor numbers({steps});
  const double apart = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  for (int64_t i = 0; i < steps; ++i)  // from the nearer end, so that both are what was given
    numbers.data()[i] =
        static_cast<float>(i < steps / 2 || steps == 1 ? start + apart * static_cast<double>(i)
                                                       : end - apart * static_cast<double>(steps - 1 - i));
  return one(call.graph().constant(numbers));
}

/// Each of several rows along a dimension of its own, in the shape of all of them.
Items meshed(const NodeCall& call, const std::string& indexing) {
  const std::vector<Operand> operands = call.operands("tensors");
  if (indexing != "ij" && indexing != "xy") call.refuse("expected an indexing of 'ij' or 'xy', got '{}'", indexing);
  check_parts(call, static_cast<int64_t>(operands.size()));
  Shape sizes;
  for (const Operand& operand : operands) {
    if (operand.value.shape().size() > 1) call.refuse("expected rows, got {}", str(operand.value.shape()));
    sizes.push_back(numel(operand.value.shape()));
  }
  const bool swaps = indexing == "xy" && sizes.size() > 1;
  if (swaps) std::swap(sizes[0], sizes[1]);
  Items items;
  for (size_t i = 0; i < operands.size(); ++i) {
    const size_t d = swaps && i < 2 ? 1 - i : i;
    Shape along(sizes.size(), 1);
    along[d] = sizes[d];
    items.emplace_back(Operand{expand(reshape(operands[i].value, along), sizes), operands[i].type});
  }
  return items;
}

/// A number as it was given; one that is whole need be no double.
struct Number {
  double value = 0;
  std::optional<int64_t> integer = {};
};
Number number_given(const NodeCall& call, std::string_view name) {
  return {call.number(name), call.is_integral(name) ? std::optional(call.integer(name)) : std::nullopt};
}
constexpr Number zero{0, 0}, unit{1, 1};

/// A tensor of one number.
Items filled(const NodeCall& call, const Shape& sizes, const Number& number, DType type) {
  const std::optional<DType> computed = computed_type(type);
  if (!computed) call.refuse("expected a dtype of float32, int64 or bool, got {}", name(type));
  type = *computed;
  const Tensor scalar = type == DType::int64     ? Tensor({}, {number.integer ? *number.integer : whole(number.value)})
                        : type == DType::boolean ? Tensor({}, {number.value != 0 ? 1.0F : 0.0F})
                                                 : Tensor({}, {static_cast<float>(number.value)});
  return one(expand(call.graph().constant(scalar), sizes), type);
}
DType type_of_number(const NodeCall& call, std::string_view name) {
  return call.optional_type("dtype").value_or(call.is_truth(name)      ? DType::boolean
                                              : call.is_integral(name) ? DType::int64
                                                                       : DType::float32);
}
Items filled_like(const NodeCall& call, const Number& number) {
  const Operand x = call.operand("self");
  return filled(call, x.value.shape(), number, call.optional_type("dtype").value_or(x.type));
}
Items filled_new(const NodeCall& call, const Number& number) {
  return filled(call, call.integers("size"), number, call.optional_type("dtype").value_or(call.operand("self").type));
}

Items unbound(const NodeCall& call) {
  const Operand x = call.operand("self");
  const int64_t dim = call.integer("dim");
  const int64_t size = size_in(call, "dim", x.value, dim);
  check_parts(call, size);
  Values parts;
  for (int64_t i = 0; i < size; ++i) parts.push_back(select(x.value, dim, i));
  return parts_of(call, parts);
}

Items repeated_interleaved(const NodeCall& call) {
  return shaped(call, [&](Value x) {
    const std::optional<int64_t> dim = call.optional_integer("dim");
    if (!dim) x = reshape(x, {-1});
    const Shape shape = x.shape();
    size_in(call, "dim", x, dim.value_or(0));
    const size_t d = dimension("dim", dim.value_or(0), shape);
    const int64_t times = call.integer("repeats");
    Shape apart = shape, spread = shape, whole = shape;
    apart.insert(apart.begin() + static_cast<std::ptrdiff_t>(d) + 1, 1);
    spread.insert(spread.begin() + static_cast<std::ptrdiff_t>(d) + 1, times);
    if (times < 0 || __builtin_mul_overflow(whole[d], times, &whole[d]))
      call.refuse("expected repeats of at least 0, got {}", times);
    return reshape(expand(reshape(x, apart), spread), whole);
  });
}

Items rolled(const NodeCall& call) {
  return shaped(call, [&](Value x) {
    const std::vector<int64_t> shifts = call.integers("shifts"), dims = call.integers("dims");
    const Shape& shape = x.shape();
    const bool flat = dims.empty();
    if (shifts.size() != (flat ? 1 : dims.size()))
      call.refuse("expected as many shifts as dims, got {} and {}", shifts.size(), dims.size());
    Value y = flat ? reshape(x, {-1}) : x;
    for (size_t i = 0; i < shifts.size(); ++i) {
      const int64_t dim = flat ? 0 : dims[i];
      const int64_t size = size_in(call, "dims", y, dim);
      const int64_t shift = modulo(shifts[i], size).value_or(0), first = shift == 0 ? 0 : size - shift;
      if (first != 0) y = cat({slice(y, dim, first), slice(y, dim, 0, first)}, dim);
    }
    return flat ? reshape(y, shape) : y;
  });
}

Items moved(const NodeCall& call) {
  return shaped(call, [&](Value x) {
    const std::vector<int64_t> from = call.integers("source"), to = call.integers("destination");
    const Shape& shape = x.shape();
    if (from.size() != to.size()) call.refuse("expected as many dimensions of source as of destination");
    if (shape.empty() && !from.empty()) call.refuse("expected a value with at least one dimension, got a scalar");
    std::vector<int64_t> order(shape.size(), -1);
    std::vector<bool> taken(shape.size());
    for (size_t i = 0; i < from.size(); ++i) {
      const size_t source = dimension("source", from[i], shape), destination = dimension("destination", to[i], shape);
      order[destination] = static_cast<int64_t>(source);
      taken[source] = true;
    }
    size_t next = 0;
    for (int64_t& dim : order) {
      if (dim >= 0) continue;
      while (next < taken.size() && taken[next]) ++next;
      dim = static_cast<int64_t>(next++);
    }
    return permute(x, order);
  });
}

Value transposed_matrix(Value x) { return x.shape().size() < 2 ? x : transpose(x, 0, 1); }

constexpr std::string_view range_end =
    "Scalar end, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None";
constexpr std::string_view range_start =
    "Scalar start, Scalar end, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None";
constexpr std::string_view range_step =
    "Scalar start, Scalar end, Scalar step=1, ScalarType? dtype=None, any layout=None, any device=None, any "
    "pin_memory=None";
constexpr std::string_view sizes_alone =
    "int[] size, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None, any memory_format=None";
constexpr std::string_view like =
    "Tensor self, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None, any "
    "memory_format=None";
constexpr std::string_view of_new =
    "Tensor self, int[] size, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None";

}  // namespace

std::vector<OperationRow> shape_rows() {
  return {
      {"view", "Tensor self, int[] size", [](const NodeCall& c) { return viewed(c, "size"); }, true},
      {"reshape", "Tensor self, int[] shape", [](const NodeCall& c) { return viewed(c, "shape"); }, true},
      {"_unsafe_view", "Tensor self, int[] size", [](const NodeCall& c) { return viewed(c, "size"); }, true},
      {"view_as", "Tensor self, Tensor other",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return reshape(x, c.operand("other").value.shape()); });
       },
       true},
      {"flatten.using_ints", "Tensor self, int start_dim=0, int end_dim=-1",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return flatten(x, c.integer("start_dim"), c.integer("end_dim")); });
       },
       true},
      {"unflatten.int", "Tensor self, int dim, int[] sizes",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return Unflatten(c.integer("dim"), c.integers("sizes")).forward(x); });
       },
       true},
      {"permute", "Tensor self, int[] dims",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return permute(x, c.integers("dims")); }); }, true},
      {"transpose.int", "Tensor self, int dim0, int dim1",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return transpose(x, c.integer("dim0"), c.integer("dim1")); });
       },
       true},
      {"t", "Tensor self", [](const NodeCall& c) { return shaped(c, transposed_matrix); }, true},
      {"numpy_T", "Tensor self",
       [](const NodeCall& c) {
         return shaped(c, [](Value x) {
           std::vector<int64_t> dims;
           for (size_t d = x.shape().size(); d-- > 0;) dims.push_back(static_cast<int64_t>(d));
           return permute(x, dims);
         });
       },
       true},
      {"mT", "Tensor self", [](const NodeCall& c) { return shaped(c, [](Value x) { return transpose(x, -2, -1); }); },
       true},
      {"mH", "Tensor self", [](const NodeCall& c) { return shaped(c, [](Value x) { return transpose(x, -2, -1); }); },
       true},
      {"adjoint", "Tensor self",
       [](const NodeCall& c) { return shaped(c, [](Value x) { return transpose(x, -2, -1); }); }, true},
      {"swapaxes", "Tensor self, int axis0, int axis1",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return transpose(x, c.integer("axis0"), c.integer("axis1")); });
       },
       true},
      {"ravel", "Tensor self", [](const NodeCall& c) { return shaped(c, [](Value x) { return reshape(x, {-1}); }); },
       true},
      {"moveaxis.int", "Tensor self, int source, int destination", moved, true},
      {"moveaxis.intlist", "Tensor self, int[] source, int[] destination", moved, true},
      {"movedim.int", "Tensor self, int source, int destination", moved, true},
      {"movedim.intlist", "Tensor self, int[] source, int[] destination", moved, true},
      {"slice.Tensor", "Tensor self, int dim=0, int? start=None, int? end=None, int step=1", sliced, true},
      {"select.int", "Tensor self, int dim, int index",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return select(x, c.integer("dim"), c.integer("index")); });
       },
       true},
      {"narrow", "Tensor self, int dim, int start, int length",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) {
           const int64_t dim = c.integer("dim"), length = c.integer("length");
           const int64_t size = x.shape().empty() ? 0 : x.shape()[dimension("dim", dim, x.shape())];
           const int64_t given = c.integer("start"), start = given < 0 ? given + size : given;
           if (start < 0 || length < 0 || start > size || length > size - start)
             c.refuse("expected a start and a length within {}, got {} and {}", size, given, length);
           return slice(x, dim, start, start + length);
         });
       },
       true},
      {"unsqueeze", "Tensor self, int dim",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return unsqueeze(x, c.integer("dim")); }); }, true},
      {"squeeze", "Tensor self", [](const NodeCall& c) { return shaped(c, [](Value x) { return squeeze(x); }); }, true},
      {"squeeze.dim", "Tensor self, int dim",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return squeezed(x, {c.integer("dim")}); }); }, true},
      {"squeeze.dims", "Tensor self, int[] dim",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return squeezed(x, c.integers("dim")); }); }, true},
      {"expand", "Tensor self, int[] size, any implicit=False",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return expand(x, c.integers("size")); }); }, true},
      {"broadcast_to", "Tensor self, int[] size",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return expand(x, c.integers("size")); }); }, true},
      {"expand_as", "Tensor self, Tensor other",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return expand(x, c.operand("other").value.shape()); });
       },
       true},
      {"repeat", "Tensor self, int[] repeats",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return repeat(x, c.integers("repeats")); }); }},
      {"tile", "Tensor self, int[] dims",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) {
           std::vector<int64_t> times = c.integers("dims");
           if (times.size() < x.shape().size()) times.insert(times.begin(), x.shape().size() - times.size(), 1);
           return repeat(x, times);
         });
       }},
      {"repeat_interleave.self_int", "Tensor self, int repeats, int? dim=None, any output_size=None",
       repeated_interleaved},
      {"cat", "Tensor[] tensors, int dim=0", [](const NodeCall& c) { return joined(c, cat); }},
      {"concat", "Tensor[] tensors, int dim=0", [](const NodeCall& c) { return joined(c, cat); }},
      {"concatenate", "Tensor[] tensors, int dim=0", [](const NodeCall& c) { return joined(c, cat); }},
      {"stack", "Tensor[] tensors, int dim=0", [](const NodeCall& c) { return joined(c, stack); }},
      {"chunk", "Tensor self, int chunks, int dim=0", chunked, true},
      {"split.Tensor", "Tensor self, int split_size, int dim=0", split_by_size, true},
      {"split.sizes", "Tensor self, int[] split_size, int dim=0",
       [](const NodeCall& c) { return split_by_sizes(c, "split_size"); }, true},
      {"split_with_sizes", "Tensor self, int[] split_sizes, int dim=0",
       [](const NodeCall& c) { return split_by_sizes(c, "split_sizes"); }, true},
      {"unbind.int", "Tensor self, int dim=0", unbound, true},
      {"index_select", "Tensor self, int dim, Tensor index",
       [](const NodeCall& c) {
         return shaped(c, [&](Value x) { return gather(x, c.integer("dim"), c.operand("index").value); });
       }},
      {"flip", "Tensor self, int[] dims",
       [](const NodeCall& c) { return shaped(c, [&](Value x) { return flip(x, c.integers("dims")); }); }},
      {"roll", "Tensor self, int[1] shifts, int[1] dims=[]", rolled},

      {"alias", "Tensor self", same, true},
      {"detach", "Tensor self", same, true},
      {"contiguous", "Tensor self, any memory_format=None", same, true},
      {"clone", "Tensor self, any memory_format=None", same},
      {"lift_fresh_copy", "Tensor self", same},
      {"copy", "Tensor self, Tensor src, any non_blocking=False",
       [](const NodeCall& c) {
         const Operand self = c.operand("self");
         const Operand from = converted(c.operand("src"), self.type);
         return one(from.value.shape() == self.value.shape() ? from.value : expand(from.value, self.value.shape()),
                    self.type);
       }},

      {"arange", range_end, [](const NodeCall& c) { return range(c, 0, c.number("end"), 1, c.is_integral("end")); }},
      {"arange.start", range_start,
       [](const NodeCall& c) {
         return range(c, c.number("start"), c.number("end"), 1, c.is_integral("start") && c.is_integral("end"));
       }},
      {"arange.start_step", range_step,
       [](const NodeCall& c) {
         return range(c, c.number("start"), c.number("end"), c.number("step"),
                      c.is_integral("start") && c.is_integral("end") && c.is_integral("step"));
       }},
      {"full",
       "int[] size, Scalar fill_value, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None",
       [](const NodeCall& c) {
         return filled(c, c.integers("size"), number_given(c, "fill_value"), type_of_number(c, "fill_value"));
       }},
      {"zeros", sizes_alone,
       [](const NodeCall& c) {
         return filled(c, c.integers("size"), zero, c.optional_type("dtype").value_or(DType::float32));
       }},
      {"ones", sizes_alone,
       [](const NodeCall& c) {
         return filled(c, c.integers("size"), unit, c.optional_type("dtype").value_or(DType::float32));
       }},
      {"empty.memory_format", sizes_alone,
       [](const NodeCall& c) {
         return filled(c, c.integers("size"), zero, c.optional_type("dtype").value_or(DType::float32));
       }},
      {"linspace",
       "Scalar start, Scalar end, int steps, ScalarType? dtype=None, any layout=None, any device=None, any "
       "pin_memory=None",
       spaced},
      {"meshgrid.indexing", "Tensor[] tensors, str indexing",
       [](const NodeCall& c) { return meshed(c, c.text("indexing")); }},
      {"meshgrid", "Tensor[] tensors", [](const NodeCall& c) { return meshed(c, "ij"); }},
      {"scalar_tensor", "Scalar s, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None",
       [](const NodeCall& c) {
         return filled(c, {}, number_given(c, "s"), c.optional_type("dtype").value_or(DType::float32));
       }},
      {"full_like",
       "Tensor self, Scalar fill_value, ScalarType? dtype=None, any layout=None, any device=None, any "
       "pin_memory=None, any memory_format=None",
       [](const NodeCall& c) { return filled_like(c, number_given(c, "fill_value")); }},
      {"zeros_like", like, [](const NodeCall& c) { return filled_like(c, zero); }},
      {"ones_like", like, [](const NodeCall& c) { return filled_like(c, unit); }},
      {"empty_like", like, [](const NodeCall& c) { return filled_like(c, zero); }},
      {"new_empty", of_new, [](const NodeCall& c) { return filled_new(c, zero); }},
      {"new_zeros", of_new, [](const NodeCall& c) { return filled_new(c, zero); }},
      {"new_ones", of_new, [](const NodeCall& c) { return filled_new(c, unit); }},
      {"new_full",
       "Tensor self, int[] size, Scalar fill_value, ScalarType? dtype=None, any layout=None, any device=None, any "
       "pin_memory=None",
       [](const NodeCall& c) { return filled_new(c, number_given(c, "fill_value")); }},
      {"fill.Scalar", "Tensor self, Scalar value",
       [](const NodeCall& c) {
         const Operand x = c.operand("self");
         return filled(c, x.value.shape(), number_given(c, "value"), x.type);
       }},
      {"fill.Tensor", "Tensor self, Tensor value",
       [](const NodeCall& c) {
         const Operand x = c.operand("self");
         return one(expand(converted(c.operand("value"), x.type).value, x.value.shape()), x.type);
       }},
      {"zero", "Tensor self",
       [](const NodeCall& c) {
         const Operand x = c.operand("self");
         return filled(c, x.value.shape(), zero, x.type);
       }},
  };
}

}  // namespace upconv::internal
