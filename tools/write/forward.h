#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "framework/weights/bytes.h"
#include "tools/write/functions.h"
#include "tools/write/header_writer.h"

namespace upconv::tools {

/// forward() of a module as one of its calls has it.
class Forward : public Operands {
 public:
  Forward(HeaderWriter& writer, const ModuleNode& node, const Call& call, Draft& draft)
      : writer_(writer), calls_(writer.calls_), node_(node), call_(call), draft_(draft) {}

  void write();

  Expression value(int value) override;
  Expression named(int value) override;
  Expression size(int value) override;
  std::string function(std::string_view name) override;

 private:
  struct Pending {
    int value;
    Expression expression;
  };
  struct Range {
    int64_t least, most;
  };
  /// Steps that do one thing again and again, each round with what the one before gave and with the next modules.
  struct Loop {
    size_t first = 0, length = 0;  ///< of the steps of one round
    size_t rounds = 1;
    int before = -1;  ///< what the first round is given
    int given = -1;   ///< what it gives to the second
    int after = -1;   ///< what the last one gives
    enum class Kind {
      whole,    ///< a list of several classes, called as a Sequential
      element,  ///< all modules of a list
      pointer,  ///< modules with numbers in their names
      index     ///< modules of one list or more, by their numbers
    } kind = Kind::index;
    /// By the step of the first round: the module whose name or number counts, its number there and how far it is to
    /// the next.
    struct Counted {
      std::string list;   ///< the path of what it is in
      std::string child;  ///< its own
      int64_t number = 0, stride = 1;
    };
    std::map<size_t, Counted> counted = {};

    size_t end() const { return first + length * rounds; }
  };
  std::vector<int> size_bases(const Step& step, size_t index);
  void numbers_of(const internal::Argument& argument, std::vector<int>& all) const;
  /// Of the size of a tensor's dimension: which tensor of this call has it, and where; nothing where it is a number.
  struct Base {
    int value = -1;
    size_t dim = 0;
    std::optional<int64_t> number;
  };
  Base base_of(const NodeView& node, size_t step) const;
  Base equal_size(int number, size_t step) const;
  std::optional<int64_t> evaluated(int number, const internal::SizesOfCall& sizes) const;
  bool is_here(int value, size_t step) const;
  Range range_of(int value) const;
  const std::vector<internal::ExportedSize>& sizes_of(int value) const;
  void find_uses();
  void name_inputs();
  void write_step(const Step& step);
  void write_parts(int whole, int64_t dim, const std::vector<int>& parts);
  std::string called(const Step& step) const;
  void find_loops();
  std::optional<Loop> loop_at(size_t first) const;
  std::optional<Loop> whole_at(size_t first) const;
  std::optional<Loop> loop_of(size_t first, size_t length) const;
  bool add_round(Loop& loop) const;
  bool count_on(Loop& loop, size_t step, const Call& call) const;
  bool settle_kind(Loop& loop) const;
  bool is_worth_it(Loop& loop) const;
  size_t size_of_list(const std::string& path) const;
  std::optional<std::vector<std::pair<int, int>>> pairs(size_t step, size_t other) const;
  bool are_alike(const internal::Argument& a, const internal::Argument& b,
                 std::vector<std::pair<int, int>>& values) const;
  bool is_kept_within(int value, size_t first, size_t end) const;
  int seen_at(int value, size_t step) const;
  void write_loop(const Loop& loop);
  std::string head_of(const Loop& loop);
  void find_cuts();
  void cut_chain(size_t first, size_t end);
  int completeness(size_t step) const;
  void settle(int value, Expression expression, size_t next);
  void flush(size_t next);
  void assign(int value, const Expression& expression, size_t next);
  bool is_dead(int value, size_t next) const;
  bool says_what_it_is(const std::string& variable) const;
  std::string fresh(const std::vector<std::string>& wishes);
  std::string parameter(int value);
  int here(int value) const;
  void settle_const();
  std::string where() const { return node_.path.empty() ? "" : " in " + internal::printable(node_.path); }

  HeaderWriter& writer_;
  const Calls& calls_;
  const ModuleNode& node_;
  const Call& call_;
  Draft& draft_;
  std::map<int, std::vector<size_t>>
      uses_;                         // of each value: the steps that read it; the number of steps stands for the end
  std::map<int, size_t> made_;       // of each value that is made here: by which step
  std::map<int, Expression> names_;  // what a value is called
  std::map<std::string, int> variables_;  // what a variable holds
  std::set<std::string> taken_;
  std::optional<Pending> pending_;
  std::map<size_t, Loop> loops_;  // by their first steps
  std::set<size_t> cuts_;         // the steps whose results have names, because what they are in would be too long
  const Loop* loop_ = nullptr;    // whose first round is written
  std::string each_;              // what stands for its module, or for the number of it
  std::string carried_;           // the variable that its rounds change
  size_t at_ = 0;                 // the step that is written
};

}  // namespace upconv::tools
