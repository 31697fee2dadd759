// Loops of forward(): rounds of steps that do the same with the next modules of lists.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "layers/exported/path.h"
#include "tools/write/forward.h"
#include "tools/write/names.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Steps of one round: more are no loop that one would see.
constexpr size_t most_steps = 64;
/// Rounds from which a loop is shorter to read than what it does.
constexpr size_t least_names = 4, least_of_a_part = 3;

/// A name before the number that it ends with: "block" of "block2".
std::string stem_of(const std::string& name) {
  size_t end = name.size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>(name[end - 1])) != 0) --end;
  return name.substr(0, end);
}
std::optional<int64_t> number_of(const std::string& name) {
  const std::string digits = name.substr(stem_of(name).size());
  if (digits.empty() || digits.size() > 9 || (digits.size() > 1 && digits[0] == '0')) return {};
  return std::stoll(digits);
}

/// What one of a list is called: "block" of "blocks".
std::string singular(const std::string& list) {
  std::string name = stem_of(list);
  if (name.size() > 2 && name.ends_with('s') && !name.ends_with("ss")) name.pop_back();
  return name;
}

std::string index_text(const std::string& i, int64_t number, int64_t stride) {
  const std::string product = stride == 1 ? i : fmt::format("{} * {}", stride, i);
  return number == 0 ? product : fmt::format("{} + {}", product, number);
}

}  // namespace

/// Whether two arguments are the same but for tensors, which are added to `values`.
bool Forward::are_alike(const Argument& a, const Argument& b, std::vector<std::pair<int, int>>& values) const {
  if (a.value.index() != b.value.index()) return false;
  if (const auto* one = a.get<Reference>()) {
    const auto* other = b.get<Reference>();
    values.emplace_back(one->index, other->index);
    return calls_.is_tensor(one->index) && calls_.is_tensor(other->index);  // sizes may be others in each round
  }
  if (const auto* list = a.get<Argument::List>()) {
    const auto& others = *b.get<Argument::List>();
    return std::equal(list->begin(), list->end(), others.begin(), others.end(),
                      [&](const Argument& one, const Argument& other) { return are_alike(one, other, values); });
  }
  if (const auto* truth = a.get<bool>()) return *truth == *b.get<bool>();
  if (const auto* integer = a.get<int64_t>()) return *integer == *b.get<int64_t>();
  if (const auto* number = a.get<double>()) return *number == *b.get<double>();
  if (const auto* text = a.get<std::string>()) return *text == *b.get<std::string>();
  if (const auto* type = a.get<DType>()) return *type == *b.get<DType>();
  return true;
}

/// What two steps read, side by side; nothing where they do not do the same.
std::optional<std::vector<std::pair<int, int>>> Forward::pairs(size_t step, size_t other) const {
  const Step &a = call_.steps[step], &b = call_.steps[other];
  if ((a.call == nullptr) != (b.call == nullptr)) return {};
  if (calls_.makes(a).size() != 1 || calls_.makes(b).size() != 1) return {};
  std::vector<std::pair<int, int>> values;
  if (a.call) {
    // A module that is not within this one has not been built.
    const auto one = writer_.built_.find(a.call->path), two = writer_.built_.find(b.call->path);
    if (one == writer_.built_.end() || two == writer_.built_.end()) return {};
    if (one->second.kind != two->second.kind || one->second.type != two->second.type) return {};
    if (a.call->inputs.size() != b.call->inputs.size()) return {};
    for (size_t i = 0; i < a.call->inputs.size(); ++i) values.emplace_back(a.call->inputs[i], b.call->inputs[i]);
  } else {
    const NodeView one(calls_, a.node), two(calls_, b.node);
    const bool is_simple = one.normalization() == nullptr && one.unsqueezed() == nullptr;
    if (!is_simple || one.row() != two.row() || one.node().in_place != two.node().in_place) return {};
    const auto &arguments = one.node().arguments, &others = two.node().arguments;
    if (!std::equal(arguments.begin(), arguments.end(), others.begin(), others.end(),
                    [&](const Argument& x, const Argument& y) { return are_alike(x, y, values); }))
      return {};
  }
  for (auto& [x, y] : values) {
    x = seen_at(x, step);
    y = seen_at(y, other);
  }
  return values;
}

/// Whether nothing outside of these steps reads a value.
bool Forward::is_kept_within(int value, size_t first, size_t end) const {
  const auto uses = uses_.find(value);
  return uses == uses_.end() ||
         std::all_of(uses->second.begin(), uses->second.end(), [&](size_t use) { return use >= first && use < end; });
}

/// Whether a module of the next round is that of the first round, or counts on from it.
bool Forward::count_on(Loop& loop, size_t step, const Call& call) const {
  const std::string& first = call_.steps[step].call->path;
  if (first == call.path) return true;
  // The one component that differs.
  std::string list = node_.path, child;
  std::string rest = first, other = call.path;
  if (!node_.path.empty()) {
    if (!first.starts_with(node_.path + ".") || !call.path.starts_with(node_.path + ".")) return false;
    rest = rest.substr(node_.path.size() + 1);
    other = other.substr(node_.path.size() + 1);
  }
  std::optional<Loop::Counted> found;
  int64_t distance = 0;
  while (!rest.empty() && !other.empty()) {
    const std::string a = rest.substr(0, rest.find('.')), b = other.substr(0, other.find('.'));
    rest = rest.size() == a.size() ? "" : rest.substr(a.size() + 1);
    other = other.size() == b.size() ? "" : other.substr(b.size() + 1);
    child = list + (list.empty() ? "" : ".") + a;
    if (a != b) {
      const auto from = number_of(a), to = number_of(b);
      if (found || !from || !to || stem_of(a) != stem_of(b)) return false;
      found = Loop::Counted{list, child, *from, 1};
      distance = *to - *from;
    }
    list = child;
  }
  if (!found || !rest.empty() || !other.empty()) return false;
  const auto known = loop.counted.find(step);
  if (known == loop.counted.end()) {
    found->stride = distance;
    if (loop.rounds != 1 || distance <= 0) return false;
    loop.counted.emplace(step, *found);
    return true;
  }
  return known->second.child == found->child && distance == known->second.stride * static_cast<int64_t>(loop.rounds);
}

/// Makes a loop one round longer, where the steps after it are one.
bool Forward::add_round(Loop& loop) const {
  const size_t from = loop.end();
  if (from + loop.length > call_.steps.size()) return false;
  std::map<int, int> images;  // of what the first round makes
  Loop longer = loop;
  for (size_t k = 0; k < loop.length; ++k) {
    const Step &step = call_.steps[loop.first + k], &other = call_.steps[from + k];
    const auto read = pairs(loop.first + k, from + k);
    if (!read || (step.call && !count_on(longer, loop.first + k, *other.call))) return false;
    for (const auto& [a, b] : *read) {
      const auto image = images.find(a);
      const auto made = made_.find(a);
      const bool is_of_before = made == made_.end() || made->second < loop.first;
      if (image != images.end()) {
        if (image->second != b) return false;
      } else if (b == loop.after && is_of_before && longer.before < 0 && calls_.tensor(a) < 0) {
        longer.before = a;
      } else if (a == longer.before ? b != loop.after : a != b || !is_of_before) {
        return false;
      }
    }
    images[calls_.makes(step)[0]] = calls_.makes(other)[0];
    const bool is_last = k + 1 == loop.length;
    if (!is_last && !is_kept_within(calls_.makes(other)[0], from, from + loop.length)) return false;
  }
  if (longer.before < 0 || !is_kept_within(loop.after, from, from + loop.length)) return false;
  longer.after = images.at(loop.given);
  ++longer.rounds;
  loop = std::move(longer);
  return true;
}

size_t Forward::size_of_list(const std::string& path) const {
  const Built::Kind kind = path == node_.path ? Built::Kind::structure : writer_.built_.at(path).kind;
  return kind == Built::Kind::list || kind == Built::Kind::sequential ? calls_.module(path).children.size() : 0;
}

/// How a loop is written, whatever its rounds; false where it cannot be.
bool Forward::settle_kind(Loop& loop) const {
  if (loop.counted.empty()) return false;
  const auto& [first_step, first] = *loop.counted.begin();
  bool is_one = true, are_lists = true, are_themselves = true, are_structs = true;
  for (const auto& [step, one] : loop.counted) {
    is_one &= one.child == first.child;
    are_lists &= size_of_list(one.list) > 0;
    are_themselves &= call_.steps[step].call->path == one.child;
    are_structs &= writer_.built_.at(one.child).kind == Built::Kind::structure;
  }
  if (!are_lists) {
    loop.kind = Loop::Kind::pointer;
    return is_one && are_themselves && first.stride == 1 && first.list == node_.path;
  }
  const bool is_element = is_one && first.number == 0 && first.stride == 1 && parent_of(first.list) == node_.path &&
                          !writer_.built_.at(first.list).item.empty() && (are_themselves || are_structs);
  loop.kind = is_element ? Loop::Kind::element : Loop::Kind::index;
  return true;
}

/// Whether a loop is shorter to read than what it does.
bool Forward::is_worth_it(Loop& loop) const {
  if (loop.rounds < 2) return false;
  if (loop.kind == Loop::Kind::pointer) return loop.rounds >= least_names;
  const bool are_all = std::all_of(loop.counted.begin(), loop.counted.end(), [&](const auto& one) {
    return size_of_list(one.second.list) == loop.rounds * static_cast<size_t>(one.second.stride);
  });
  if (!are_all) loop.kind = Loop::Kind::index;
  return are_all || loop.rounds >= least_of_a_part;
}

/// All modules of a list of several classes, one after another.
std::optional<Forward::Loop> Forward::whole_at(size_t first) const {
  const Step& step = call_.steps[first];
  if (!step.call) return {};
  const std::string list = parent_of(step.call->path);
  if (list == node_.path || parent_of(list) != node_.path) return {};
  const Built& built = writer_.built_.at(list);
  const std::vector<std::string>& children = calls_.module(list).children;
  if (built.kind != Built::Kind::list || !built.item.empty() || children.size() > call_.steps.size() - first) return {};
  Loop loop{.first = first, .length = 1, .rounds = children.size(), .kind = Loop::Kind::whole};
  for (size_t k = 0; k < children.size(); ++k) {
    const Call* call = call_.steps[first + k].call.get();
    if (call == nullptr || call->path != children[k] || call->inputs.size() != 1 || call->outputs.size() != 1)
      return {};
    const int given = seen_at(call->inputs[0], first + k);
    if (k == 0) loop.before = given;
    if (k > 0 && (given != loop.after || !is_kept_within(given, first + k, first + k + 1))) return {};
    loop.after = call->outputs[0];
  }
  loop.counted.emplace(first, Loop::Counted{list, children[0], 0, 1});
  return loop;
}

/// The longest loop whose rounds have so many steps.
std::optional<Forward::Loop> Forward::loop_of(size_t first, size_t length) const {
  const size_t last = first + length - 1;
  if (!pairs(first, first + length)) return {};
  for (size_t step = first; step <= last; ++step) {
    const std::vector<int> made = calls_.makes(call_.steps[step]);
    if (made.size() != 1 || (step != last && !is_kept_within(made[0], first, last + 1))) return {};
  }
  Loop loop{.first = first, .length = length};
  loop.given = loop.after = calls_.makes(call_.steps[last])[0];
  if (!add_round(loop) || !settle_kind(loop)) return {};
  while (add_round(loop)) {
  }
  return is_worth_it(loop) ? std::optional(loop) : std::nullopt;
}

std::optional<Forward::Loop> Forward::loop_at(size_t first) const {
  if (auto whole = whole_at(first)) return whole;
  const size_t most = std::min(most_steps, (call_.steps.size() - first) / 2);
  for (size_t length = 1; length <= most; ++length)
    if (auto loop = loop_of(first, length)) return loop;
  return {};
}

void Forward::find_loops() {
  for (size_t i = 0; i < call_.steps.size();) {
    const auto loop = loop_at(i);
    if (loop) loops_.emplace(i, *loop);
    i = loop ? loop->end() : i + 1;
  }
}

/// What a step calls, by the name that it has in its loop.
std::string Forward::called(const Step& step) const {
  const std::string& path = step.call->path;
  const auto plain = [&](const std::string& from, const HeaderWriter::Index& index) {
    return writer_.access(step.call->first, from, path, index);
  };
  if (loop_ == nullptr || !loop_->counted.contains(at_)) return plain(node_.path, {});
  const Loop::Counted& one = loop_->counted.at(at_);
  if (loop_->kind == Loop::Kind::pointer) return "(*" + each_ + ")";
  if (loop_->kind == Loop::Kind::element) return path == one.child ? each_ : each_ + "." + plain(one.child, {});
  return plain(node_.path, {one.list, index_text(each_, one.number, one.stride)});
}

/// "for (...)", of which each_ is what changes.
std::string Forward::head_of(const Loop& loop) {
  const auto& [step, one] = *loop.counted.begin();
  if (loop.kind == Loop::Kind::index) {
    each_ = fresh({"i", "j", "k"});
    return fmt::format("for (int64_t {} = 0; {} < {}; ++{})", each_, each_, loop.rounds, each_);
  }
  const bool is_element = loop.kind == Loop::Kind::element;
  const std::string wish = is_element ? singular(last_of(one.list)) : stem_of(last_of(one.child));
  const std::string type = writer_.built_.at(one.child).type;
  each_ = fresh({identifier_of(wish, "layer"), "layer", "each"});
  if (is_element) return fmt::format("for (const {}& {} : {})", type, each_, writer_.access(-1, node_.path, one.list));
  std::vector<std::string> names;
  for (size_t k = 0; k < loop.rounds; ++k)
    names.push_back("&" + writer_.access(-1, node_.path, call_.steps[step + k * loop.length].call->path));
  return fmt::format("for (const {}* {} : {{{}}})", type, each_, fmt::join(names, ", "));
}

void Forward::write_loop(const Loop& loop) {
  if (loop.kind == Loop::Kind::whole) {
    if (pending_ && pending_->value != loop.before) flush(at_);
    Expression expression = Expression::call(writer_.access(-1, node_.path, loop.counted.begin()->second.list));
    expression.add(value(loop.before));
    at_ = loop.end() - 1;
    settle(loop.after, expression, loop.end());
    return;
  }
  flush(at_);
  // One variable for what is carried from round to round: that of the first value, where nobody reads it later.
  const Expression given = names_.at(loop.before);
  carried_ = print(given);
  const auto variable = variables_.find(carried_);
  if (variable == variables_.end() || variable->second != loop.before || !is_dead(loop.before, loop.end()) ||
      says_what_it_is(carried_)) {
    carried_ = fresh({"x", "y", "h", "u", "v"});
    draft_.statements.push_back({{carried_}, "Value", false, {given}});
  }
  names_[loop.before] = Expression::name(carried_);
  variables_[carried_] = loop.before;
  Statement statement{{}, "", false, {}, head_of(loop), each_, {}};
  std::swap(draft_.statements, statement.body);
  loop_ = &loop;
  for (; at_ < loop.first + loop.length; ++at_) write_step(call_.steps[at_]);
  loop_ = nullptr;
  std::swap(draft_.statements, statement.body);
  draft_.statements.push_back(std::move(statement));
  taken_.erase(each_);
  names_[loop.before] = given;
  names_[loop.after] = Expression::name(carried_);
  variables_[carried_] = loop.after;
}

}  // namespace upconv::tools
