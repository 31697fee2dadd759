// Structs of several drafts, as text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "tools/write/header_writer.h"
#include "tools/write/names.h"

namespace upconv::tools {

using namespace internal;

namespace {

bool is_channels(const std::string& role) {
  return role == "in_channels" || role == "out_channels" || role == "num_features" || role == "num_channels" ||
         role == "channels";
}

std::string type_of(const Number& number) {
  return std::holds_alternative<bool>(number) ? "bool" : std::holds_alternative<int64_t>(number) ? "int64_t" : "double";
}

/// The first call of a struct that takes layers, within others of its arguments.
Expression* layers_taken(Expression& expression, const std::set<std::string>& open) {
  for (ExpressionArgument& argument : expression.arguments) {
    if (argument.value.kind == Expression::Kind::call && open.contains(argument.value.text)) return &argument.value;
    if (Expression* found = layers_taken(argument.value, open)) return found;
  }
  return nullptr;
}

}  // namespace

std::string HeaderWriter::unique_class(const std::string& name) {
  if (classes_.insert(name).second) return name;
  const std::string stem = std::isdigit(static_cast<unsigned char>(name.back())) != 0 ? name + "_" : name;
  for (int i = 2;; ++i)
    if (const std::string made = stem + std::to_string(i); classes_.insert(made).second) return made;
}

/// Makes one struct of all drafts that differ in numbers alone, and what makes each of them.
void HeaderWriter::settle(std::vector<Draft>& drafts) {
  std::vector<std::pair<std::string, std::vector<Draft*>>> groups;
  for (Draft& draft : drafts) {
    const std::string signature = draft.signature();
    auto found = std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == signature; });
    if (found == groups.end()) found = groups.insert(groups.end(), {signature, {}});
    found->second.push_back(&draft);
  }
  for (const auto& [signature, group] : groups) {
    const auto give = [&](const std::string& name, const Draft& draft, const std::vector<Expression>& arguments) {
      Built built{Built::Kind::structure, Expression::call(name), name, "", 0, 0};
      for (const Member& member : draft.members)
        if (member.is_argument) built.constructor.add(member.constructor);
      for (const Expression& argument : arguments) built.constructor.add(argument);
      if (const ModuleNode& node = module(draft.path); !node.calls.empty()) {
        built.inputs = node.calls[0]->inputs.size();
        built.outputs = node.calls[0]->outputs.size();
      }
      built_[draft.path] = std::move(built);
    };
    if (const auto known = open_.find(signature); known != open_.end()) {
      for (Draft* draft : group) give(known->second, *draft, {});
      continue;
    }
    struct Hole {
      std::vector<Number> values;
      std::string role;
      bool in_constructor;
      const Expression* first;
    };
    std::vector<Hole> holes;
    for (size_t k = 0; k < group.size(); ++k) {
      size_t at = 0;
      group[k]->each_expression([&](const Expression& expression, bool in_constructor) {
        each_number(expression, [&](const Expression& number) {
          if (k == 0) holes.push_back({{}, number.role, in_constructor, &number});
          holes[at++].values.push_back(number.number);
        });
      });
    }
    struct Argument {
      std::string role;
      std::vector<Number> values;
      bool is_kept = false, is_channels = false;
      size_t roles = 1;
      std::string name = {};
    };
    std::vector<Argument> arguments;
    std::map<const Expression*, size_t> argument_of;
    // The one number of channels of a block that is there several times is an argument, even where all have the same.
    std::set<int64_t> widths;
    for (const Hole& hole : holes)
      if (is_channels(hole.role) && hole.in_constructor && std::holds_alternative<int64_t>(hole.values[0]))
        widths.insert(std::get<int64_t>(hole.values[0]));
    for (const Hole& hole : holes) {
      const bool varies = std::any_of(hole.values.begin(), hole.values.end(),
                                      [&](const Number& value) { return value != hole.values[0]; });
      if (group[0]->is_open) continue;
      const bool is_width = group.size() > 1 && widths.size() == 1 && is_channels(hole.role) && hole.in_constructor;
      if (!varies && !is_width) continue;
      auto found = std::find_if(arguments.begin(), arguments.end(),
                                [&](const Argument& one) { return one.values == hole.values; });
      if (found == arguments.end()) {
        arguments.push_back({hole.role, hole.values, false, is_channels(hole.role)});
        found = arguments.end() - 1;
      } else if (found->role != hole.role && is_channels(hole.role) && found->is_channels) {
        found->role = "channels";
      }
      found->is_kept |= !hole.in_constructor;
      argument_of[hole.first] = static_cast<size_t>(found - arguments.begin());
    }
    std::set<std::string> names;
    for (const Member& member : group[0]->members) names.insert(member.name);
    for (const std::string& input : group[0]->inputs) names.insert(input);
    for (const Statement& statement : group[0]->statements)
      names.insert(statement.targets.begin(), statement.targets.end());
    for (Argument& argument : arguments) {
      argument.name = argument.role;
      for (int i = 2; names.contains(argument.name) || !is_free_name(argument.name); ++i)
        argument.name = argument.role + std::to_string(i);
      names.insert(argument.name);
    }
    const std::string name = unique_class(group[0]->class_name);
    std::vector<std::pair<std::string, Number>> given;
    std::set<std::string> kept;
    for (const Argument& argument : arguments) {
      given.emplace_back(argument.name, argument.values[0]);
      if (argument.is_kept) kept.insert(argument.name);
    }
    print_struct(*group[0], name, given, kept, [&](const Expression& number) {
      const auto found = argument_of.find(&number);
      return found == argument_of.end() ? std::string() : arguments[found->second].name;
    });
    if (group[0]->is_open) open_[signature] = name;
    for (size_t k = 0; k < group.size(); ++k) {
      std::vector<Expression> values;
      for (const Argument& argument : arguments) values.push_back(Expression::of(argument.values[k], argument.role));
      give(name, *group[k], values);
    }
  }
}

/// Structs within each other's layers as one statement each, the innermost first.
std::vector<std::string> HeaderWriter::unnested(const Expression& constructor, const Naming& naming) const {
  std::set<std::string> open;
  for (const auto& [signature, name] : open_) open.insert(name);
  Expression whole = constructor;
  std::vector<Expression*> chain = {&whole};
  while (Expression* within = layers_taken(*chain.back(), open)) chain.push_back(within);
  std::vector<std::string> lines;
  for (size_t i = chain.size(); i-- > 1;) {
    const std::string name = fmt::format("block{}", chain.size() - i), text = print(*chain[i], naming);
    lines.push_back(fmt::format("const {} {}{};", chain[i]->text, name, text.substr(chain[i]->text.size())));
    *chain[i] = Expression::name(name);
  }
  lines.push_back("return " + print(whole, naming) + ";");
  return lines;
}

void HeaderWriter::print_struct(const Draft& draft, const std::string& name,
                                const std::vector<std::pair<std::string, Number>>& arguments,
                                const std::set<std::string>& kept, const Naming& naming) {
  std::string& out = structs_;
  const std::string base = !draft.has_forward ? "AnyModule"
                           : draft.result == "Value" && draft.arguments == "Value"
                               ? "Module"
                               : fmt::format("ModuleOf<{}({})>", draft.result, draft.arguments);
  out += fmt::format("\nstruct {} : {} {{\n", name, base);
  for (const auto& [argument, value] : arguments)
    if (kept.contains(argument)) out += fmt::format("  {} {};\n", type_of(value), argument);
  // Members, those of one class that follow each other on one line.
  for (size_t i = 0; i < draft.members.size();) {
    size_t end = i + 1;
    const Member& first = draft.members[i];
    const bool is_child = first.kind == Member::Kind::child;
    std::vector<std::string> names = {first.name};
    while (end < draft.members.size() && draft.members[end].type == first.type &&
           (draft.members[end].kind == Member::Kind::child) == is_child)
      names.push_back(draft.members[end++].name);
    if (is_child && names.size() == 1)
      out += fmt::format("  {}& {};\n", first.type, first.name);
    else if (is_child)
      out += "  " + wrapped(fmt::format("{} &{};", first.type, fmt::join(names, ", &")), 2, 2) + "\n";
    else
      out += "  " + fmt::format("{} {};", first.type, fmt::join(names, ", ")) + "\n";
    i = end;
  }
  std::vector<std::string> inits;
  std::string parameters;
  size_t count = arguments.size();
  for (const Member& member : draft.members)
    if (member.is_argument) {
      parameters += (parameters.empty() ? "" : ", ") + member.type + " " + member.name;
      includes_.insert("utility");
      ++count;
    }
  for (const auto& [argument, value] : arguments) {
    parameters += (parameters.empty() ? "" : ", ") + type_of(value) + " " + argument;
    if (kept.contains(argument)) inits.push_back(fmt::format("{}({})", argument, argument));
  }
  std::string body, functions;
  for (const Member& member : draft.members) {
    std::string made = print(member.constructor, naming);
    if (member.kind == Member::Kind::child && !member.is_argument)
      if (std::vector<std::string> lines = unnested(member.constructor, naming); lines.size() > 2) {
        const std::string function = "make_" + member.name;
        functions += fmt::format("  static {} {}() {{\n", member.type, function);
        for (const std::string& line : lines) functions += "    " + wrapped(line, 4, 4) + "\n";
        functions += "  }\n";
        made = function + "()";
      }
    if (member.is_argument) {
      inits.push_back(fmt::format("{}(child(\"{}\", std::move({})))", member.name, member.key, member.name));
    } else if (member.kind == Member::Kind::child) {
      // Many equal ones in a row are appended in a loop.
      const auto& parts = member.constructor.arguments;
      bool are_equal = member.type == "Sequential" && member.constructor.text == "sequential" && parts.size() >= 4;
      for (size_t i = 1; are_equal && i < parts.size(); ++i)
        are_equal = print(parts[i].value, naming) == print(parts[0].value, naming);
      if (are_equal) {
        body += fmt::format("    for (int i = 0; i < {}; ++i) {}.append({});\n", parts.size(), member.name,
                            print(parts[0].value, naming));
        made = "Sequential()";
      }
      inits.push_back(fmt::format("{}(child(\"{}\", {}))", member.name, member.key, made));
    } else if (member.kind == Member::Kind::constant) {
      inits.push_back(fmt::format("{}({})", member.name, made));
    } else {
      inits.push_back(fmt::format("{}(add_{}(\"{}\", {}))", member.name,
                                  member.kind == Member::Kind::parameter ? "parameter" : "buffer", member.key, made));
    }
  }
  if (!inits.empty()) {
    const std::string head = fmt::format("  {}{}({})", count == 1 ? "explicit " : "", name, parameters);
    out += wrapped(head, 0, 4);
    if (inits.size() == 1 && head.size() + inits[0].size() + 6 <= line_length) {
      out += " : " + inits[0];
    } else {
      for (size_t i = 0; i < inits.size(); ++i)
        out += fmt::format("{}{}", i == 0 ? "\n      : " : ",\n        ", wrapped(inits[i], 8, 8));
    }
    out += body.empty() ? " {}\n" : " {\n" + body + "  }\n";
  }
  if (draft.has_forward) {
    std::string inputs;
    for (const std::string& input : draft.inputs) inputs += (inputs.empty() ? "Value " : ", Value ") + input;
    const std::string head = fmt::format("  {} forward({}) const override {{", draft.result, inputs);
    std::vector<std::string> lines;
    for (const Statement& statement : draft.statements) {
      std::string line;
      if (statement.targets.empty()) {
        std::vector<std::string> values;
        for (const Expression& value : statement.values) values.push_back(print(value, naming));
        line = values.size() == 1 ? "return " + values[0] : fmt::format("return {{{}}}", fmt::join(values, ", "));
      } else {
        const std::string names =
            statement.type == "auto" ? fmt::format("[{}]", fmt::join(statement.targets, ", ")) : statement.targets[0];
        line =
            fmt::format("{}{}{}{} = {}", !statement.type.empty() && statement.is_const ? "const " : "", statement.type,
                        statement.type.empty() ? "" : " ", names, print(statement.values[0], naming));
      }
      lines.push_back(line + ";");
    }
    if (lines.size() == 1 && head.size() + lines[0].size() + 3 <= line_length) {
      out += fmt::format("{} {} }}\n", head, lines[0]);
    } else {
      out += head + "\n";
      for (const std::string& line : lines) out += "    " + wrapped(line, 4, 4) + "\n";
      out += "  }\n";
    }
  }
  if (!functions.empty()) out += "\n private:\n" + functions;
  out += "};\n";
}

}  // namespace upconv::tools
