#pragma once
// A header while it is written: drafts of the structs of its modules, of which those that differ in numbers alone
// become one. writer.cpp has the modules, forward.cpp and loops.cpp what their forward() does, structs.cpp the structs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/write/calls.h"
#include "tools/write/writer.h"

namespace upconv::tools {

/// A member of a struct: a child, or a parameter.
struct Member {
  std::string name, type, key;
  Expression constructor;
  enum class Kind { child, parameter, buffer, constant } kind = Kind::child;
  bool is_argument = false;  ///< whether who makes the struct gives it: its layers are others in each
};

struct Statement {
  std::vector<std::string> targets;  ///< none of what is given back, and of a loop
  std::string type;                  ///< "Value", "Values" or "auto"; "" where the target is there already
  bool is_const = true;
  std::vector<Expression> values;    ///< one, but of what is given back
  std::string loop = {};             ///< of a loop its head: "for (const Block& block : blocks)"
  std::string each = {};             ///< the variable of that
  std::vector<Statement> body = {};  ///< what is done in each round of it

  template <class F>
  void each_expression(F f) const {
    for (const Expression& value : values) f(value);
    for (const Statement& statement : body) statement.each_expression(f);
  }
  /// What all that do the same share, but for expressions.
  std::string signature() const {
    std::string all = fmt::format(";{} {}{}{}", type, fmt::join(targets, ","), is_const, loop);
    for (const Statement& statement : body) all += statement.signature();
    return all;
  }
};

/// A struct as one module has it; those of several are one where they differ in numbers alone.
struct Draft {
  std::string path, class_name;
  std::vector<Member> members;
  std::vector<std::string> inputs;
  std::string result, arguments;  ///< "Value", "Value, Value"
  std::vector<Statement> statements;
  bool has_forward = true;
  /// Whether modules of this class are at several depths, and so are structs before all are known.
  bool is_open = false;

  template <class F>
  void each_expression(F f) const {
    for (const Member& member : members)
      if (!member.is_argument) f(member.constructor, true);
    for (const Statement& statement : statements)
      statement.each_expression([&](const Expression& value) { f(value, false); });
  }
  std::string signature() const {
    std::string all = class_name + result + "(" + arguments + ")";
    for (const Member& member : members)
      all += fmt::format(";{} {} {} {}", member.type, member.name, member.key, static_cast<int>(member.kind));
    for (const std::string& input : inputs) all += "," + input;
    for (const Statement& statement : statements) all += statement.signature();
    each_expression([&](const Expression& expression, bool) {
      all += ";" + (is_open ? print(expression) : tools::signature(expression));
    });
    return all;
  }
};

/// What stands for a module where it is a child.
struct Built {
  enum class Kind { nothing, layer, sequential, list, structure } kind = Kind::nothing;
  Expression constructor = Expression::call("Identity");
  std::string type = "Identity";  ///< of the member
  std::string item;               ///< of a list: its modules' class, "" where it varies
  size_t inputs = 1, outputs = 1;
};

class HeaderWriter {
 public:
  HeaderWriter(const internal::ExportedRunner& runner, const HeaderOptions& options)
      : runner_(runner), options_(options), calls_(runner), folded_(runner.folded_values()) {}

  Header write();

 private:
  friend class Forward;
  const ModuleNode& module(const std::string& path) const { return calls_.module(path); }
  void build(const std::string& path);
  std::optional<Built> as_layer(const ModuleNode& node) const;
  std::optional<Built> as_sequential(const ModuleNode& node) const;
  std::optional<Built> as_list(const ModuleNode& node) const;
  Draft draft(const ModuleNode& node);
  void add_tensors(const ModuleNode& node, Draft& draft);
  void settle(std::vector<Draft>& drafts);
  void print_struct(const Draft& draft, const std::string& name,
                    const std::vector<std::pair<std::string, Number>>& arguments, const std::set<std::string>& kept,
                    const Naming& naming);
  void share_sequentials(const std::vector<std::string>& paths);
  void print_sequential(const Built& network);
  std::vector<std::string> unnested(const Expression& constructor, const Naming& naming) const;
  std::string unique_class(const std::string& name);
  /// Which of a list's modules is meant where loops count: instead of its number.
  struct Index {
    std::string list, text;
  };
  std::string access(int step_node, const std::string& from, const std::string& path, const Index& index = {}) const;
  void add_weights(const std::string& path, StateDict& weights) const;
  Stored stored(int value) const;

  const internal::ExportedRunner& runner_;
  const HeaderOptions& options_;
  const Calls calls_;
  std::map<int, Parameter> folded_;
  std::map<std::string, Built> built_;
  std::map<std::string, std::vector<std::pair<std::string, int>>> constants_;  // of each module: names and values
  std::set<std::string> classes_;
  std::map<std::string, std::string> open_;  // structs whose class is at several depths, by their signatures
  std::string structs_;
  std::set<std::string> includes_;
  size_t folded_weights_ = 0;
};

}  // namespace upconv::tools
