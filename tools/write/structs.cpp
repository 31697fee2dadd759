// Structs of several drafts, as text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <functional>

#include "layers/exported/path.h"
#include "tools/write/header_writer.h"
#include "tools/write/names.h"

namespace upconv::tools {

using namespace internal;

namespace {

bool is_channels(const std::string& role) {
  return role == "in_channels" || role == "out_channels" || role == "num_features" || role == "num_channels" ||
         role == "channels";
}

/// Sizes that are often a multiple of a block's channels, as those of a table of factors and shifts are.
bool may_be_multiple(const std::string& role) { return role == "embedding_dim" || role == "out_features"; }

/// How many times larger one number is than another in each of several structs; 0 where that differs.
int64_t multiple_of(const std::vector<Number>& larger, const std::vector<Number>& numbers) {
  int64_t factor = 0;
  for (size_t k = 0; k < numbers.size(); ++k) {
    const auto *a = std::get_if<int64_t>(&larger[k]), *b = std::get_if<int64_t>(&numbers[k]);
    if (a == nullptr || b == nullptr || *b <= 0 || *a % *b != 0 || (factor != 0 && *a / *b != factor)) return 0;
    factor = *a / *b;
  }
  return factor;
}

/// A number at one place of several structs that are one but for numbers.
struct Hole {
  std::vector<Number> values = {};  ///< in each of them
  std::string role;
  bool in_constructor;
  const Expression* first;  ///< in the first

  bool varies() const {
    return std::any_of(values.begin(), values.end(), [&](const Number& value) { return value != values[0]; });
  }
  bool is_width() const {
    const auto* size = std::get_if<int64_t>(&values[0]);
    return is_channels(role) && in_constructor && size != nullptr && *size > 1;
  }
};

/// What who makes a struct gives it: numbers of several places that are always the same.
struct Argument {
  std::string role = {};
  std::set<std::string> roles = {};
  std::vector<Number> values = {};
  std::vector<const Expression*> places = {};  ///< in the first struct
  std::string name = {};
  bool is_kept = false;     ///< whether forward() needs it
  bool is_given = false;    ///< whether it is an argument for certain, not only where it follows from another
  bool is_derived = false;  ///< whether `name` says how it follows from another one
};

std::vector<Hole> holes_of(const std::vector<Draft*>& group) {
  std::vector<Hole> holes;
  for (size_t k = 0; k < group.size(); ++k) {
    size_t at = 0;
    group[k]->each_expression([&](const Expression& expression, bool in_constructor) {
      each_number(expression, [&](const Expression& number) {
        if (k == 0) holes.push_back({.role = number.role, .in_constructor = in_constructor, .first = &number});
        holes[at++].values.push_back(number.number);
      });
    });
  }
  return holes;
}

/// The numbers that differ, and the one number of channels of a block that is there several times, even where all have
/// the same.
std::vector<Argument> arguments_of(const std::vector<Draft*>& group) {
  const std::vector<Hole> holes = holes_of(group);
  std::set<int64_t> widths;
  for (const Hole& hole : holes)
    if (hole.is_width()) widths.insert(std::get<int64_t>(hole.values[0]));
  const bool has_width = group.size() > 1 && widths.size() == 1;
  std::vector<Argument> arguments;
  for (const Hole& hole : holes) {
    const bool is_given = hole.varies() || (has_width && hole.is_width());
    if (!is_given && !(group.size() > 1 && may_be_multiple(hole.role) && hole.in_constructor)) continue;
    auto found = std::find_if(arguments.begin(), arguments.end(),
                              [&](const Argument& one) { return one.values == hole.values; });
    if (found == arguments.end()) found = arguments.insert(arguments.end(), {.role = hole.role, .values = hole.values});
    if (is_channels(hole.role) && hole.role != "channels" && !is_channels(found->role)) found->role = hole.role;
    found->roles.insert(hole.role);
    found->places.push_back(hole.first);
    found->is_kept |= !hole.in_constructor;
    found->is_given |= is_given;
  }
  return arguments;
}

/// One of several numbers of channels is called by what it counts, the only one "channels" where it counts several.
std::string name_of_channels(const Argument& argument, bool is_only_one) {
  if (is_only_one) return argument.roles.size() > 1 ? "channels" : argument.role;
  for (const char* name : {"out_channels", "in_channels"})
    if (argument.roles.contains(name)) return name;
  return argument.roles.size() > 1 ? "channels" : argument.role;
}

/// What goes in comes before what comes out, as in torch.nn, where a weight has it the other way round.
void put_inputs_first(std::vector<Argument>& arguments) {
  for (const auto& [in, out] : {std::pair("in_channels", "out_channels"), std::pair("in_features", "out_features")}) {
    const auto position = [&](const char* role) {
      return std::find_if(arguments.begin(), arguments.end(), [&](const Argument& one) { return one.name == role; });
    };
    const auto first = position(out), second = position(in);
    if (second != arguments.end() && first < second) std::rotate(first, second, second + 1);
  }
}

/// Names that an argument of a struct may not have.
std::set<std::string> names_in(const Draft& draft) {
  std::set<std::string> names(draft.inputs.begin(), draft.inputs.end());
  for (const Member& member : draft.members) names.insert(member.name);
  const std::function<void(const Statement&)> look = [&](const Statement& statement) {
    names.insert(statement.targets.begin(), statement.targets.end());
    names.insert(statement.each);
    std::for_each(statement.body.begin(), statement.body.end(), look);
  };
  std::for_each(draft.statements.begin(), draft.statements.end(), look);
  return names;
}

bool is_of_channels(const Argument& argument) { return argument.is_given && is_channels(argument.role); }

/// Says of a size that is a multiple of a number of channels in each struct how it follows from that.
void follow_channels(Argument& argument, const std::vector<Argument>& arguments) {
  const auto base = std::find_if(arguments.begin(), arguments.end(), [&](const Argument& one) {
    return is_of_channels(one) && multiple_of(argument.values, one.values) > 1;
  });
  if (base == arguments.end()) return;
  argument.name = fmt::format("{} * {}", base->name, multiple_of(argument.values, base->values));
  argument.is_given = argument.is_derived = true;
}

/// The same of a padding that leaves a picture as large as it is, whatever the kernel and its dilation.
void follow_kernel(Argument& padding, std::vector<Argument>& arguments) {
  const auto fits = [&](const Argument& kernel, const Argument* dilation) {
    for (size_t k = 0; k < padding.values.size(); ++k) {
      const auto *p = std::get_if<int64_t>(&padding.values[k]), *size = std::get_if<int64_t>(&kernel.values[k]);
      const auto* d = dilation == nullptr ? nullptr : std::get_if<int64_t>(&dilation->values[k]);
      if (p == nullptr || size == nullptr || *size % 2 == 0 || *p != (*size - 1) / 2 * (d == nullptr ? 1 : *d))
        return false;
    }
    return true;
  };
  for (Argument& kernel : arguments) {
    if (kernel.role != "kernel_size" || !kernel.is_given) continue;
    if (fits(kernel, nullptr)) padding.name = kernel.name + " / 2";
    for (Argument& dilation : arguments) {
      if (dilation.role != "dilation" || !dilation.is_given || !fits(kernel, &dilation)) continue;
      padding.name = fmt::format("{} * ({} - 1) / 2", dilation.name, kernel.name);
      dilation.is_kept |= padding.is_kept;
    }
    if (padding.name.find(' ') == padding.name.npos) continue;
    kernel.is_kept |= padding.is_kept;
    padding.is_derived = true;
    return;
  }
}

/// Names arguments, and says of those that follow from others how they do. What is no argument then is left out.
void name_arguments(std::vector<Argument>& arguments, std::set<std::string> taken) {
  const bool is_only_one = std::count_if(arguments.begin(), arguments.end(), is_of_channels) == 1;
  for (Argument& argument : arguments) {
    if (!argument.is_given) continue;
    if (is_channels(argument.role)) argument.role = name_of_channels(argument, is_only_one);
    argument.name = argument.role;
    for (int i = 2; taken.contains(argument.name) || !is_free_name(argument.name); ++i)
      argument.name = argument.role + std::to_string(i);
    taken.insert(argument.name);
  }
  for (Argument& argument : arguments) {
    if (may_be_multiple(argument.role) && !argument.is_kept) follow_channels(argument, arguments);
    if (argument.role == "padding" && argument.is_given) follow_kernel(argument, arguments);
  }
  std::erase_if(arguments, [](const Argument& one) { return !one.is_given; });
  put_inputs_first(arguments);
}

std::string type_of(const Number& number) {
  return std::holds_alternative<bool>(number) ? "bool" : std::holds_alternative<int64_t>(number) ? "int64_t" : "double";
}

/// On one line, without its semicolon.
std::string line_of(const Statement& statement, const Naming& naming) {
  std::vector<std::string> values;
  for (const Expression& value : statement.values) values.push_back(print(value, naming));
  if (statement.targets.empty())
    return values.size() == 1 ? "return " + values[0] : fmt::format("return {{{}}}", fmt::join(values, ", "));
  const std::string names =
      statement.type == "auto" ? fmt::format("[{}]", fmt::join(statement.targets, ", ")) : statement.targets[0];
  return fmt::format("{}{}{}{} = {}", !statement.type.empty() && statement.is_const ? "const " : "", statement.type,
                     statement.type.empty() ? "" : " ", names, values[0]);
}

/// Adds a statement's lines, which will begin at `column`.
void add_lines(const Statement& statement, const Naming& naming, size_t column, std::vector<std::string>& lines) {
  if (statement.loop.empty()) {
    lines.push_back(wrapped(line_of(statement, naming) + ";", column, column));
    return;
  }
  std::vector<std::string> body;
  for (const Statement& one : statement.body) add_lines(one, naming, column + 2, body);
  const bool is_short = body.size() == 1;
  if (is_short && column + statement.loop.size() + 1 + body[0].size() <= line_length) {
    lines.push_back(statement.loop + " " + body[0]);
    return;
  }
  lines.push_back(wrapped(statement.loop + (is_short ? "" : " {"), column, column));
  for (const std::string& line : body) lines.push_back("  " + line);
  if (!is_short) lines.push_back("}");
}

/// Parts that follow each other again and again.
struct Run {
  size_t period = 1, times = 1;
  /// Whether it is shorter to read as a loop.
  bool is_loop() const { return period == 1 ? times >= 4 : times >= 2 && period * times >= 8; }
};

/// The run that begins at `first`.
Run run_from(const std::vector<std::string>& parts, size_t first) {
  constexpr size_t most = 16;
  for (size_t period = 1; period <= most && first + 2 * period <= parts.size(); ++period) {
    const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = std::mismatch(begin + static_cast<std::ptrdiff_t>(period), parts.end(), begin).first;
    const Run run{period, static_cast<size_t>(end - begin) / period};
    if (run.is_loop()) return run;
  }
  return {};
}

/// Where the first run begins that is a loop; the number of all parts where none is.
size_t first_run(const std::vector<std::string>& parts) {
  size_t first = 0;
  while (first < parts.size() && !run_from(parts, first).is_loop()) ++first;
  return first;
}

/// Lines that append the parts from `first` on; `list` is what they are appended to, with a dot, or "".
std::string appended(const std::vector<std::string>& parts, size_t first, const std::string& list) {
  std::string lines;
  const auto append = [&](const std::string& part, const std::string& before, size_t column) {
    lines += std::string(column, ' ') + wrapped(fmt::format("{}{}append({});", before, list, part), column, column);
    lines += '\n';
  };
  for (size_t i = first; i < parts.size();) {
    const Run run = run_from(parts, i);
    const std::string loop = fmt::format("for (int i = 0; i < {}; ++i) ", run.times);
    if (run.period == 1) append(parts[i], run.times > 1 ? loop : "", 4);
    if (run.period > 1) {
      lines += "    " + loop + "{\n";
      for (size_t k = 0; k < run.period; ++k) append(parts[i + k], "", 6);
      lines += "    }\n";
    }
    i += run.period * run.times;
  }
  return lines;
}

std::vector<std::string> printed(const std::vector<ExpressionArgument>& arguments, const Naming& naming) {
  std::vector<std::string> all;
  for (const ExpressionArgument& argument : arguments) all.push_back(print(argument.value, naming));
  return all;
}

Naming naming_of(const std::vector<Argument>& arguments) {
  std::map<const Expression*, std::string> names;
  for (const Argument& argument : arguments)
    for (const Expression* place : argument.places) names[place] = argument.name;
  return [names](const Expression& number) {
    const auto found = names.find(&number);
    return found == names.end() ? std::string() : found->second;
  };
}

/// What several modules are called that one function makes: "feat" of "feat_8", "decoder" of "decoder.0".
std::string name_of_several(const std::string& path) {
  std::string name = last_of(path);
  while (!name.empty() && (std::isdigit(static_cast<unsigned char>(name.back())) != 0 || name.back() == '_'))
    name.pop_back();
  return identifier_of(name.empty() ? last_of(parent_of(path)) : name, "layers");
}

std::string function_text(const std::string& name, const Expression& made, const std::vector<Argument>& arguments) {
  std::vector<std::string> parameters;
  for (const Argument& argument : arguments)
    if (!argument.is_derived) parameters.push_back(type_of(argument.values[0]) + " " + argument.name);
  const std::string head = fmt::format("inline Sequential {}({}) {{", name, fmt::join(parameters, ", "));
  const std::string line = fmt::format("return {};", print(made, naming_of(arguments)));
  return fmt::format("\n{}\n  {}\n}}\n", wrapped(head, 0, 4), wrapped(line, 2, 2));
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
    std::vector<Argument> arguments = group[0]->is_open ? std::vector<Argument>() : arguments_of(group);
    name_arguments(arguments, names_in(*group[0]));
    const Naming naming = naming_of(arguments);
    std::erase_if(arguments, [](const Argument& one) { return one.is_derived; });
    const std::string name = unique_class(group[0]->class_name);
    std::vector<std::pair<std::string, Number>> given;
    std::set<std::string> kept;
    for (const Argument& argument : arguments) {
      given.emplace_back(argument.name, argument.values[0]);
      if (argument.is_kept) kept.insert(argument.name);
    }
    print_struct(*group[0], name, given, kept, naming);
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

/// Sequentials that differ in numbers alone and are several in one module become a function.
void HeaderWriter::share_sequentials(const std::vector<std::string>& paths) {
  constexpr size_t least_layers = 3;
  std::map<std::string, std::vector<Draft>> alike;
  std::map<std::string, std::set<std::string>> parents;
  std::set<std::string> repeated;
  std::vector<std::string> order;
  for (const std::string& path : paths) {
    const Expression& constructor = built_.at(path).constructor;
    if (constructor.text != "sequential" || constructor.arguments.size() < least_layers) continue;
    const std::string shape = signature(constructor);
    if (!alike.contains(shape)) order.push_back(shape);
    if (!parents[shape].insert(parent_of(path)).second) repeated.insert(shape);
    Draft draft;
    draft.path = path;
    draft.members.push_back({"", "Sequential", "", constructor, Member::Kind::child});
    alike[shape].push_back(std::move(draft));
  }
  for (const std::string& shape : order) {
    if (!repeated.contains(shape)) continue;
    std::vector<Draft*> group;
    for (Draft& draft : alike.at(shape)) group.push_back(&draft);
    std::vector<Argument> arguments = arguments_of(group);
    name_arguments(arguments, {});
    const std::string name = unique_class("make_" + name_of_several(group[0]->path));
    structs_ += function_text(name, group[0]->members[0].constructor, arguments);
    std::erase_if(arguments, [](const Argument& one) { return one.is_derived; });
    for (size_t k = 0; k < group.size(); ++k) {
      Expression call = Expression::call(name);
      for (const Argument& argument : arguments) call.add(Expression::of(argument.values[k], argument.role));
      built_.at(group[k]->path).constructor = std::move(call);
    }
  }
}

/// A network that is a Sequential itself.
void HeaderWriter::print_sequential(const Built& network) {
  const Naming as_they_are = [](const Expression&) { return std::string(); };
  std::vector<ExpressionArgument> parts = network.constructor.arguments;
  const bool is_named = parts.size() == 1 && parts[0].value.kind == Expression::Kind::list;
  if (is_named) parts = std::vector<ExpressionArgument>(parts[0].value.arguments);
  structs_ += fmt::format("\nstruct {} : Sequential {{\n  {}() {{\n{}  }}\n}};\n", options_.name, options_.name,
                          appended(printed(parts, as_they_are), 0, ""));
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
      // Many equal ones in a row are appended in a loop, and what is behind them after it.
      Expression begin = member.constructor;
      const bool is_list = member.type.starts_with("ModuleList<") && begin.arguments.size() == 1;
      auto& parts = is_list ? begin.arguments[0].value.arguments : begin.arguments;
      const std::vector<std::string> all = printed(parts, naming);
      const size_t first = first_run(all);
      if (first < all.size() && (is_list || begin.text == "sequential")) {
        body += appended(all, first, member.name + ".");
        parts.resize(first);
        made = first == 0 ? member.type + "()" : print(begin, naming);
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
    for (const Statement& statement : draft.statements) add_lines(statement, naming, 4, lines);
    if (lines.size() == 1 && head.size() + lines[0].size() + 3 <= line_length) {
      out += fmt::format("{} {} }}\n", head, lines[0]);
    } else {
      out += head + "\n";
      for (const std::string& line : lines) out += "    " + line + "\n";
      out += "  }\n";
    }
  }
  if (!functions.empty()) out += "\n private:\n" + functions;
  out += "};\n";
}

}  // namespace upconv::tools
