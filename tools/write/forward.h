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
  void write_step(const Step& step);
  void settle(int value, Expression expression, size_t next);
  void flush(size_t next);
  void assign(int value, const Expression& expression, size_t next);
  bool is_dead(int value, size_t next) const;
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
  std::map<std::string, int> variables_;    // what a variable holds
  std::map<std::string, size_t> declared_;  // by which statement
  std::set<std::string> taken_;
  std::optional<Pending> pending_;
  size_t at_ = 0;  // the step that is written
};

}  // namespace upconv::tools
