#include "layers/einsum.h"

#include <algorithm>
#include <map>

#include "framework/fail.h"
#include "layers/concat.h"
#include "layers/elementwise.h"
#include "layers/functional.h"
#include "layers/matmul.h"
#include "layers/permute.h"
#include "layers/reduce.h"

namespace upconv {

using namespace internal;

namespace {

/// A letter as its character, and the dimensions of "..." as numbers from 256 on, counted from the last.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label first_of_ellipsis = 256;

bool has(const Labels& labels, Label label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

/// A value and what its dimensions are called.
struct Term {
  Value value;
  Labels labels;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "b...c" with so many dimensions for "...".
Labels labels_of(std::string_view text, int64_t ellipsis) {
  Labels labels;
  bool has_ellipsis = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      labels.push_back(static_cast<unsigned char>(text[i]));
    } else if (text.substr(i).starts_with("...") && !has_ellipsis) {
      has_ellipsis = true;
      for (int64_t d = ellipsis; d-- > 0;) labels.push_back(first_of_ellipsis + static_cast<Label>(d));
      i += 2;
    } else {
      fail("einsum: expected letters, and \"...\" once, got {}", text);
    }
  }
  return labels;
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(',', begin);
    parts.push_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

int64_t product_of(const Shape& sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    if (__builtin_mul_overflow(product, size, &product)) fail("einsum: a size is beyond 63 bits");
  return product;
}

/// A label that comes twice is the diagonal of its two dimensions.
void take_diagonals(Term& term) {
  for (size_t d = 0; d < term.labels.size(); ++d) {
    const auto again =
        std::find(term.labels.begin() + static_cast<std::ptrdiff_t>(d) + 1, term.labels.end(), term.labels[d]);
    if (again == term.labels.end()) continue;
    const auto e = static_cast<size_t>(again - term.labels.begin());
    const Shape& shape = term.value.shape();
    if (shape[d] != shape[e])
      fail("einsum: expected one size for a letter that comes twice, got {} and {}", shape[d], shape[e]);
    std::vector<int64_t> order;
    Shape sizes;
    Labels labels;
    for (size_t i = 0; i < shape.size(); ++i)
      if (i != d && i != e) {
        order.push_back(static_cast<int64_t>(i));
        sizes.push_back(shape[i]);
        labels.push_back(term.labels[i]);
      }
    order.insert(order.end(), {static_cast<int64_t>(d), static_cast<int64_t>(e)});
    sizes.push_back(product_of({shape[d], shape[d]}));
    labels.push_back(term.labels[d]);
    term.value = slice(reshape(permute(term.value, order), sizes), -1, 0, sizes.back(), shape[d] + 1);
    term.labels = labels;
    d = static_cast<size_t>(-1);  // from the beginning: dimensions have other places now
  }
}

/// Without the dimensions whose labels `goes` says, which are summed up, or are of size 1.
template <class Goes>
void sum_out(Term& term, Goes goes) {
  std::vector<int64_t> dims;
  Labels labels;
  for (size_t d = 0; d < term.labels.size(); ++d) {
    if (goes(term.labels[d]))
      dims.push_back(static_cast<int64_t>(d));
    else
      labels.push_back(term.labels[d]);
  }
  if (dims.empty()) return;
  term.value = sum(term.value, dims);
  term.labels = labels;
}

/// The dimensions in the order of `labels`, all of which the value has.
Value ordered(const Term& term, const Labels& labels) {
  std::vector<int64_t> order;
  for (Label label : labels)
    order.push_back(std::find(term.labels.begin(), term.labels.end(), label) - term.labels.begin());
  return permute(term.value, order);
}

/// With a dimension of size 1 for each label that it has not.
Value spread(const Term& term, const Labels& labels) {
  Labels own;
  for (Label label : labels)
    if (has(term.labels, label)) own.push_back(label);
  const Value x = ordered(term, own);
  Shape sizes;
  size_t next = 0;
  for (Label label : labels) sizes.push_back(has(own, label) ? x.shape()[next++] : 1);
  return reshape(x, sizes);
}

/// Their product, summed over what both have and `keeps` does not name.
template <class Keeps>
Term contracted(const Term& a, const Term& b, const std::map<Label, int64_t>& sizes, Keeps keeps) {
  Labels both, summed, of_a, of_b;
  for (Label label : a.labels) (!has(b.labels, label) ? of_a : keeps(label) ? both : summed).push_back(label);
  for (Label label : b.labels)
    if (!has(a.labels, label)) of_b.push_back(label);
  const auto joined = [](Labels first, const Labels& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  const Labels result = joined(both, joined(of_a, of_b));
  if (summed.empty()) return {spread(a, result) * spread(b, result), result};
  const auto sizes_of = [&](const Labels& labels) {
    Shape all;
    for (Label label : labels) all.push_back(sizes.at(label));
    return all;
  };
  const int64_t batch = product_of(sizes_of(both)), m = product_of(sizes_of(of_a)), n = product_of(sizes_of(of_b)),
                k = product_of(sizes_of(summed));
  // A batch of one is none, so that a matrix of weights alone is seen as what it is.
  const auto matrices = [&](Value x, int64_t rows, int64_t cols) {
    return reshape(x, both.empty() ? Shape{rows, cols} : Shape{batch, rows, cols});
  };
  const Value y = matmul(matrices(ordered(a, joined(both, joined(of_a, summed))), m, k),
                         matrices(ordered(b, joined(both, joined(summed, of_b))), k, n));
  return {reshape(y, sizes_of(result)), result};
}

}  // namespace

Value einsum(const std::string& equation, const Values& values) {
  std::string text = equation;
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  const bool is_explicit = arrow != std::string::npos;
  const std::string_view left = std::string_view(text).substr(0, arrow);
  const std::vector<std::string_view> parts = split_at_commas(left);
  if (values.empty() || parts.size() != values.size())
    fail("einsum: expected as many values as the equation {} has, {}, got {}", equation, parts.size(), values.size());

  std::vector<Term> terms;
  std::map<Label, int64_t> sizes;
  int64_t widest = 0;  // dimensions of "..."
  for (size_t i = 0; i < values.size(); ++i) {
    const Shape& shape = values[i].shape();
    const auto letters = std::count_if(parts[i].begin(), parts[i].end(), is_letter);
    const bool has_ellipsis = parts[i].find("...") != std::string_view::npos;
    const int64_t ellipsis = static_cast<int64_t>(shape.size()) - letters;
    if (ellipsis < 0 || (ellipsis > 0 && !has_ellipsis))
      fail("einsum: expected {} dimensions as {} in {}, got {}", letters, parts[i], equation, str(shape));
    if (has_ellipsis) widest = std::max(widest, ellipsis);
    Term term{values[i], labels_of(parts[i], ellipsis)};
    take_diagonals(term);
    for (size_t d = 0; d < term.labels.size(); ++d) {
      const int64_t size = term.value.shape()[d];
      int64_t& all = sizes.try_emplace(term.labels[d], 1).first->second;
      if (all != 1 && size != 1 && size != all)
        fail("einsum: expected one size for each letter of {}, got {} and {}", equation, all, size);
      if (size != 1) all = size;
    }
    terms.push_back(std::move(term));
  }

  Labels result;
  if (is_explicit) {
    result = labels_of(std::string_view(text).substr(arrow + 2), widest);
    for (size_t i = 0; i < result.size(); ++i) {
      if (!sizes.contains(result[i])) fail("einsum: the result of {} has a letter that no value has", equation);
      if (std::find(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(i), result[i]) !=
          result.begin() + static_cast<std::ptrdiff_t>(i))
        fail("einsum: the result of {} has a letter twice", equation);
    }
  } else {
    for (int64_t d = widest; d-- > 0;) result.push_back(first_of_ellipsis + static_cast<Label>(d));
    for (const auto& [label, size] : sizes)
      if (label < first_of_ellipsis && std::count(left.begin(), left.end(), static_cast<char>(label)) == 1)
        result.push_back(label);
  }

  // What is broadcast takes part in no product.
  for (Term& term : terms) {
    const Term whole = term;
    sum_out(term, [&](Label label) {
      const auto at = std::find(whole.labels.begin(), whole.labels.end(), label) - whole.labels.begin();
      return whole.value.shape()[static_cast<size_t>(at)] == 1 && sizes.at(label) != 1;
    });
  }
  const auto is_needed = [&](Label label, size_t from) {
    return has(result, label) || std::any_of(terms.begin() + static_cast<std::ptrdiff_t>(from), terms.end(),
                                             [&](const Term& term) { return has(term.labels, label); });
  };
  Term all = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) {
    sum_out(all, [&](Label label) { return !is_needed(label, i); });
    Term next = terms[i];
    sum_out(next, [&](Label label) { return !has(all.labels, label) && !is_needed(label, i + 1); });
    all = contracted(all, next, sizes, [&](Label label) { return is_needed(label, i + 1); });
  }
  sum_out(all, [&](Label label) { return !has(result, label); });
  return ordered(all, result);
}

}  // namespace upconv
