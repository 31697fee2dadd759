// What is chosen by indices and masks, written into parts, and summed along.
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
#include "layers/reduce.h"

namespace upconv::internal {
namespace {

using Items = std::vector<Item>;

/// Numbers that a constant may have: what a few bytes of a file can ask for is bounded.
constexpr int64_t most_numbers = int64_t{1} << 22;

int64_t counted_numbers(const NodeCall& call, int64_t a, int64_t b) {
  int64_t count = 0;
  if (a < 0 || b < 0 || a > most_numbers || b > most_numbers || __builtin_mul_overflow(a, b, &count) ||
      count > most_numbers)
    call.refuse("expected at most {} numbers, got {} by {}", most_numbers, a, b);
  return count;
}

/// Integers that a function of their number gives.
template <class Function>
Value constant_integers(const NodeCall& call, int64_t count, Function function) {
  Tensor numbers({count}, DType::int64);
  for (int64_t i = 0; i < count; ++i) numbers.indices()[i] = function(i);
  return call.graph().constant(numbers);
}

/// A matrix of truths that a function of row and column gives.
template <class Function>
Value constant_truths(const NodeCall& call, int64_t rows, int64_t cols, Function function) {
  counted_numbers(call, rows, cols);
  Tensor truths({rows, cols});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) truths.data()[i * cols + j] = function(i, j) ? 1.0F : 0.0F;
  return call.graph().constant(truths);
}

/// x where the mask is 1, and 0 where it is 0.
Operand kept(const NodeCall& call, const Operand& x, Value mask) {
  Graph& graph = call.graph();
  if (x.type == DType::int64) return {integer_function(IntegerFunction::multiply, x.value, to_int64(mask)), x.type};
  return {where(mask, x.value, graph.constant(Tensor({}, {0.0F}))), x.type};
}

template <bool is_upper>
Items triangle(const NodeCall& call) {
  const Operand x = call.operand("self");
  const int64_t diagonal = std::clamp<int64_t>(call.integer("diagonal"), -most_numbers, most_numbers);
  if (x.value.shape().size() < 2) call.refuse("expected at least two dimensions, got {}", str(x.value.shape()));
  const Value mask = constant_truths(call, x.value.size(-2), x.value.size(-1), [&](int64_t i, int64_t j) {
    return is_upper ? j - i >= diagonal : j - i <= diagonal;
  });
  return one(kept(call, x, mask));
}

Items identity(const NodeCall& call, int64_t rows, int64_t cols) {
  const DType type = call.optional_type("dtype").value_or(DType::float32);
  const Value truths = constant_truths(call, rows, cols, [](int64_t i, int64_t j) { return i == j; });
  const Operand y = converted({truths, DType::boolean}, type);
  return one(y);
}

/// The elements of two dimensions whose places differ by `offset`, in the last dimension.
Value diagonal_of(const NodeCall& call, Value x, int64_t offset, int64_t dim1, int64_t dim2) {
  const Shape& shape = x.shape();
  if (shape.size() < 2) call.refuse("expected at least two dimensions, got {}", str(shape));
  const size_t a = dimension("dim1", dim1, shape), b = dimension("dim2", dim2, shape);
  if (a == b) call.refuse("expected two dimensions, got {} twice", a);
  if (offset < -shape[a] || offset > shape[b]) call.refuse("expected an offset within {}, got {}", str(shape), offset);
  std::vector<int64_t> order;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != a && d != b) order.push_back(static_cast<int64_t>(d));
  order.insert(order.end(), {static_cast<int64_t>(a), static_cast<int64_t>(b)});
  Value y = permute(x, order);
  const int64_t first_row = std::max<int64_t>(0, -offset), first_col = std::max<int64_t>(0, offset);
  const int64_t count = std::min(shape[a] - first_row, shape[b] - first_col);
  if (count < 1) call.refuse("expected a diagonal with elements, got {} of {}", offset, str(shape));
  y = slice(slice(y, -2, first_row, first_row + count), -1, first_col, first_col + count);
  Shape sizes(y.shape().begin(), y.shape().end() - 2);
  counted_numbers(call, count, count);
  sizes.push_back(count * count);
  return slice(reshape(y, sizes), -1, 0, count * count, count + 1);
}

Items diagonal(const NodeCall& call) {
  const Operand x = call.operand("self");
  return one(diagonal_of(call, x.value, call.integer("offset"), call.integer("dim1"), call.integer("dim2")), x.type);
}

/// The diagonal of a matrix, or the matrix of a diagonal.
Items diagonal_or_matrix(const NodeCall& call) {
  const Operand x = call.operand("self");
  const int64_t offset = call.integer("diagonal");
  if (x.value.shape().size() != 1) return one(diagonal_of(call, x.value, offset, 0, 1), x.type);
  if (offset != 0) call.refuse("expected a diagonal of 0 for a matrix that is made, got {}", offset);
  const int64_t size = x.value.size(0);
  const Value mask = constant_truths(call, size, size, [](int64_t i, int64_t j) { return i == j; });
  return one(kept(call, {expand(reshape(x.value, {1, size}), {size, size}), x.type}, mask));
}

/// Indices as they count from the beginning. One that is not there ends the run with an Error.
Value from_beginning(const NodeCall& call, Value indices, int64_t size) {
  counted_numbers(call, size, 1);
  return gather(constant_integers(call, size, [](int64_t i) { return i; }), 0, indices);
}

Value plus(Value a, Value b) { return integer_function(IntegerFunction::add, a, b); }
Value times(const NodeCall& call, Value a, int64_t b) {
  return b == 1 ? a : integer_function(IntegerFunction::multiply, a, call.graph().constant(Tensor({}, {b})));
}

/// x[:, index], x[rows, cols] and the like: tensors of indices among Nones.
Items indexed(const NodeCall& call) {
  const Operand x = call.operand("self");
  const std::vector<std::optional<Operand>> indices = call.optional_operands("indices");
  const Shape& shape = x.value.shape();
  std::vector<size_t> dims;
  for (size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d]) continue;
    if (indices[d]->type == DType::boolean)
      call.refuse(
          "a mask chooses as many elements as it has truths, so that no size follows: use where(mask, x, y), or a mask "
          "that is multiplied");
    if (indices[d]->type != DType::int64) call.refuse("expected indices of int64, got {}", name(indices[d]->type));
    if (d >= shape.size()) call.refuse("expected indices of at most {} dimensions, got {}", shape.size(), d + 1);
    dims.push_back(d);
  }
  if (dims.empty()) return one(x);
  if (dims.size() == 1) return one(gather(x.value, static_cast<int64_t>(dims[0]), indices[dims[0]]->value), x.type);
  if (numel(shape) == 0) call.refuse("expected elements to choose from, got {}", str(shape));
  // Several dimensions become one, in the place of the first where they are neighbours, and before all others where
  // they are not.
  const bool are_neighbours = dims.back() - dims.front() + 1 == dims.size();
  const size_t place = are_neighbours ? dims.front() : 0;
  std::vector<int64_t> order;
  for (size_t d = 0; d < shape.size(); ++d)
    if (std::find(dims.begin(), dims.end(), d) == dims.end()) order.push_back(static_cast<int64_t>(d));
  order.insert(order.begin() + static_cast<std::ptrdiff_t>(place), dims.begin(), dims.end());
  Shape sizes;
  for (int64_t d : order) sizes.push_back(shape[static_cast<size_t>(d)]);
  const auto first = sizes.begin() + static_cast<std::ptrdiff_t>(place);
  int64_t all = 1;
  std::optional<Value> index;
  for (size_t d : dims) {
    const Value own = from_beginning(call, indices[d]->value, shape[d]);
    index = index ? plus(times(call, *index, shape[d]), own) : own;
    all *= shape[d];
  }
  sizes.erase(first, first + static_cast<std::ptrdiff_t>(dims.size()));
  sizes.insert(sizes.begin() + static_cast<std::ptrdiff_t>(place), all);
  return one(gather(reshape(permute(x.value, order), sizes), static_cast<int64_t>(place), *index), x.type);
}

/// torch.gather: y[i, j, k] = x[i, index[i, j, k], k] for dimension 1.
Items gathered(const NodeCall& call) {
  const Operand x = call.operand("self"), index = call.operand("index");
  const Shape &shape = x.value.shape(), &chosen = index.value.shape();
  if (index.type != DType::int64) call.refuse("expected an index of int64, got {}", name(index.type));
  if (shape.empty() || shape.size() != chosen.size())
    call.refuse("expected an index of as many dimensions as self, got {} and {}", str(chosen), str(shape));
  if (numel(shape) == 0) call.refuse("expected elements to choose from, got {}", str(shape));
  const size_t dim = dimension("dim", call.integer("dim"), shape);
  int64_t stride = 1;
  std::optional<Value> all;
  for (size_t d = shape.size(); d-- > 0;) {
    std::optional<Value> place;
    if (d != dim) {
      if (chosen[d] > shape[d])
        call.refuse("expected an index no larger than self, got {} for {}", str(chosen), str(shape));
      counted_numbers(call, chosen[d], 1);
      Shape sizes(chosen.size(), 1);
      sizes[d] = chosen[d];
      place = reshape(constant_integers(call, chosen[d], [](int64_t i) { return i; }), sizes);
    } else {
      place = from_beginning(call, index.value, shape[dim]);
    }
    const Value part = times(call, *place, stride);
    all = all ? plus(*all, part) : part;
    stride *= shape[d];
  }
  return one(gather(reshape(x.value, {-1}), 0, *all), x.type);
}

/// A copy of self in which `src` stands at `start`, `start + step`, ... of a dimension.
Items part_written(const NodeCall& call) {
  const Operand x = call.operand("self"), src = converted(call.operand("src"), x.type);
  const Shape& shape = x.value.shape();
  if (shape.empty()) call.refuse("expected a value with at least one dimension, got a scalar");
  const int64_t dim = call.integer("dim"), step = call.integer("step");
  const size_t d = dimension("dim", dim, shape);
  const int64_t size = shape[d];
  const auto bounded = [&](int64_t place) { return std::clamp<int64_t>(place < 0 ? place + size : place, 0, size); };
  const int64_t start = bounded(call.optional_integer("start").value_or(0));
  const int64_t end = std::max(start, bounded(call.optional_integer("end").value_or(size)));
  if (step < 1) call.refuse("expected a step of at least 1, got {}", step);
  const int64_t count = (end - start) / step + static_cast<int64_t>((end - start) % step != 0);
  if (count == 0) return one(x);
  Shape part = shape;
  part[d] = count;
  if (src.value.shape() != part) call.refuse("expected src of {}, got {}", str(part), str(src.value.shape()));
  if (count == size) return one(src);
  if (step == 1) {
    Values parts;
    if (start > 0) parts.push_back(slice(x.value, dim, 0, start));
    parts.push_back(src.value);
    if (end < size) parts.push_back(slice(x.value, dim, end, size));
    return one(cat(parts, dim), x.type);
  }
  counted_numbers(call, size, 1);
  const Value places = constant_integers(call, size, [&](int64_t i) {
    return i >= start && i < end && (i - start) % step == 0 ? size + (i - start) / step : i;
  });
  return one(gather(cat({x.value, src.value}, dim), dim, places), x.type);
}

/// The same of one index of a dimension, which src has not.
Items index_written(const NodeCall& call) {
  const Operand x = call.operand("self"), src = converted(call.operand("src"), x.type);
  const Shape& shape = x.value.shape();
  if (shape.empty()) call.refuse("expected a value with at least one dimension, got a scalar");
  const size_t d = dimension("dim", call.integer("dim"), shape);
  const auto dim = static_cast<int64_t>(d);
  const int64_t size = shape[d], given = call.integer("index"), index = given < 0 ? given + size : given;
  if (index < 0 || index >= size) call.refuse("expected an index within {}, got {}", size, given);
  Shape part = shape;
  part.erase(part.begin() + dim);
  if (src.value.shape() != part) call.refuse("expected src of {}, got {}", str(part), str(src.value.shape()));
  Values parts;
  if (index > 0) parts.push_back(slice(x.value, dim, 0, index));
  parts.push_back(unsqueeze(src.value, dim));
  if (index + 1 < size) parts.push_back(slice(x.value, dim, index + 1, size));
  return one(cat(parts, dim), x.type);
}

/// x[mask] = number: what is written where a mask is.
Items mask_written(const NodeCall& call) {
  const Operand x = call.operand("self");
  const Operand values = converted(call.operand("values"), x.type);
  const std::vector<std::optional<Operand>> indices = call.optional_operands("indices");
  if (call.boolean("accumulate")) call.refuse("expected accumulate=False");
  if (indices.size() != 1 || !indices[0] || indices[0]->type != DType::boolean || numel(values.value.shape()) != 1)
    call.refuse("expected one mask and one number, as in x[mask] = 0: write other places by where() or cat()");
  Shape mask = indices[0]->value.shape();
  const Shape& shape = x.value.shape();
  if (mask.size() > shape.size() || !std::equal(mask.begin(), mask.end(), shape.begin()))
    call.refuse("expected a mask of the first dimensions of {}, got {}", str(shape), str(mask));
  mask.resize(shape.size(), 1);
  const Value condition = reshape(indices[0]->value, mask), number = reshape(values.value, {});
  if (x.type != DType::int64) return one(where(condition, number, x.value), x.type);
  const Operand others = kept(call, x, 1 - condition), written = kept(call, {expand(number, shape), x.type}, condition);
  return one(plus(others.value, written.value), x.type);
}

/// Tensor.unfold: windows of a dimension, whose elements become the last one.
Items windows(const NodeCall& call) {
  const Operand x = call.operand("self");
  const Shape& shape = x.value.shape();
  if (shape.empty()) call.refuse("expected a value with at least one dimension, got a scalar");
  const int64_t size = call.integer("size"), step = call.integer("step");
  const size_t d = dimension("dimension", call.integer("dimension"), shape);
  if (step < 1 || size < 1 || size > shape[d])
    call.refuse("expected a size within {} and a step of at least 1, got {} and {}", shape[d], size, step);
  const int64_t count = (shape[d] - size) / step + 1;
  const auto dim = static_cast<int64_t>(d);
  Value y = x.value;
  if (step == size) {
    Shape sizes = shape;
    sizes[d] = count;
    sizes.insert(sizes.begin() + dim + 1, size);
    y = reshape(slice(y, dim, 0, count * size), sizes);
  } else {
    const Value places = constant_integers(call, counted_numbers(call, count, size),
                                           [&](int64_t i) { return i / size * step + i % size; });
    y = gather(y, dim, reshape(places, {count, size}));
  }
  std::vector<int64_t> order;
  for (size_t i = 0; i <= shape.size(); ++i)
    if (i != d + 1) order.push_back(static_cast<int64_t>(i));
  order.push_back(dim + 1);
  return one(permute(y, order), x.type);
}

Items one_hot(const NodeCall& call) {
  const Operand x = call.operand("self");
  const int64_t classes = call.integer("num_classes");
  if (x.type != DType::int64) call.refuse("expected self of int64, got {}", name(x.type));
  if (classes < 1) call.refuse("expected num_classes of at least 1, got {}: say how many there are", classes);
  const Value table = constant_truths(call, classes, classes, [](int64_t i, int64_t j) { return i == j; });
  return one(to_int64(embedding(x.value, table)), DType::int64);
}

/// Sums or products of all elements up to each of a dimension: those of 2, 4, 8, ... at a time.
template <bool is_product>
Items accumulated(const NodeCall& call) {
  check_dtype(call);
  const Value x = as_float(call.operand("self"));
  if (call.operand("self").type != DType::float32 && call.optional_type("dtype") != DType::float32)
    call.refuse("expected self of float32, got {}: give it x.float()", name(call.operand("self").type));
  const Shape& shape = x.shape();
  if (shape.empty()) return one(x);
  const size_t d = dimension("dim", call.integer("dim"), shape);
  const auto dim = static_cast<int64_t>(d);
  const int64_t size = shape[d];
  Value y = x;
  for (int64_t apart = 1; apart < size; apart *= 2) {
    const Value first = slice(y, dim, 0, apart), rest = slice(y, dim, apart, size),
                before = slice(y, dim, 0, size - apart);
    y = cat({first, is_product ? rest * before : rest + before}, dim);
  }
  return one(y);
}

}  // namespace

Value place_of(const NodeCall& call, Value x, Value extreme, int64_t dim, bool keepdim) {
  const size_t d = dimension("dim", dim, x.shape());
  const int64_t size = x.shape()[d];
  if (size > int64_t{1} << 24) call.refuse("expected at most 2^24 elements in the dimension, got {}", size);
  counted_numbers(call, size, 1);
  Tensor numbers({size});
  for (int64_t i = 0; i < size; ++i) numbers.data()[i] = static_cast<float>(i);
  Shape sizes(x.shape().size(), 1);
  sizes[d] = size;
  Graph& graph = call.graph();
  const Value places = graph.constant(numbers.reshape(sizes)), none = graph.constant(Tensor({}, {0x1p24F}));
  // A NaN is the largest and the smallest of all.
  const Value is_it = maximum(eq(x, extreme), ne(x, x));
  return to_int64(amin(where(is_it, places, none), static_cast<int64_t>(d), keepdim));
}

namespace {

template <Value (*function)(Value, Dims, bool)>
Items place_of_extreme(const NodeCall& call) {
  Value x = call.value("self");
  const std::optional<int64_t> dim = call.optional_integer("dim");
  const Shape shape = x.shape();
  if (!dim || shape.empty()) x = reshape(x, {-1});
  const int64_t along = dim && !shape.empty() ? *dim : 0;
  const bool keepdim = call.boolean("keepdim");
  Value y = place_of(call, x, function(x, along, true), along, keepdim);
  if (!dim && keepdim) y = reshape(y, Shape(shape.size(), 1));
  if (dim && shape.empty()) y = reshape(y, {});
  return one(y, DType::int64);
}

constexpr std::string_view eye = "int n, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None";
constexpr std::string_view eye_m =
    "int n, int m, ScalarType? dtype=None, any layout=None, any device=None, any pin_memory=None";

}  // namespace

std::vector<OperationRow> choice_rows() {
  return {
      {"index.Tensor", "Tensor self, Tensor[] indices", indexed},
      {"gather", "Tensor self, int dim, Tensor index, bool sparse_grad=False", gathered},
      {"index_put", "Tensor self, Tensor[] indices, Tensor values, bool accumulate=False", mask_written},
      {"slice_scatter", "Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1", part_written},
      {"select_scatter", "Tensor self, Tensor src, int dim, int index", index_written},
      {"unfold", "Tensor self, int dimension, int size, int step", windows, true},
      {"one_hot", "Tensor self, int num_classes=-1", one_hot},
      {"argmax", "Tensor self, int? dim=None, bool keepdim=False", place_of_extreme<amax>},
      {"argmin", "Tensor self, int? dim=None, bool keepdim=False", place_of_extreme<amin>},
      {"cumsum", "Tensor self, int dim, ScalarType? dtype=None", accumulated<false>},
      {"cumprod", "Tensor self, int dim, ScalarType? dtype=None", accumulated<true>},
      {"tril", "Tensor self, int diagonal=0", triangle<false>},
      {"triu", "Tensor self, int diagonal=0", triangle<true>},
      {"eye", eye, [](const NodeCall& c) { return identity(c, c.integer("n"), c.integer("n")); }},
      {"eye.m", eye_m, [](const NodeCall& c) { return identity(c, c.integer("n"), c.integer("m")); }},
      {"diagonal", "Tensor self, int offset=0, int dim1=0, int dim2=1", diagonal, true},
      {"diag", "Tensor self, int diagonal=0", diagonal_or_matrix, true},
  };
}

}  // namespace upconv::internal
