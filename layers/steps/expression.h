#pragma once
// Element-wise functions of several values, however many stand one after another: evaluated a run of elements at a
// time, so that what lies between them stays in L1 and memory is read and written once.
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../../framework/graph.h"
#include "../../framework/program.h"
#include "../kernels/kernels.h"

namespace upconv::internal {

/// out[i] = f(inputs[0][i], inputs[1][i], ...) for i < count. `out` is none of the inputs.
using ElementFunction = std::function<void(const float* const* inputs, float* out, int64_t count)>;

/// A function of an element of each input, as instructions that follow one another; the last one's result is its own.
struct Expression {
  struct Instruction {
    enum Kind { number, pointwise, affine, clamp, binary, select, custom };
    Kind kind;
    /// Results of earlier instructions where they are not negative, else ~i for input i.
    std::vector<int> operands;
    Pointwise function = {};                          ///< of pointwise
    double a = 0, b = 0;                              ///< the number, a; of affine, x * a + b; the limits of clamp
    kernels::Binary::Kind op = kernels::Binary::add;  ///< of binary
    std::shared_ptr<const ElementFunction> own = {};  ///< of custom
  };
  /// Indices start, start + step, ... of one dimension of an input, `size` of them, in the place of that input.
  struct Cut {
    int input;
    size_t dim;
    int64_t start, step, size;
  };
  std::vector<Instruction> instructions;
  int inputs = 0;
  std::vector<Cut> cuts = {};  ///< those of inputs that are not read as they are, at most one of each

  /// The cut of an input, or nullptr.
  const Cut* cut(size_t input) const;
  /// Whether one of these inputs is cut.
  bool cuts_any(std::span<const size_t> numbers) const;
  /// The same after `producer` gave what the inputs numbered `replaced` were; its own inputs come behind those that are
  /// left.
  [[nodiscard]] Expression after(const Expression& producer, std::span<const size_t> replaced) const;
  /// The same where those inputs are that part of one, which comes behind those that are left.
  [[nodiscard]] Expression after(Cut part, std::span<const size_t> replaced) const;
};

/// An expression over arrays that are broadcast to one shape, in the order in which that lies in memory.
class Evaluation {
 public:
  static constexpr int64_t run = 512;  ///< elements that are evaluated at a time

  /// Of inputs as `lowering` has them, each broadcast to `shape`; `order` has `shape`'s own strides, which are those of
  /// memory without gaps.
  Evaluation(Expression expression, const Shape& shape, const std::vector<int64_t>& order, const Lowering& lowering);

  int64_t count() const { return count_; }
  /// Of the memory that compute() needs, aligned as a pointer is.
  size_t scratch_bytes() const {
    return (registers_ + inputs_.size()) * run * sizeof(float) +
           (inputs_.size() + most_operands_) * sizeof(const float*);
  }
  /// The elements from `begin` on, at most `run`, into `out`, which may be none of the inputs. `last` is where the call
  /// before began, if that had the same inputs and scratch and was of a whole run: what it expanded may do again.
  void compute(int64_t begin, int64_t count, const void* const* inputs, float* out, float* scratch,
               int64_t last = -1) const;

 private:
  struct Input {
    std::vector<int64_t> steps;  ///< of the loops
    bool whole;                  ///< lies as the shape does
    bool one;                    ///< a single number
    int64_t from;                ///< where its first element is
    int64_t span;                ///< of so many elements each run expands to the same; 0 where each is another
  };
  /// Whether the run from `last` on expanded an input to what that of `count` from `begin` on needs.
  static bool same(const Input& input, int64_t last, int64_t begin, int64_t count) {
    return last >= 0 && input.span > 0 && last / input.span == (last + run - 1) / input.span &&
           last / input.span == begin / input.span && begin / input.span == (begin + count - 1) / input.span;
  }
  void expand(const Input& input, const float* x, int64_t begin, int64_t count, float* out) const;
  void execute(const Expression::Instruction& instruction, const float* const* x, float* out, int64_t count) const;

  Expression expression_;
  std::vector<int> destinations_;  // the register of each instruction; -1 is the output
  size_t registers_ = 0, most_operands_ = 0;
  std::vector<int64_t> sizes_;  // of the loops, innermost last
  std::vector<Input> inputs_;
  int64_t count_ = 1;
  const kernels::Table& table_;
};

/// The step of an operation whose inputs are broadcast to its output, as Lowering says that they lie.
std::unique_ptr<Step> expression_step(Expression expression, const Lowering& lowering);

}  // namespace upconv::internal
