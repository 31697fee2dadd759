#include "tools/write/writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "framework/weights/bytes.h"
#include "tools/write/functions.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Numbers of a constant that is written into the header; larger ones are buffers in the file beside it.
constexpr int64_t most_inline = 16;
/// Results that are a tuple; more are Values.
constexpr size_t most_in_tuple = 3;
/// Calls within each other that are one expression.
constexpr int deepest = 6;
constexpr size_t longest = 90;

/// What no member, class or variable may be called: C++'s words, the library's names that are written, what modules
/// have.
bool is_reserved(const std::string& name) {
  static const std::set<std::string> all = {"alignas",
                                            "alignof",
                                            "and",
                                            "asm",
                                            "auto",
                                            "bool",
                                            "break",
                                            "case",
                                            "catch",
                                            "char",
                                            "class",
                                            "concept",
                                            "const",
                                            "continue",
                                            "default",
                                            "delete",
                                            "do",
                                            "double",
                                            "else",
                                            "enum",
                                            "explicit",
                                            "export",
                                            "extern",
                                            "false",
                                            "float",
                                            "for",
                                            "friend",
                                            "goto",
                                            "if",
                                            "inline",
                                            "int",
                                            "int64_t",
                                            "long",
                                            "mutable",
                                            "namespace",
                                            "new",
                                            "not",
                                            "operator",
                                            "or",
                                            "private",
                                            "protected",
                                            "public",
                                            "register",
                                            "requires",
                                            "return",
                                            "short",
                                            "signed",
                                            "sizeof",
                                            "static",
                                            "struct",
                                            "switch",
                                            "template",
                                            "this",
                                            "throw",
                                            "true",
                                            "try",
                                            "typedef",
                                            "typename",
                                            "union",
                                            "unsigned",
                                            "using",
                                            "virtual",
                                            "void",
                                            "volatile",
                                            "while",
                                            "xor",
                                            "std",
                                            "upconv",
                                            "child",
                                            "forward",
                                            "load",
                                            "parameter",
                                            "apply",
                                            "str",
                                            "state_dict",
                                            "load_state_dict",
                                            "child_at",
                                            "child_named",
                                            "child_count",
                                            "run",
                                            "scoped",
                                            "named_parameters",
                                            "named_buffers",
                                            "named_children",
                                            "named_modules",
                                            "type_name",
                                            "extra_repr",
                                            "output_dim",
                                            "add_parameter",
                                            "add_buffer",
                                            "add_child",
                                            "set_options",
                                            "list_str",
                                            "check_count",
                                            "forward_all",
                                            "shared_child_at",
                                            "Module",
                                            "ModuleOf",
                                            "AnyModule",
                                            "Value",
                                            "Values",
                                            "Tensor",
                                            "Shape",
                                            "Parameter",
                                            "Sequential",
                                            "ModuleList",
                                            "DType",
                                            "Identity",
                                            "Conv2d",
                                            "ConvTranspose2d",
                                            "Linear",
                                            "Embedding",
                                            "BatchNorm2d",
                                            "BatchNorm1d",
                                            "SyncBatchNorm",
                                            "InstanceNorm2d",
                                            "InstanceNorm1d",
                                            "GroupNorm",
                                            "LayerNorm",
                                            "RMSNorm",
                                            "PReLU",
                                            "ReLU6",
                                            "GELU",
                                            "Softmax",
                                            "LogSoftmax",
                                            "Upsample",
                                            "UpsamplingNearest2d",
                                            "UpsamplingBilinear2d",
                                            "MaxPool2d",
                                            "AvgPool2d",
                                            "AdaptiveAvgPool2d",
                                            "AdaptiveMaxPool2d",
                                            "PixelShuffle",
                                            "PixelUnshuffle",
                                            "ChannelShuffle",
                                            "Flatten",
                                            "Unflatten",
                                            "ReLU",
                                            "LeakyReLU",
                                            "Tanh",
                                            "Sigmoid",
                                            "SiLU",
                                            "Mish",
                                            "Hardswish",
                                            "Hardsigmoid",
                                            "SELU",
                                            "LogSigmoid",
                                            "ELU",
                                            "CELU",
                                            "Softplus",
                                            "Hardtanh",
                                            "Hardshrink",
                                            "Softshrink",
                                            "ReflectionPad2d",
                                            "ReplicationPad2d",
                                            "ZeroPad2d",
                                            "ConstantPad2d",
                                            "Dropout",
                                            "Dropout1d",
                                            "Dropout2d",
                                            "Dropout3d",
                                            "AlphaDropout",
                                            "FeatureAlphaDropout",
                                            "Conv1d",
                                            "ConvTranspose1d",
                                            "MaxPool1d",
                                            "AvgPool1d",
                                            "AdaptiveAvgPool1d",
                                            "AdaptiveMaxPool1d",
                                            "ReflectionPad1d",
                                            "ReplicationPad1d",
                                            "ZeroPad1d",
                                            "ConstantPad1d",
                                            "CircularPad1d",
                                            "CircularPad2d",
                                            "LPPool2d",
                                            "Unfold",
                                            "Fold",
                                            "ModuleDict",
                                            "Softmax2d",
                                            "Softmin",
                                            "Softsign",
                                            "Tanhshrink",
                                            "Threshold",
                                            "RReLU",
                                            "GLU",
                                            "Ends",
                                            "Program",
                                            "Options",
                                            "Graph",
                                            "Exported",
                                            "Error",
                                            "Pair",
                                            "Sides"};
  return all.contains(name);
}

/// A name of C++ that is like a name of Python.
std::string identifier(const std::string& name, const std::string& otherwise) {
  std::string made;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    made += byte < 128 && (std::isalnum(byte) || c == '_') ? c : '_';
  }
  while (made.starts_with('_')) made.erase(0, 1);
  // Two underscores, and one before a capital letter, are the compiler's.
  for (size_t at = made.find("__"); at != made.npos; at = made.find("__")) made.erase(at, 1);
  if (made.empty() || std::isdigit(static_cast<unsigned char>(made[0]))) made = otherwise + made;
  while (is_reserved(made)) made += '_';
  return made;
}

/// "RRDBNet.Dense" without the modules and classes around it.
std::string class_of(const std::string& type_name) {
  const std::string last = type_name.substr(type_name.rfind('.') + 1);
  std::string name = identifier(last, "Module");
  return name;
}

/// A member of a struct: a child, or a parameter.
struct Member {
  std::string name, type, key;
  Expression constructor;
  enum class Kind { child, parameter, buffer, constant } kind = Kind::child;
  bool is_argument = false;  ///< whether who makes the struct gives it: its layers are others in each
};

struct Statement {
  std::vector<std::string> targets;  ///< none of what is given back
  std::string type;                  ///< "Value", "Values" or "auto"; "" where the target is there already
  bool is_const = true;
  std::vector<Expression> values;  ///< one, but of what is given back
};

/// A struct as one module has it; those of several are one where they differ in numbers alone.
struct Draft {
  std::string path, class_name;
  std::vector<Member> members;
  std::vector<std::string> inputs;
  std::string result, arguments;  ///< "Value", "Value, Value"
  std::vector<Statement> statements;
  bool has_forward = true;
  bool is_open =
      false;  ///< whether modules of this class are at several depths, and so are structs before all are known

  template <class F>
  void each_expression(F f) const {
    for (const Member& member : members)
      if (!member.is_argument) f(member.constructor, true);
    for (const Statement& statement : statements)
      for (const Expression& value : statement.values) f(value, false);
  }
  std::string signature() const {
    std::string all = class_name + result + "(" + arguments + ")";
    for (const Member& member : members)
      all += fmt::format(";{} {} {} {}", member.type, member.name, member.key, static_cast<int>(member.kind));
    for (const std::string& input : inputs) all += "," + input;
    for (const Statement& statement : statements)
      all += fmt::format(";{} {}{}", statement.type, fmt::join(statement.targets, ","), statement.is_const);
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
  HeaderWriter(const ExportedRunner& runner, const HeaderOptions& options)
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
  std::vector<std::string> unnested(const Expression& constructor, const Naming& naming) const;
  std::string unique_class(const std::string& name);
  std::string member_name(const ModuleNode& node, const std::string& name) const;
  std::string access(int step_node, const std::string& from, const std::string& path, std::string& type) const;
  void add_weights(const std::string& path, StateDict& weights) const;
  Stored stored(int value) const;

  const ExportedRunner& runner_;
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

std::string parent_of(const std::string& path) {
  const size_t dot = path.rfind('.');
  return dot == path.npos ? "" : path.substr(0, dot);
}

std::string HeaderWriter::member_name(const ModuleNode& node, const std::string& name) const {
  (void)node;
  return identifier(name, "layer");
}

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
  void numbers_of(const Argument& argument, std::vector<int>& all) const;
  /// Of the size of a tensor's dimension: which tensor of this call has it, and where; nothing where it is a number.
  struct Base {
    int value = -1;
    size_t dim = 0;
    std::optional<int64_t> number;
  };
  Base base_of(const NodeView& node, size_t step) const;
  Base equal_size(int number, size_t step) const;
  std::optional<int64_t> evaluated(int number, const SizesOfCall& sizes) const;
  bool is_here(int value, size_t step) const;
  Range range_of(int value) const;
  const std::vector<ExportedSize>& sizes_of(int value) const;
  void write_step(const Step& step);
  void settle(int value, Expression expression, size_t next);
  void flush(size_t next);
  void assign(int value, const Expression& expression, size_t next);
  bool is_dead(int value, size_t next) const;
  std::string fresh(const std::vector<std::string>& wishes);
  std::string parameter(int value);
  int here(int value) const;
  void settle_const();
  std::string where() const { return node_.path.empty() ? "" : " in " + printable(node_.path); }

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
  if (node.row() == "_operator.add") return *a + *b;
  if (node.row() == "_operator.sub") return *a - *b;
  if (node.row() == "_operator.mul") return *a * *b;
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
  if (const auto* reference = argument.get<Reference>(); reference != nullptr && !calls_.is_tensor(reference->index))
    all.push_back(reference->index);
  if (const auto* list = argument.get<Argument::List>())
    for (const Argument& one : *list) numbers_of(one, all);
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
    if (const auto number = node.integer(name)) return Expression::of(*number, "");
    if (const auto number = node.number(name)) return Expression::of(*number, "");
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
  if (is_own) return identifier(name, "parameter");
  if (!is_below)
    calls_.refuse(fmt::format("{} reads {}, which another module has",
                              node_.path.empty() ? "the network" : printable(node_.path), printable(tensor.name)));
  std::string type;
  return writer_.access(-1, node_.path, owner, type) + "." + identifier(name, "parameter");
}

/// The value as the step that is written has it.
int Forward::here(int value) const {
  if (at_ == call_.steps.size()) return calls_.same(value);
  const Step& step = call_.steps[at_];
  return calls_.seen(calls_.same(value), step.call ? step.call->first : step.node);
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

/// Gives a value a name: that of a variable in the expression which nobody reads any more, or a new one.
void Forward::assign(int value, const Expression& expression, size_t next) {
  const std::string text = print(expression);
  std::string name;
  size_t first = text.npos;
  for (const auto& [variable, held] : variables_) {
    if (!is_dead(held, next)) continue;
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
    if (const auto declared = declared_.find(name); declared != declared_.end())
      draft_.statements[declared->second].is_const = false;
    draft_.statements.push_back({{name}, "", false, {expression}});
  } else {
    name = fresh({"x", "y", "h", "u", "v"});
    declared_[name] = draft_.statements.size();
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
  const auto uses = uses_.find(value);
  const size_t count = uses == uses_.end() ? 0 : uses->second.size();
  if (count == 1 && depth(expression) < deepest && print(expression).size() < longest) {
    pending_ = Pending{value, std::move(expression)};
    return;
  }
  assign(value, expression, next);
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
      const Expression whole = named(node.value("self"));
      for (size_t i = 0; i < makes.size(); ++i)
        if (calls_.is_live(makes[i])) {
          Expression part = Expression::call(function("select"));
          part.add(whole).add(Expression::of(*dim)).add(Expression::of(static_cast<int64_t>(i)));
          // The whole is read again.
          assign(makes[i], part, i + 1 < makes.size() ? at_ : at_ + 1);
        }
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
  std::string type;
  std::string called = writer_.access(step.call->first, node_.path, step.call->path, type);
  Expression expression = Expression::call(called);
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

/// Variables that nothing is assigned to after all are const.
void Forward::settle_const() {
  for (Statement& statement : draft_.statements)
    if (!statement.type.empty())
      statement.is_const = std::none_of(
          draft_.statements.begin(), draft_.statements.end(),
          [&](const Statement& other) { return other.type.empty() && other.targets == statement.targets; });
}

void Forward::write() {
  for (size_t i = 0; i < call_.inputs.size(); ++i) {
    const std::string given = calls_.program().values[static_cast<size_t>(call_.inputs[i])].name;
    static const std::vector<std::string> letters = {"x", "y", "z", "w"};
    std::string name = node_.path.empty() ? fresh({identifier(given, "x")}) : fresh({letters[std::min<size_t>(i, 3)]});
    draft_.inputs.push_back(name);
    names_[call_.inputs[i]] = Expression::name(name);
    variables_[name] = call_.inputs[i];
  }
  for (size_t i = 0; i < call_.steps.size(); ++i)
    for (int made : calls_.makes(call_.steps[i])) made_[made] = i;
  for (size_t i = 0; i < call_.steps.size(); ++i) {
    for (int read : calls_.reads(call_, call_.steps[i])) uses_[read].push_back(i);
    for (int base : size_bases(call_.steps[i], i)) uses_[base].push_back(i);
  }
  for (int output : call_.outputs) uses_[output].push_back(call_.steps.size());
  for (at_ = 0; at_ < call_.steps.size(); ++at_) write_step(call_.steps[at_]);
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
      settle_const();
    }
  }
  draft_.statements.push_back(std::move(result));
  const size_t count = call_.outputs.size();
  draft_.result = count == 1 ? "Value" : count > most_in_tuple ? "Values" : "std::tuple<Value";
  if (count == 2 || count == 3) {
    draft_.result += count == 2 ? ", Value>" : ", Value, Value>";
    writer_.includes_.insert("tuple");
  }
  for (size_t i = 0; i < call_.inputs.size(); ++i) draft_.arguments += i == 0 ? "Value" : ", Value";
}

/// A module as another one that is around it calls it; `type` becomes its class.
std::string HeaderWriter::access(int step_node, const std::string& from, const std::string& path,
                                 std::string& type) const {
  const bool is_below = from.empty() || path.starts_with(from + ".");
  if (!is_below || path == from) {
    const std::string why =
        fmt::format("{} calls {}, which is not in it", from.empty() ? "the network" : printable(from), printable(path));
    if (step_node >= 0) calls_.refuse(step_node, why);
    calls_.refuse(why);
  }
  std::string at = from, text, rest = path.substr(from.empty() ? 0 : from.size() + 1);
  const Built* around = nullptr;
  while (!rest.empty()) {
    const std::string name = rest.substr(0, rest.find('.'));
    rest = rest.size() == name.size() ? "" : rest.substr(name.size() + 1);
    at += (at.empty() ? "" : ".") + name;
    const Built& built = built_.at(at);
    if (around == nullptr)
      text = member_name(module(from), name);
    else if (around->kind == Built::Kind::list && !around->item.empty())
      text += "[" + name + "]";
    else if (around->kind == Built::Kind::sequential || around->kind == Built::Kind::list)
      text += rest.empty() && built.inputs == 1 && built.outputs == 1 ? "[" + name + "]"
                                                                      : ".at<" + built.type + ">(" + name + ")";
    else if (around->kind == Built::Kind::structure)
      text += "." + member_name(module(parent_of(at)), name);
    else
      calls_.refuse(fmt::format("{} is called from outside of its layer", printable(path)));
    around = &built;
  }
  type = around->type;
  return text;
}

std::optional<Built> HeaderWriter::as_layer(const ModuleNode& node) const {
  if (node.calls.empty()) return {};
  for (const Call* call : node.calls) {
    if (!call->layer) return {};
    if (print(call->layer->constructor) != print(node.calls[0]->layer->constructor) ||
        call->layer->state != node.calls[0]->layer->state) {
      calls_.refuse(fmt::format("{} is called in different ways", printable(node.path)));
    }
  }
  return Built{Built::Kind::layer, node.calls[0]->layer->constructor, node.calls[0]->layer->type, "", 1, 1};
}

bool are_numbered(const ModuleNode& node) {
  for (size_t i = 0; i < node.children.size(); ++i)
    if (node.children[i] != (node.path.empty() ? "" : node.path + ".") + std::to_string(i)) return false;
  return true;
}

/// Whether each child is called once, with what the one before it gave.
std::optional<Built> HeaderWriter::as_sequential(const ModuleNode& node) const {
  if (node.calls.empty() || node.path.empty() || !node.type_name.ends_with("container.Sequential") ||
      !node.tensors.empty())
    return {};
  for (const Call* call : node.calls) {
    if (call->inputs.size() != 1 || call->outputs.size() != 1) return {};
    int value = call->inputs[0];
    size_t next = 0;
    for (const Step& step : call->steps) {
      if (!step.call) return {};
      if (step.call->outputs.empty()) continue;
      if (step.call->inputs.size() != 1 || step.call->outputs.size() != 1 || step.call->inputs[0] != value) return {};
      while (next < node.children.size() && node.children[next] != step.call->path) {
        if (built_.at(node.children[next]).kind != Built::Kind::nothing) return {};
        ++next;
      }
      if (next == node.children.size()) return {};
      ++next;
      value = calls_.same(step.call->outputs[0]);
    }
    if (value != call->outputs[0] && value != calls_.same(call->outputs[0])) return {};
  }
  Built built{Built::Kind::sequential, Expression::call("sequential"), "Sequential", "", 1, 1};
  if (are_numbered(node)) {
    for (const std::string& child : node.children) built.constructor.add(built_.at(child).constructor);
  } else {
    Expression all = Expression::list();
    for (const std::string& child : node.children) {
      Expression one = Expression::list();
      one.add(Expression::name("\"" + printable(child.substr(child.rfind('.') + 1)) + "\""))
          .add(built_.at(child).constructor);
      all.add(one);
    }
    built.constructor.add(all);
  }
  return built;
}

/// A ModuleList, which is never called itself.
std::optional<Built> HeaderWriter::as_list(const ModuleNode& node) const {
  if (!node.calls.empty() || node.path.empty() || node.children.empty() || !node.tensors.empty() || !are_numbered(node))
    return {};
  std::set<std::string> types;
  for (const std::string& child : node.children) types.insert(built_.at(child).type);
  Built built{Built::Kind::list, {}, {}, {}, 0, 0};
  if (types.size() == 1) {
    built.item = *types.begin();
    built.type = "ModuleList<" + built.item + ">";
    Expression all = Expression::list();
    for (const std::string& child : node.children) all.add(built_.at(child).constructor);
    built.constructor = Expression::call(built.type).add(all);
  } else {
    built.type = "Sequential";
    built.constructor = Expression::call("sequential");
    for (const std::string& child : node.children) built.constructor.add(built_.at(child).constructor);
  }
  return built;
}

Expression shape_list(const Shape& shape, const std::string& role) {
  Expression list = Expression::list();
  for (int64_t size : shape) list.add(Expression::of(size, role));
  return list;
}

/// The module's own parameters, and the constants that its calls read.
void HeaderWriter::add_tensors(const ModuleNode& node, Draft& draft) {
  const auto parameter_of = [](const Stored& stored) {
    const bool is_int = !is_floating(stored.dtype) && stored.dtype != DType::boolean;
    Expression shape = shape_list(stored.shape, "channels");
    shape.kind = Expression::Kind::list;
    Expression all = Expression::call("Parameter");
    all.add(Expression::name("Shape" + print(shape)));
    if (!stored.shape.empty()) {
      all.arguments.clear();
      Expression typed = Expression::call("Shape");
      typed.arguments = shape.arguments;
      typed.kind = Expression::Kind::call;
      typed.text = "Shape";
      all.add(typed);
    }
    if (is_int) all.add(Expression::name("DType::int64"));
    return all;
  };
  for (int index : node.tensors) {
    const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
    const std::string name = tensor.name.substr(tensor.name.rfind('.') + 1);
    const bool is_parameter = tensor.kind == ExportedTensor::Kind::parameter;
    draft.members.push_back({identifier(name, "parameter"), "Parameter", name, parameter_of(tensor.stored),
                             is_parameter ? Member::Kind::parameter : Member::Kind::buffer});
  }
  for (const Call* call : node.calls)
    for (const Step& step : call->steps) {
      if (step.call) continue;
      for (int value : calls_.tensors_of(calls_.program().nodes[static_cast<size_t>(step.node)])) {
        const int index = calls_.tensor(value);
        if (index < 0 || calls_.program().tensors[static_cast<size_t>(index)].kind != ExportedTensor::Kind::constant)
          continue;
        auto& known = constants_[node.path];
        if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.second == value; })) continue;
        const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
        const std::string last = tensor.name.substr(tensor.name.rfind('.') + 1);
        std::string name =
            identifier(last.starts_with("lifted_tensor") ? fmt::format("constant{}", known.size()) : last, "constant");
        while (std::any_of(draft.members.begin(), draft.members.end(),
                           [&](const Member& member) { return member.name == name; }) ||
               std::any_of(node.children.begin(), node.children.end(),
                           [&](const std::string& child) { return child.substr(child.rfind('.') + 1) == name; }))
          name += '_';
        known.emplace_back(name, value);
        const int64_t count = numel(tensor.stored.shape);
        if (count <= most_inline && tensor.stored.unreadable.empty() && is_floating(tensor.stored.dtype)) {
          const Tensor numbers = tensor.stored.to_tensor();
          Expression values = Expression::list();
          for (int64_t i = 0; i < count; ++i) {
            std::string text = fmt::format("{}", numbers.data()[i]);
            if (text.find_first_of(".en") == text.npos) text += '.';
            if (text.find('n') != text.npos)
              calls_.refuse(fmt::format("the constant {} is not finite", printable(tensor.name)));
            values.add(Expression::name(text + "f"));
          }
          Expression made = Expression::call("Tensor");
          made.add(shape_list(tensor.stored.shape, "")).add(values);
          draft.members.push_back(
              {name, "Parameter", name, Expression::call("Parameter").add(made), Member::Kind::constant});
        } else {
          draft.members.push_back({name, "Parameter", name, parameter_of(tensor.stored), Member::Kind::buffer});
        }
      }
    }
}

Draft HeaderWriter::draft(const ModuleNode& node) {
  Draft draft;
  draft.path = node.path;
  const std::string own = node.path.empty() ? "" : node.path.substr(node.path.rfind('.') + 1);
  std::string title = identifier(own, "Block");
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  draft.class_name = node.path.empty() ? options_.name : node.type_name.empty() ? title : class_of(node.type_name);
  while (is_reserved(draft.class_name)) draft.class_name += '_';
  std::set<int> heights;
  for (const auto& [path, other] : calls_.modules())
    if (!node.type_name.empty() && other.type_name == node.type_name) heights.insert(other.height);
  draft.is_open = heights.size() > 1 && !node.type_name.starts_with("torch.nn.");
  for (const std::string& child : node.children) {
    const Built& built = built_.at(child);
    if (built.kind == Built::Kind::nothing) continue;
    const std::string name = child.substr(child.rfind('.') + 1);
    draft.members.push_back({member_name(node, name), built.type, name, built.constructor, Member::Kind::child});
    draft.members.back().is_argument = draft.is_open && built.kind == Built::Kind::sequential;
  }
  add_tensors(node, draft);
  std::set<std::string> names;
  for (const Member& member : draft.members)
    if (!names.insert(member.name).second)
      calls_.refuse(fmt::format("two members of {} would be called {}",
                                node.path.empty() ? "the network" : printable(node.path), member.name));
  if (node.calls.empty()) {
    draft.has_forward = false;
    return draft;
  }
  const Draft empty = draft;
  Forward(*this, node, *node.calls[0], draft).write();
  for (size_t i = 1; i < node.calls.size(); ++i) {
    Draft again = empty;
    Forward(*this, node, *node.calls[i], again).write();
    std::string first, second;
    draft.each_expression([&](const Expression& expression, bool) { first += print(expression) + ";"; });
    again.each_expression([&](const Expression& expression, bool) { second += print(expression) + ";"; });
    if (first != second || draft.signature() != again.signature())
      calls_.refuse(fmt::format("{} is called in different ways", printable(node.path)));
  }
  return draft;
}

std::string HeaderWriter::unique_class(const std::string& name) {
  if (classes_.insert(name).second) return name;
  for (int i = 2;; ++i)
    if (const std::string made = name + std::to_string(i); classes_.insert(made).second) return made;
}

bool is_channels(const std::string& role) {
  return role == "in_channels" || role == "out_channels" || role == "num_features" || role == "num_channels" ||
         role == "channels";
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
      for (int i = 2; names.contains(argument.name) || is_reserved(argument.name); ++i)
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
      // Shape{...}, which braces make, and parentheses would not.
      for (size_t at = made.find("Shape("); at != made.npos; at = made.find("Shape(")) {
        made[at + 5] = '{';
        made[made.find(')', at)] = '}';
      }
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

Stored HeaderWriter::stored(int value) const {
  if (value < 0) return Parameter(Tensor({}, {int64_t{0}})).stored();
  if (const int index = calls_.tensor(value); index >= 0) {
    const Stored& stored = calls_.program().tensors[static_cast<size_t>(index)].stored;
    if (!stored.unreadable.empty())
      calls_.refuse(fmt::format("{} cannot be read: {}",
                                printable(calls_.program().tensors[static_cast<size_t>(index)].name),
                                stored.unreadable));
    if (stored.dtype == DType::boolean) return runner_.parameters()[static_cast<size_t>(index)].stored();
    return stored;
  }
  const auto found = folded_.find(value);
  if (found == folded_.end()) calls_.refuse("a weight is not known");
  return found->second.stored();
}

void HeaderWriter::add_weights(const std::string& path, StateDict& weights) const {
  const ModuleNode& node = module(path);
  const Built& built = built_.at(path);
  const std::string before = path.empty() ? "" : path + ".";
  if (built.kind == Built::Kind::layer) {
    for (const auto& [name, value] : node.calls[0]->layer->state) weights.add(before + name, stored(value));
    return;
  }
  for (const std::string& child : node.children) add_weights(child, weights);
  for (int index : node.tensors) {
    const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
    weights.add(tensor.name, stored(tensor.value));
  }
  if (const auto found = constants_.find(path); found != constants_.end())
    for (const auto& [name, value] : found->second) {
      const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(calls_.tensor(value))];
      if (numel(tensor.stored.shape) > most_inline || !is_floating(tensor.stored.dtype))
        weights.add(before + name, stored(value));
    }
}

Header HeaderWriter::write() {
  const int top = module("").height;
  for (int height = 0; height <= top; ++height) {
    std::vector<Draft> drafts;
    for (const auto& [path, node] : calls_.modules()) {
      if (node.height != height) continue;
      if (auto built = as_layer(node)) {
        for (const auto& [name, value] : node.calls[0]->layer->state)
          folded_weights_ += value >= 0 && calls_.tensor(value) < 0 ? 1 : 0;
        built_[path] = std::move(*built);
        continue;
      }
      const bool has_steps = std::any_of(node.calls.begin(), node.calls.end(), [](const Call* call) {
        return !call->steps.empty() && !call->outputs.empty();
      });
      const bool has_children = std::any_of(node.children.begin(), node.children.end(), [&](const std::string& child) {
        return built_.at(child).kind != Built::Kind::nothing;
      });
      if (!path.empty() && !has_steps && !has_children && node.tensors.empty()) {
        built_[path] = {};
        continue;
      }
      if (auto built = as_sequential(node)) {
        built_[path] = std::move(*built);
        continue;
      }
      if (auto built = as_list(node)) {
        built_[path] = std::move(*built);
        continue;
      }
      drafts.push_back(draft(node));
    }
    settle(drafts);
  }
  Header header;
  add_weights("", header.weights);
  std::string& out = header.text;
  out += "#pragma once\n";
  out += fmt::format(
      "// {}\n// wrote this header, and {} beside it with the weights:\n//   {}::{} net;\n//   net.load(\"{}\");\n",
      options_.command, options_.weights, options_.space, options_.name, options_.weights);
  if (folded_weights_ > 0)
    out += fmt::format(
        "// What PyTorch computes of weights alone, such as weight and spectral norm, is done in {}: {} of its "
        "tensors\n// "
        "{} what the layers in PyTorch compute before they use them.\n",
        options_.weights, folded_weights_, folded_weights_ == 1 ? "is" : "are");
  out += "#include <upconv/upconv.h>\n";
  if (!includes_.empty()) out += "\n";
  for (const std::string& include : includes_) out += fmt::format("#include <{}>\n", include);
  out += fmt::format("\nnamespace {} {{\n\nusing namespace upconv;\n{}\n}}  // namespace {}\n", options_.space,
                     structs_, options_.space);
  return header;
}

}  // namespace

std::string identifier_of(const std::string& name) { return identifier(name, "network"); }
bool is_free_name(const std::string& name) { return !is_reserved(name); }

Header write_header(const ExportedRunner& runner, const HeaderOptions& options) {
  return HeaderWriter(runner, options).write();
}

}  // namespace upconv::tools
