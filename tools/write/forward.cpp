#include "tools/write/forward.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <functional>

#include "framework/weights/bytes.h"
#include "layers/exported/path.h"
#include "tools/write/names.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Results that are a tuple; more are Values.
constexpr size_t most_in_tuple = 3;
/// Calls within each other that are one expression.
constexpr size_t deepest = 6;
constexpr size_t longest = 90;

}  // namespace

const std::vector<ExportedSize>& Forward::sizes_of(int value) const {
  const auto& type = calls_.program().values[static_cast<size_t>(value)].type;
  if (!type) calls_.refuse(fmt::format("nothing is said of a value's sizes{}", where()));
  return type->sizes;
}

bool Forward::is_here(int value, size_t step) const {
  if (const auto made = made_.find(value); made != made_.end()) return made->second < step;
  return std::find(call_.inputs.begin(), call_.inputs.end(), value) != call_.inputs.end();
}

Forward::Base Forward::base_of(const NodeView& node, size_t step) const {
  const int value = node.value("self");
  const auto given = node.integer("dim");
  if (!given) node.refuse("expected a dim that is the same in each call");
  const auto& sizes = sizes_of(value);
  const auto rank = static_cast<int64_t>(sizes.size());
  const auto dim = static_cast<size_t>(*given < 0 ? *given + rank : *given);
  if (dim >= sizes.size()) node.refuse("there is no such dimension");
  const ExportedSize& size = sizes[dim];
  if (size.number) return {-1, 0, size.number};
  // Of several inputs that have it at one place, as all have a batch, the first.
  const auto has_it = [&](int input) {
    const auto& type = calls_.program().values[static_cast<size_t>(input)].type;
    return type && dim < type->sizes.size() && type->sizes[dim].text == size.text;
  };
  const auto begin = call_.inputs.begin(), end = call_.inputs.end();
  if (std::find(begin, end, value) != end) return {*std::find_if(begin, end, has_it), dim, {}};
  if (is_here(value, step)) return {value, dim, {}};
  const auto matching = [&](int other) -> std::optional<Base> {
    const auto& type = calls_.program().values[static_cast<size_t>(other)].type;
    for (size_t d = 0; type && d < type->sizes.size(); ++d)
      if (type->sizes[d].text == size.text) return Base{other, d, {}};
    return {};
  };
  for (int input : call_.inputs)
    if (const auto found = matching(input)) return *found;
  for (const auto& [other, by] : made_)
    if (by < step)
      if (const auto found = matching(other)) return *found;
  node.refuse(fmt::format("it needs a size that no value{} has", where().empty() ? " of forward()" : where()));
}

/// A number as a call computes it.
std::optional<int64_t> Forward::evaluated(int number, const SizesOfCall& sizes) const {
  const int maker = calls_.maker(number);
  if (maker < 0) return {};
  const NodeView node(calls_, maker);
  const auto side = [&](const char* name) -> std::optional<int64_t> {
    if (const auto* reference = node.argument(name).get<Reference>()) return evaluated(reference->index, sizes);
    return node.integer(name);
  };
  if (node.row() == "sym_size.int") {
    const auto& known = sizes_of(node.value("self"));
    const auto dim = node.integer("dim");
    if (!dim) return {};
    const auto at = static_cast<size_t>(*dim < 0 ? *dim + static_cast<int64_t>(known.size()) : *dim);
    if (at >= known.size()) return {};
    return known[at].number       ? known[at].number
           : known[at].expression ? evaluate(*known[at].expression, sizes)
                                  : std::nullopt;
  }
  if (!node.has("a") || !node.has("b")) return {};
  const auto a = side("a"), b = side("b");
  if (!a || !b) return {};
  if (node.row() == "_operator.add") return add(*a, *b);
  if (node.row() == "_operator.sub") return subtract(*a, *b);
  if (node.row() == "_operator.mul") return multiply(*a, *b);
  if (node.row() == "_operator.floordiv") return floor_divide(*a, *b);
  if (node.row() == "_operator.mod") return modulo(*a, *b);
  return {};
}

/// Of a quotient or remainder: the dimension of a value that has just that size, whatever the sizes of the inputs are.
/// Whether it is so is tried with many of them.
Forward::Base Forward::equal_size(int number, size_t step) const {
  constexpr int trials = 1000;
  constexpr uint64_t largest = 4096;
  std::string_view row;
  for (std::vector<int> open = {number}; !open.empty();) {
    const int maker = calls_.maker(open.back());
    open.pop_back();
    if (maker < 0) continue;
    const NodeView node(calls_, maker);
    if (node.row() == "_operator.floordiv" || node.row() == "_operator.mod") row = node.row();
    if (node.row() != "sym_size.int")
      for (const Argument& argument : node.node().arguments) numbers_of(argument, open);
  }
  if (row.empty()) return {};
  std::vector<Base> candidates;
  const auto add = [&](int value) {
    const auto& type = calls_.program().values[static_cast<size_t>(value)].type;
    for (size_t d = 0; type && d < type->sizes.size(); ++d)
      if (!type->sizes[d].number && type->sizes[d].expression) candidates.push_back({value, d, {}});
  };
  for (int input : call_.inputs) add(input);
  for (const auto& [value, by] : made_)
    if (by < step) add(value);
  std::map<std::string, int64_t> symbols;
  uint64_t state = 1;
  const SizesOfCall sizes{[&](const std::string& symbol) -> std::optional<int64_t> {
                            const auto [found, is_new] = symbols.try_emplace(symbol, 0);
                            if (is_new) {
                              state = state * 6364136223846793005U + 1442695040888963407U;
                              found->second = static_cast<int64_t>((state >> 33U) % largest) + 1;
                            }
                            return found->second;
                          },
                          [](const std::string&, int64_t) -> std::optional<int64_t> { return {}; }};
  for (int i = 0; i < trials && !candidates.empty(); ++i) {
    symbols.clear();
    const auto expected = evaluated(number, sizes);
    if (!expected) return {};
    std::erase_if(candidates, [&](const Base& one) {
      return evaluate(*sizes_of(one.value)[one.dim].expression, sizes) != expected;
    });
  }
  return candidates.empty() ? Base{} : candidates.front();
}

void Forward::numbers_of(const Argument& argument, std::vector<int>& all) const {
  each_reference(argument, [&](int value) {
    if (!calls_.is_tensor(value)) all.push_back(value);
  });
}

/// The values whose sizes a step needs.
std::vector<int> Forward::size_bases(const Step& step, size_t index) {
  std::vector<int> all, open;
  if (step.call) return all;
  for (const Argument& argument : calls_.program().nodes[static_cast<size_t>(step.node)].arguments)
    numbers_of(argument, open);
  while (!open.empty()) {
    const int number = open.back();
    open.pop_back();
    const int maker = calls_.maker(number);
    if (maker < 0) continue;
    const NodeView node(calls_, maker);
    if (node.row() == "sym_size.int") {
      if (const Base base = base_of(node, index); !base.number) all.push_back(base.value);
    } else if (const Base base = equal_size(number, index); base.value >= 0) {
      all.push_back(base.value);
    } else {
      for (const Argument& argument : node.node().arguments) numbers_of(argument, open);
    }
  }
  return all;
}

/// Between which numbers a size lies, as far as that is known.
Forward::Range Forward::range_of(int value) const {
  constexpr int64_t far = int64_t{1} << 40;
  const int maker = calls_.maker(value);
  if (maker < 0) return {-far, far};
  const NodeView node(calls_, maker);
  const auto side = [&](const char* name) -> Range {
    if (const auto number = node.integer(name)) return {*number, *number};
    const auto* reference = node.argument(name).get<Reference>();
    return reference == nullptr ? Range{-far, far} : range_of(reference->index);
  };
  if (node.row() == "sym_size.int") return {0, far};
  if (!node.has("b")) return {-far, far};
  const Range a = side("a"), b = side("b");
  if (node.row() == "_operator.add") return {a.least + b.least, a.most + b.most};
  if (node.row() == "_operator.sub") return {a.least - b.most, a.most - b.least};
  if (node.row() == "_operator.mul" && a.least >= 0 && b.least >= 0) return {0, far};
  if (node.row() == "_operator.floordiv" && a.least >= 0 && b.least > 0) return {0, a.most};
  if (node.row() == "_operator.mod" && b.least > 0) return {0, b.most - 1};
  return {-far, far};
}

Expression Forward::size(int value) {
  const int maker = calls_.maker(value);
  if (maker < 0) {
    for (const auto& [baked, argument] : calls_.program().baked)
      if (baked == value) {
        if (const auto* integer = argument.get<int64_t>()) return Expression::of(*integer, "number");
        if (const auto* real = argument.get<double>()) return Expression::of(*real, "number");
      }
    calls_.refuse(fmt::format("a number is an input{}", where()));
  }
  const NodeView node(calls_, maker);
  const auto side = [&](const char* name) -> Expression {
    const bool is_factor = node.row() == "_operator.mul";
    if (const auto number = node.integer(name)) return Expression::of(*number, is_factor ? "size" : "");
    if (const auto number = node.number(name)) return Expression::of(*number);
    return size(node.argument(name).get<Reference>()->index);
  };
  if (node.row() == "sym_size.int") {
    const Base base = base_of(node, at_);
    if (base.number) return Expression::of(*base.number, "size");
    const Expression tensor = named(base.value);
    return Expression::name(fmt::format("{}.size({})", print(tensor), base.dim));
  }
  if (const Base base = equal_size(value, at_); base.value >= 0)
    return Expression::name(fmt::format("{}.size({})", print(named(base.value)), base.dim));
  static const std::map<std::string_view, const char*> exact = {
      {"_operator.add", "+"}, {"_operator.sub", "-"}, {"_operator.mul", "*"}};
  if (const auto found = exact.find(node.row()); found != exact.end())
    return Expression::infix(side("a"), found->second, side("b"));
  const bool divides = node.row() == "_operator.floordiv";
  if (divides || node.row() == "_operator.mod") {
    // Python rounds down, C++ towards 0: they are the same where nothing is negative.
    const auto* a = node.argument("a").get<Reference>();
    const auto b = node.integer("b");
    if (!b || *b <= 0 || (a != nullptr && range_of(a->index).least < 0))
      node.refuse("a quotient of sizes that may be negative has no C++ that reads well");
    return Expression::infix(side("a"), divides ? "/" : "%", side("b"));
  }
  if (node.row() == "torch.sym_float") return Expression::call("static_cast<double>").add(side("a"));
  if (node.row() == "torch.sym_max" || node.row() == "torch.sym_min") {
    writer_.includes_.insert("algorithm");
    return Expression::call(node.row() == "torch.sym_max" ? "std::max<int64_t>" : "std::min<int64_t>")
        .add(side("a"))
        .add(side("b"));
  }
  if (node.row() == "_operator.truediv")
    return Expression::infix(Expression::call("static_cast<double>").add(side("a")), "/",
                             Expression::call("static_cast<double>").add(side("b")));
  node.refuse("arithmetic of sizes that has no C++ that reads well");
}

std::string Forward::function(std::string_view name) {
  const bool hidden = std::any_of(draft_.members.begin(), draft_.members.end(),
                                  [&](const Member& member) { return member.name == name; }) ||
                      taken_.contains(std::string(name));
  return (hidden ? "upconv::" : "") + std::string(name);
}

/// A parameter, buffer or constant as it is called here.
std::string Forward::parameter(int value) {
  const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(calls_.tensor(value))];
  if (tensor.kind == ExportedTensor::Kind::constant) {
    auto& known = writer_.constants_[node_.path];
    for (const auto& [name, other] : known)
      if (other == value) return name;
    calls_.refuse(fmt::format("the constant {} is not known{}", printable(tensor.name), where()));
  }
  const std::string owner = parent_of(tensor.name), name = tensor.name.substr(owner.empty() ? 0 : owner.size() + 1);
  const bool is_own = owner == node_.path;
  const bool is_below = node_.path.empty() || owner.starts_with(node_.path + ".");
  if (is_own) return identifier_of(name, "parameter");
  if (!is_below)
    calls_.refuse(fmt::format("{} reads {}, which another module has",
                              node_.path.empty() ? "the network" : printable(node_.path), printable(tensor.name)));
  return writer_.access(-1, node_.path, owner) + "." + identifier_of(name, "parameter");
}

/// The value as the step that is written has it.
int Forward::here(int value) const { return at_ == call_.steps.size() ? calls_.same(value) : seen_at(value, at_); }

int Forward::seen_at(int value, size_t step) const {
  const Step& one = call_.steps[step];
  return calls_.seen(calls_.same(value), one.call ? one.call->first : one.node);
}

Expression Forward::value(int value) {
  value = here(value);
  if (pending_ && pending_->value == value) {
    Expression expression = std::move(pending_->expression);
    pending_.reset();
    return expression;
  }
  const auto found = names_.find(value);
  if (found == names_.end() && calls_.tensor(value) >= 0) return Expression::name(parameter(value));
  if (found == names_.end())
    calls_.refuse(fmt::format("the value {} is not known{}",
                              printable(calls_.program().values[static_cast<size_t>(value)].name), where()));
  return found->second;
}

Expression Forward::named(int value) {
  value = here(value);
  if (pending_ && pending_->value == value) flush(at_);
  if (const auto found = names_.find(value); found != names_.end() && found->second.kind != Expression::Kind::text)
    assign(value, Expression(found->second), at_);
  return this->value(value);
}

bool Forward::is_dead(int value, size_t next) const {
  const auto uses = uses_.find(value);
  return uses == uses_.end() || uses->second.empty() || uses->second.back() < next;
}

std::string Forward::fresh(const std::vector<std::string>& wishes) {
  const auto is_free = [&](const std::string& name) {
    return !taken_.contains(name) && std::none_of(draft_.members.begin(), draft_.members.end(),
                                                  [&](const Member& member) { return member.name == name; });
  };
  for (const std::string& wish : wishes)
    if (is_free(wish)) return *taken_.insert(wish).first;
  for (int i = 1;; ++i)
    if (const std::string name = wishes.front() + std::to_string(i); is_free(name)) return *taken_.insert(name).first;
}

/// Whether a variable is an input with a name that would not fit another value: "labels", not "x".
bool Forward::says_what_it_is(const std::string& variable) const {
  return variable.size() > 1 && std::count(draft_.inputs.begin(), draft_.inputs.end(), variable) > 0;
}

/// Gives a value a name: that of a variable in the expression which nobody reads any more, or a new one.
void Forward::assign(int value, const Expression& expression, size_t next) {
  const std::string text = print(expression);
  std::string name;
  size_t first = text.npos;
  for (const auto& [variable, held] : variables_) {
    if (!is_dead(held, next) || says_what_it_is(variable)) continue;
    // As a word of its own.
    for (size_t at = text.find(variable); at != text.npos; at = text.find(variable, at + 1)) {
      const auto is_word = [&](size_t i) {
        return i < text.size() &&
               (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_' || text[i] == '.');
      };
      if (is_word(at - 1) || is_word(at + variable.size())) continue;
      if (at < first) {
        first = at;
        name = variable;
      }
      break;
    }
  }
  if (!name.empty()) {
    draft_.statements.push_back({{name}, "", false, {expression}});
  } else {
    name = fresh({"x", "y", "h", "u", "v"});
    draft_.statements.push_back({{name}, "Value", true, {expression}});
  }
  variables_[name] = value;
  names_[value] = Expression::name(name);
}

void Forward::flush(size_t next) {
  if (!pending_) return;
  const Pending pending = std::move(*pending_);
  pending_.reset();
  assign(pending.value, pending.expression, next);
}

void Forward::settle(int value, Expression expression, size_t next) {
  if (loop_ != nullptr && value == loop_->given) {
    draft_.statements.push_back({{carried_}, "", false, {std::move(expression)}});
    return;
  }
  const auto uses = uses_.find(value);
  const size_t count = uses == uses_.end() ? 0 : uses->second.size();
  // Arithmetic of parameters is written where it is read, whatever is done before.
  const bool is_of_parameters = at_ < call_.steps.size() && calls_.reads(call_, call_.steps[at_]).empty();
  if (count == 1 && is_of_parameters && depth(expression) == 1) {
    names_[value] = std::move(expression);
    return;
  }
  if (count == 1 && !cuts_.contains(at_) && depth(expression) < static_cast<int>(deepest) &&
      print(expression).size() < longest) {
    pending_ = Pending{value, std::move(expression)};
    return;
  }
  assign(value, expression, next);
}

/// What unbind() gives: parts that are read once are written where that is, others have names.
void Forward::write_parts(int whole, int64_t dim, const std::vector<int>& parts) {
  const Expression all = named(whole);
  std::vector<int> read_again;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!calls_.is_live(parts[i])) continue;
    Expression part = Expression::call(function("select"));
    part.add(all).add(Expression::of(dim)).add(Expression::of(static_cast<int64_t>(i)));
    const std::vector<size_t>& uses = uses_[parts[i]];
    if (uses.size() != 1) read_again.push_back(parts[i]);
    names_[parts[i]] = std::move(part);
    // Where it is written, the whole is read.
    if (uses.size() == 1) uses_[whole].push_back(uses[0]);
  }
  std::sort(uses_[whole].begin(), uses_[whole].end());
  for (int part : read_again) assign(part, Expression(names_.at(part)), part == read_again.back() ? at_ + 1 : at_);
}

void Forward::write_step(const Step& step) {
  const std::vector<int> reads = calls_.reads(call_, step);
  if (pending_ && std::find(reads.begin(), reads.end(), pending_->value) == reads.end()) flush(at_);
  const std::vector<int> makes = calls_.makes(step);
  if (!step.call) {
    const NodeView node(calls_, step.node);
    if (node.row() == "unbind.int") {
      const auto dim = node.integer("dim");
      if (!dim) node.refuse("expected a dim that is the same in each call");
      write_parts(here(node.value("self")), *dim, makes);
      return;
    }
    const Expression expression = written(node, *this);
    if (pending_) flush(at_);  // cannot be: it was read
    if (gives_list(node)) {
      const std::string name = fresh({"parts", "pieces"});
      draft_.statements.push_back({{name}, "Values", true, {expression}});
      for (size_t i = 0; i < makes.size(); ++i) names_[makes[i]] = Expression::name(fmt::format("{}[{}]", name, i));
      return;
    }
    for (size_t i = 1; i < makes.size(); ++i)
      if (calls_.is_live(makes[i])) node.refuse("its other results have no C++ that reads well");
    settle(makes.at(0), expression, at_ + 1);
    return;
  }
  if (makes.empty()) return;
  Expression expression = Expression::call(called(step));
  for (int input : step.call->inputs) expression.add(value(input));
  if (makes.size() == 1) {
    settle(makes[0], expression, at_ + 1);
    return;
  }
  Statement statement{{}, makes.size() > most_in_tuple ? "Values" : "auto", true, {expression}};
  if (makes.size() > most_in_tuple) {
    const std::string name = fresh({"parts", "pieces"});
    statement.targets = {name};
    for (size_t i = 0; i < makes.size(); ++i) names_[makes[i]] = Expression::name(fmt::format("{}[{}]", name, i));
  } else {
    for (int made : makes) {
      statement.targets.push_back(fresh({"x", "y", "h", "u", "v"}));
      names_[made] = Expression::name(statement.targets.back());
    }
  }
  draft_.statements.push_back(std::move(statement));
}

/// Variables that nothing is assigned to are const.
void Forward::settle_const() {
  std::set<std::string> assigned;
  const std::function<void(const Statement&)> look = [&](const Statement& statement) {
    if (statement.type.empty()) assigned.insert(statement.targets.begin(), statement.targets.end());
    std::for_each(statement.body.begin(), statement.body.end(), look);
  };
  const std::function<void(Statement&)> settle = [&](Statement& statement) {
    if (!statement.type.empty())
      statement.is_const = statement.targets.size() != 1 || !assigned.contains(statement.targets[0]);
    std::for_each(statement.body.begin(), statement.body.end(), settle);
  };
  std::for_each(draft_.statements.begin(), draft_.statements.end(), look);
  std::for_each(draft_.statements.begin(), draft_.statements.end(), settle);
}

/// How good a place for a name is what is made there: an activation is best, then what a module of the network's own
/// gives.
int Forward::completeness(size_t step) const {
  static const std::set<std::string_view> activations = {"relu", "leaky_relu", "prelu", "tanh",     "sigmoid", "silu",
                                                         "selu", "elu",        "gelu",  "softplus", "glu",     "celu"};
  static const std::set<std::string_view> layers = {"ReLU", "LeakyReLU", "PReLU", "Tanh",     "Sigmoid", "SiLU",
                                                    "SELU", "ELU",       "GELU",  "Softplus", "Hardtanh"};
  const Step& one = call_.steps[step];
  if (!one.call) return activations.contains(NodeView(calls_, one.node).row()) ? 2 : 0;
  return !one.call->layer ? 1 : layers.contains(one.call->layer->type) ? 2 : 0;
}

/// Where a chain of steps is longer than an expression should be, it is cut into pieces of about one length.
void Forward::cut_chain(size_t first, size_t end) {
  const size_t length = end - first, pieces = (length + deepest - 1) / deepest;
  size_t begin = first;
  for (size_t piece = 1; piece < pieces; ++piece) {
    const size_t ideal = first + length * piece / pieces;
    size_t best = ideal;
    for (const size_t near : {ideal - 1, ideal + 1, ideal - 2, ideal + 2})
      if (near > begin && near < end && near - begin <= deepest && completeness(near - 1) > completeness(best - 1))
        best = near;
    cuts_.insert(best - 1);
    begin = best;
  }
}

/// Chains are steps of which each is read by the next one alone, outside of loops and in their first rounds.
void Forward::find_cuts() {
  for (size_t begin = 0; begin < call_.steps.size();) {
    const auto loop = loops_.lower_bound(begin);
    const bool is_loop = loop != loops_.end() && loop->first == begin;
    const size_t limit = is_loop                ? begin + loop->second.length
                         : loop != loops_.end() ? loop->first
                                                : call_.steps.size();
    size_t first = begin;
    for (size_t i = begin; i < limit; ++i) {
      const std::vector<int> made = calls_.makes(call_.steps[i]);
      const auto uses = made.size() == 1 ? uses_.find(made[0]) : uses_.end();
      if (i + 1 < limit && uses != uses_.end() && uses->second == std::vector<size_t>{i + 1}) continue;
      cut_chain(first, i + 1);
      first = i + 1;
    }
    begin = is_loop ? loop->second.end() : limit;
  }
}

/// Which steps read and make each value.
void Forward::find_uses() {
  for (size_t i = 0; i < call_.steps.size(); ++i)
    for (int made : calls_.makes(call_.steps[i])) made_[made] = i;
  for (size_t i = 0; i < call_.steps.size(); ++i) {
    for (int read : calls_.reads(call_, call_.steps[i])) uses_[read].push_back(i);
    for (int base : size_bases(call_.steps[i], i)) uses_[base].push_back(i);
  }
  for (int output : call_.outputs) uses_[output].push_back(call_.steps.size());
}

void Forward::name_inputs() {
  for (size_t i = 0; i < call_.inputs.size(); ++i) {
    const int input = call_.inputs[i];
    const std::string given = calls_.program().values[static_cast<size_t>(input)].name;
    static const std::vector<std::string> letters = {"x", "y", "z", "w"};
    const std::string name =
        node_.path.empty() ? fresh({identifier_of(given, "x")}) : fresh({letters[std::min<size_t>(i, 3)]});
    // Compilers warn of a name that nobody reads.
    draft_.inputs.push_back(uses_.contains(input) ? name : "/*" + name + "*/");
    names_[input] = Expression::name(name);
    variables_[name] = input;
  }
}

void Forward::write() {
  find_uses();
  name_inputs();
  find_loops();
  find_cuts();
  for (at_ = 0; at_ < call_.steps.size();) {
    if (const auto loop = loops_.find(at_); loop != loops_.end()) {
      write_loop(loop->second);
      at_ = loop->second.end();
    } else {
      write_step(call_.steps[at_]);
      ++at_;
    }
  }
  Statement result{{}, "", false, {}};
  if (call_.outputs.size() != 1) flush(at_);
  for (int output : call_.outputs) result.values.push_back(value(output));
  // A result has no name of its own where nothing else has it.
  if (result.values.size() == 1 && !draft_.statements.empty()) {
    const Statement& last = draft_.statements.back();
    if (last.targets.size() == 1 && last.type != "Values" && result.values[0].kind == Expression::Kind::text &&
        result.values[0].text == last.targets[0]) {
      result.values = last.values;
      draft_.statements.pop_back();
    }
  }
  draft_.statements.push_back(std::move(result));
  settle_const();
  const size_t count = call_.outputs.size();
  draft_.result = count == 1 ? "Value" : count > most_in_tuple ? "Values" : "std::tuple<Value";
  if (count == 2 || count == 3) {
    draft_.result += count == 2 ? ", Value>" : ", Value, Value>";
    writer_.includes_.insert("tuple");
  }
  for (size_t i = 0; i < call_.inputs.size(); ++i) draft_.arguments += i == 0 ? "Value" : ", Value";
}

}  // namespace upconv::tools
