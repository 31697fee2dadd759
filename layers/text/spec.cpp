#include "layers/spec.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/containers.h"
#include "framework/fail.h"
#include "layers/text/registry.h"
#include "layers/text/scanner.h"
#include "layers/text/signature.h"
#include "layers/text/unknown.h"
#include "layers/text/unprinted.h"

namespace upconv {

using namespace internal;
using namespace internal::text;

namespace {

// What no network needs and a hostile text could use up: time, stack, memory.
constexpr size_t most_bytes = 1 << 20;
constexpr int most_modules = 2048;
constexpr int most_depth = 100;
constexpr size_t most_name = 255;  // bytes of a child's name, of which every path below it has a copy

constexpr std::string_view parametrized = "Parametrized";  // what torch.nn.utils.parametrize puts before a class's name

/// A class of the user's own whose one child is all that it runs.
class Wrapper : public Module {
 public:
  Wrapper(std::string_view type_name, const NamedModule& only) : type_name_(type_name), only_(only.module) {
    add_child(only.name, only.module);
    if (type_name_ == "AveragedModel" && only.name == "module")  // saved with a counter of its own
      add_buffer("n_averaged", Parameter(Tensor(Shape{}, std::vector<int64_t>{0})));
  }
  Value forward(Value x) const override { return (*only_)(x); }
  std::string type_name() const override { return type_name_; }

 private:
  std::string type_name_;
  std::shared_ptr<const AnyModule> only_;
};

std::string_view without_prefix(std::string_view name) {
  for (std::string_view prefix : {"torch.nn.", "nn."})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

/// What stands before the items in a module's parentheses, and where.
struct Head {
  std::string_view name;
  size_t start, open;  ///< of the name and of the "("
  int depth;
};

/// A child and where it begins.
struct Child {
  NamedModule module;
  size_t offset;
};

/// Reads modules. Recursive, so it counts the depth.
class Parser {
 public:
  explicit Parser(std::string_view text) : scan_(text) {}
  Spec whole();

 private:
  std::shared_ptr<Module> module(int depth);
  std::shared_ptr<Module> sequential(const Head& head);
  std::shared_ptr<Module> wrapper(const Head& head);
  std::vector<Child> children(const Head& head);
  std::string child_name();
  std::shared_ptr<Module> layer(const Head& head, const LayerRow& row);
  void parametrizations(const Head& head);
  Head container(std::string_view name);
  void assume(const Arguments& bound, const LayerRow& row, const AnyModule& layer);
  Arguments arguments(const Head& head, const LayerRow& row);

  /// Reads items to the ")", each with `read`. Commas divide them, except before the "(" of a printed child's name.
  template <class Read>
  void each_item(const Head& head, bool printed_children, Read read);
  /// What `make` returns; its errors get a place: the argument's that is to blame, or else `offset`.
  template <class Make>
  auto placed(size_t offset, Make make);
  void refuse_traced();
  [[noreturn]] void refuse_unknown(std::string_view name, size_t start);

  Scanner scan_;
  int modules_ = 0;
  std::vector<std::string> path_;  // names of the children that are being read
  std::vector<Assumption> assumptions_;
};

template <class Read>
void Parser::each_item(const Head& head, bool printed_children, Read read) {
  auto refuse_open = [&] {
    scan_.expected(fmt::format("\",\" or \")\" in {}, whose \"(\" is at {}", head.name, scan_.place(head.open)));
  };
  while (!scan_.accept(')')) {
    if (scan_.at_end()) refuse_open();
    read();
    if (!scan_.accept(',') && !scan_.next_is(')') && !(printed_children && scan_.next_is('('))) refuse_open();
  }
}

template <class Make>
auto Parser::placed(size_t offset, Make make) {
  try {
    return make();
  } catch (const ArgumentError& error) {
    scan_.refuse(error.offset, error.what());
  } catch (const Error& error) {
    scan_.refuse(offset, error.what());
  }
}

Spec Parser::whole() {
  if (scan_.at_end())
    scan_.refuse(0, "the text is empty; expected a layer, such as Sequential(Linear(100, 784), Tanh())");
  refuse_traced();
  std::shared_ptr<Module> all = module(1);
  if (!scan_.at_end()) scan_.expected("nothing more after the module");
  return {std::move(all), std::move(assumptions_)};
}

/// torch.fx prints the children of what it traced, and below them the code that runs: more than they do, it may be.
void Parser::refuse_traced() {
  if (const auto code = scan_.find_word("def forward("))
    scan_.refuse(*code,
                 "what torch.fx prints of a GraphModule ends with the code that it runs, which may do more than the "
                 "layers above it; print the module that was traced");
}

std::shared_ptr<Module> Parser::module(int depth) {
  const size_t start = scan_.offset();
  if (depth > most_depth) scan_.refuse(start, fmt::format("modules nest deeper than {}", most_depth));
  if (++modules_ > most_modules) scan_.refuse(start, fmt::format("there are more than {} modules", most_modules));

  const std::string_view written = scan_.word("a layer, such as ReLU()");
  const Head head{without_prefix(written), start, scan_.offset(), depth};
  const LayerRow* row = find_row(head.name);
  const bool opened = scan_.accept('(');
  if (!opened && (row || head.name == "Sequential")) scan_.expected(fmt::format("\"(\" after {}", head.name));
  if (opened && scan_.next_is("original_name="))
    scan_.refuse(start,
                 fmt::format("what PyTorch prints of a TorchScript module, such as this {}, leaves all arguments "
                             "out; print the Python module that was scripted or traced (the weights can stay "
                             "in the TorchScript file)",
                             shown(written)));
  // A class of the user's own may be called so too, but then its children come first.
  if (opened && !row && head.name.starts_with(parametrized) && !scan_.next_is_child())
    row = find_row(head.name.substr(parametrized.size()));
  if (row) return layer(head, *row);
  if (head.name == "Sequential") return sequential(head);
  if (head.name == "ModuleList" || head.name == "ModuleDict")
    scan_.refuse(start,
                 fmt::format("{} cannot be built: what PyTorch prints of it does not say how its modules run, and "
                             "folds equal ones; write Sequential where they run one after another",
                             head.name));
  if (opened && scan_.next_is_child() && written.find('.') == std::string_view::npos && !is_only_pytorchs(head.name))
    return wrapper(head);
  refuse_unknown(written, start);
}

void Parser::refuse_unknown(std::string_view name, size_t start) {
  scan_.refuse(start, fmt::format("unknown layer \"{}\"{}", shown(name), about_unknown(without_prefix(name))));
}

std::shared_ptr<Module> Parser::sequential(const Head& head) {
  auto all = std::make_shared<Sequential>();
  for (Child& child : children(head)) placed(child.offset, [&] { all->append(std::move(child.module)); });
  return all;
}

std::shared_ptr<Module> Parser::wrapper(const Head& head) {
  const std::vector<Child> all = children(head);
  if (all.size() != 1)
    scan_.refuse(head.start,
                 fmt::format("\"{}\" prints {} children, but not how its forward joins them; a class of your "
                             "own must have exactly one{}",
                             shown(head.name), all.size(), meant_layer(head.name)));
  return placed(all[0].offset, [&] { return std::make_shared<Wrapper>(head.name, all[0].module); });
}

std::vector<Child> Parser::children(const Head& head) {
  std::vector<Child> all;
  each_item(head, true, [&] {
    const size_t offset = scan_.offset();
    path_.push_back(scan_.next_is('(') ? child_name() : std::to_string(all.size()));
    std::shared_ptr<Module> child = module(head.depth + 1);
    all.push_back({NamedModule(path_.back(), std::move(child)), offset});
    path_.pop_back();
  });
  return all;
}

/// The name in "(name):".
std::string Parser::child_name() {
  const size_t start = scan_.offset();
  if (!scan_.accept('(')) scan_.expected("the name of a child, such as (0):");
  std::string name(scan_.until(')', "a child's name"));
  if (name.size() > most_name)
    scan_.refuse(start, fmt::format("a child's name has {} bytes, more than the {} allowed", name.size(), most_name));
  if (!scan_.accept(':')) scan_.expected(fmt::format("\":\" after ({})", shown(name)));
  return name;
}

std::shared_ptr<Module> Parser::layer(const Head& head, const LayerRow& row) {
  const Arguments bound = arguments(head, row);
  std::shared_ptr<Module> built = placed(head.start, [&] { return row.build(bound); });
  assume(bound, row, *built);
  return built;
}

void Parser::assume(const Arguments& bound, const LayerRow& row, const AnyModule& layer) {
  for (const Unprinted& one : unprinted_arguments())
    if (one.layer == row.name && bound.is_default(one.argument) && one.matters(bound))
      assumptions_.push_back({fmt::format("{}", fmt::join(path_, ".")), std::string(row.name), layer.str(),
                              std::string(one.argument), std::string(one.taken), std::string(one.otherwise)});
}

/// "Name(", of which only one name is right here.
Head Parser::container(std::string_view name) {
  const size_t start = scan_.offset();
  if (scan_.word(name) != name) scan_.refuse(start, fmt::format("expected {}", name));
  const Head head{name, start, scan_.offset(), 0};
  if (!scan_.accept('(')) scan_.expected(fmt::format("\"(\" after {}", name));
  return head;
}

/// What torch.nn.utils.parametrizations add to the print of a layer. Their factors are folded as they are loaded, which
/// is known of weight and spectral norm, each alone.
void Parser::parametrizations(const Head& head) {
  child_name();
  each_item(container("ModuleDict"), true, [&] {
    const std::string parameter = child_name();
    bool is_first = true;
    each_item(container("ParametrizationList"), true, [&] {
      child_name();
      const size_t start = scan_.offset();
      const std::string_view kind = scan_.word("a parametrization, such as _WeightNorm()");
      if (!std::exchange(is_first, false) || (kind != "_WeightNorm" && kind != "_SpectralNorm"))
        scan_.refuse(start, fmt::format("{} of {}'s {}: only one _WeightNorm or _SpectralNorm is folded; call "
                                        "torch.nn.utils.parametrize.remove_parametrizations(layer, \"{}\") before you "
                                        "print and save",
                                        shown(kind), shown(head.name), shown(parameter), shown(parameter)));
      if (!scan_.accept('(') || !scan_.accept(')')) scan_.expected(fmt::format("\"()\" after {}", kind));
    });
  });
}

Arguments Parser::arguments(const Head& head, const LayerRow& row) {
  Signature signature(row.signature);
  size_t position = 0;
  bool keywords = false;
  const bool is_parametrized = head.name != row.name;
  each_item(head, is_parametrized, [&] {
    const size_t offset = scan_.offset();
    if (is_parametrized && scan_.next_is("(parametrizations)")) return parametrizations(head);
    const std::string_view keyword = scan_.keyword();
    if (keyword.empty() && keywords)
      scan_.expected(fmt::format("name=value in {}, as after any argument that is given by name", row.name));
    keywords = !keyword.empty();
    Literal value = scan_.literal();
    placed(offset, [&] { signature.give(row.name, keyword, position, std::move(value)); });
    ++position;
  });

  return placed(head.start, [&] { return signature.arguments(row.name); });
}

}  // namespace

Spec parse_spec(std::string_view spec) {
  if (spec.size() > most_bytes) fail("1:1: the text has {} bytes, more than the {} allowed", spec.size(), most_bytes);
  return Parser(spec).whole();
}

std::shared_ptr<Module> parse_module(std::string_view spec) { return parse_spec(spec).module; }

}  // namespace upconv
