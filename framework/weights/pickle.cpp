#include "framework/weights/pickle.h"

#include <algorithm>
#include <array>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"

namespace upconv::internal {
namespace {

// Of one pickle. A network's has some thousands of each.
constexpr size_t most_bytes = 100'000'000;
constexpr size_t most_values = 500'000;
constexpr size_t most_instructions = 10 * most_values;
constexpr size_t most_name = 1000;  // bytes of a global's

/// Values that say nothing but what they are; the pickle's table begins with one of each.
constexpr std::string_view plain_kinds[] = {"None", "a boolean", "a boolean", "a float", "a large integer"};
enum Plain : Pickle::Ref { none_value, false_value, true_value, float_value, large_value };
constexpr Pickle::Ref nothing = UINT32_MAX;
constexpr std::string_view ordered_dict = "collections.OrderedDict";
constexpr std::string_view default_dict = "collections.defaultdict";
constexpr std::string_view size_tuple = "torch.Size";
constexpr std::string_view sets[] = {"builtins.set", "__builtin__.set", "builtins.frozenset", "__builtin__.frozenset"};

/// What the pickle module calls the bytes that begin an instruction.
enum class Op : uint8_t {
  proto = 0x80,
  stop = '.',
  frame = 0x95,
  global = 'c',
  stack_global = 0x93,
  newobj = 0x81,
  newobj_ex = 0x92,
  reduce = 'R',
  build = 'b',
  append = 'a',
  appends = 'e',
  setitem = 's',
  setitems = 'u',
  additems = 0x90,
  mark = '(',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  tuple = 't',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  none = 'N',
  newtrue = 0x88,
  newfalse = 0x89,
  empty_tuple = ')',
  empty_list = ']',
  empty_dict = '}',
  empty_set = 0x8f,
  frozenset = 0x91,
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  binfloat = 'G',
  binunicode = 'X',
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  short_binstring = 'U',
  binstring = 'T',
  binbytes = 'B',
  short_binbytes = 'C',
  binbytes8 = 0x8e,
  bytearray8 = 0x96,
  binpersid = 'Q',
  binget = 'h',
  long_binget = 'j',
  binput = 'q',
  long_binput = 'r',
  memoize = 0x94,
  long1 = 0x8a,
  long4 = 0x8b
};

}  // namespace

class Pickle::Machine {
 public:
  Machine(Pickle& pickle, std::span<const std::byte> bytes, const std::string& where)
      : pickle_(pickle),
        values_(pickle.values_),
        bytes_(bytes.first(std::min(bytes.size(), most_bytes))),
        where_(where) {
    for (const std::string_view kind : plain_kinds) values_.push_back(Other{kind});
  }

  void run();

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: byte {} of the pickle: {}", where_, at_, fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view take(size_t size);
  template <class T>
  T number() {
    return number_at<T>(std::as_bytes(std::span(take(sizeof(T)))), 0);
  }
  std::string_view line();

  void push(Ref ref);
  Ref add(Value value);
  void make(Value value) { push(add(std::move(value))); }
  Ref pop();
  Ref top() const;
  std::vector<Ref> pop_to_mark();

  void step(Op op);
  std::string_view text(Ref ref) const;
  void global(std::string_view module, std::string_view name);
  void call(Ref function, Ref arguments);
  bool container(std::string_view name, const std::vector<Ref>& arguments);
  bool ordered_dictionary(const std::vector<Ref>& arguments);
  void build();
  void append(std::span<const Ref> items);
  void set_items(std::span<const Ref> items);
  void tuple(size_t size);
  void put(uint32_t key);
  void get(uint32_t key);
  void long_integer(size_t size);

  Pickle& pickle_;
  std::deque<Value>& values_;
  std::span<const std::byte> bytes_;
  const std::string& where_;
  size_t next_ = 0;  // byte to read
  size_t at_ = 0;    // where the instruction began
  std::vector<Ref> stack_;
  std::vector<size_t> marks_;  // how high the stack was
  std::vector<Ref> memo_;      // a pickler counts its places from 0
  uint32_t memoized_ = 0;      // of which something was put into
};

// ---- Bytes and stack ---------------------------------------------------------------------------------------------

std::string_view Pickle::Machine::take(size_t size) {
  if (bytes_.size() - next_ < size)
    refuse("expected {} bytes, {} are left: it is cut short", size, bytes_.size() - next_);
  const auto taken = bytes_.subspan(next_, size);
  next_ += size;
  return text_of(taken);
}

std::string_view Pickle::Machine::line() {
  const std::string_view rest = text_of(bytes_.subspan(next_));
  const size_t end = rest.find('\n');
  if (end == rest.npos) refuse("a name without end: it is cut short");
  return take(end + 1).substr(0, end);
}

void Pickle::Machine::push(Ref ref) {
  if (stack_.size() == most_values) refuse("expected at most {} values on the stack, got more", most_values);
  stack_.push_back(ref);
}

Pickle::Ref Pickle::Machine::add(Value value) {
  if (values_.size() == most_values) refuse("expected at most {} values, got more", most_values);
  values_.push_back(std::move(value));
  return static_cast<Ref>(values_.size() - 1);
}

Pickle::Ref Pickle::Machine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("the stack is empty");
  return stack_.back();
}

Pickle::Ref Pickle::Machine::pop() {
  const Ref ref = top();
  stack_.pop_back();
  return ref;
}

std::vector<Pickle::Ref> Pickle::Machine::pop_to_mark() {
  if (marks_.empty()) refuse("there is no mark on the stack");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Ref> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

// ---- Instructions ------------------------------------------------------------------------------------------------

std::string_view Pickle::Machine::text(Ref ref) const {
  const auto* text = pickle_.get<std::string_view>(ref);
  if (text == nullptr) refuse("expected the name of a global, got {}", pickle_.kind(ref));
  return *text;
}

void Pickle::Machine::global(std::string_view module, std::string_view name) {
  if (const size_t size = module.size() + name.size(); size > most_name)
    refuse("expected the name of a global to have at most {} bytes, got {}", most_name, size);
  make(Global{module, name});
}

/// What a function or class would make of `arguments`. Those that are containers become what they would return.
void Pickle::Machine::call(Ref function, Ref arguments) {
  const Tuple* tuple = pickle_.get<Tuple>(arguments);
  if (tuple == nullptr) refuse("expected a tuple of arguments, got {}", pickle_.kind(arguments));
  const Global* global = pickle_.get<Global>(function);
  if (global == nullptr || !container(global->str(), tuple->items)) make(Call{function, arguments});
}

bool Pickle::Machine::container(std::string_view name, const std::vector<Ref>& arguments) {
  if (name == ordered_dict) return ordered_dictionary(arguments);
  if (name == default_dict && arguments.size() <= 1) {
    make(Dict{});
    return true;
  }
  if (arguments.size() != 1) return false;
  const bool is_set = std::find(std::begin(sets), std::end(sets), name) != std::end(sets);
  if (!(name == size_tuple && pickle_.get<Tuple>(arguments[0])) && !(is_set && pickle_.get<List>(arguments[0])))
    return false;
  push(arguments[0]);
  return true;
}

/// Empty, or of a list of pairs, as Python 2 has it. The pairs are moved out of the list, so that no list of a hostile
/// file fills two dictionaries.
bool Pickle::Machine::ordered_dictionary(const std::vector<Ref>& arguments) {
  Dict dict;
  if (!arguments.empty()) {
    List* list = arguments.size() == 1 ? std::get_if<List>(&values_[arguments[0]]) : nullptr;
    if (list == nullptr) return false;
    for (const Ref pair : std::exchange(list->items, {})) {
      const List* items = pickle_.get<List>(pair);
      if (items == nullptr || items->items.size() != 2) refuse("expected OrderedDict's list to be one of pairs");
      dict.items.insert(dict.items.end(), items->items.begin(), items->items.end());
    }
  }
  make(std::move(dict));
  return true;
}

/// The state of an OrderedDict is what modules note in their _metadata; it is of no use here.
void Pickle::Machine::build() {
  const Ref state = pop(), object = top();
  if (Call* call = std::get_if<Call>(&values_[object]))
    call->state = state;
  else if (pickle_.get<Dict>(object) == nullptr)
    refuse("expected an object to give a state, got {}", pickle_.kind(object));
}

void Pickle::Machine::append(std::span<const Ref> items) {
  Ref to = top();
  if (Call* call = std::get_if<Call>(&values_[to])) to = call->list = call->list ? call->list : add(List{});
  List* list = std::get_if<List>(&values_[to]);
  if (list == nullptr) refuse("expected a list to append to, got {}", pickle_.kind(to));
  list->items.insert(list->items.end(), items.begin(), items.end());
}

void Pickle::Machine::set_items(std::span<const Ref> items) {
  Ref to = top();
  if (Call* call = std::get_if<Call>(&values_[to])) to = call->dict = call->dict ? call->dict : add(Dict{});
  Dict* dict = std::get_if<Dict>(&values_[to]);
  if (dict == nullptr) refuse("expected a dictionary to set items of, got {}", pickle_.kind(to));
  if (items.size() % 2 != 0) refuse("expected keys and values to set, got {} of both together", items.size());
  dict->items.insert(dict->items.end(), items.begin(), items.end());
}

void Pickle::Machine::tuple(size_t size) {
  Tuple tuple;
  for (size_t i = 0; i < size; ++i) tuple.items.insert(tuple.items.begin(), pop());
  make(std::move(tuple));
}

void Pickle::Machine::put(uint32_t key) {
  const Ref ref = top();
  if (key >= most_values) refuse("expected at most {} places in the memo, got the number {}", most_values, key);
  if (key >= memo_.size()) memo_.resize(key + 1, nothing);
  memoized_ += memo_[key] == nothing;
  memo_[key] = ref;
}

void Pickle::Machine::get(uint32_t key) {
  if (key >= memo_.size() || memo_[key] == nothing) refuse("nothing was put into the memo as {}", key);
  push(memo_[key]);
}

void Pickle::Machine::long_integer(size_t size) {
  const std::string_view digits = take(size);
  if (digits.size() > sizeof(int64_t)) return push(large_value);
  const bool is_negative = !digits.empty() && (digits.back() & 0x80) != 0;
  int64_t value = is_negative ? -1 : 0;
  std::memcpy(&value, digits.data(), digits.size());
  make(value);
}

void Pickle::Machine::step(Op op) {
  switch (op) {
    case Op::frame:  // how many bytes come, which a reader of streams would like to know
      take(sizeof(uint64_t));
      return;
    case Op::global: {
      const std::string_view module = line();
      return global(module, line());
    }
    case Op::stack_global: {
      const Ref name = pop();
      return global(text(pop()), text(name));
    }
    case Op::newobj_ex:  // with arguments by name, which say nothing here
      pop();
      [[fallthrough]];
    case Op::newobj:
    case Op::reduce: {
      const Ref arguments = pop();
      return call(pop(), arguments);
    }
    case Op::build:
      return build();
    case Op::append: {
      const Ref item = pop();
      return append({&item, 1});
    }
    case Op::appends:
    case Op::additems:
      return append(pop_to_mark());
    case Op::setitem: {
      const Ref value = pop(), key = pop();
      return set_items(std::array{key, value});
    }
    case Op::setitems:
      return set_items(pop_to_mark());
    case Op::mark:
      if (marks_.size() == most_values) refuse("expected at most {} marks, got more", most_values);
      return marks_.push_back(stack_.size());
    case Op::pop:
      if (!marks_.empty() && stack_.size() == marks_.back()) return marks_.pop_back();
      pop();
      return;
    case Op::pop_mark:
      pop_to_mark();
      return;
    case Op::dup:
      return push(top());
    case Op::tuple:
      return make(Tuple{pop_to_mark()});
    case Op::tuple1:
      return tuple(1);
    case Op::tuple2:
      return tuple(2);
    case Op::tuple3:
      return tuple(3);
    case Op::none:
      return push(none_value);
    case Op::newtrue:
      return push(true_value);
    case Op::newfalse:
      return push(false_value);
    case Op::empty_tuple:
      return make(Tuple{});
    case Op::empty_list:
      return make(List{});
    case Op::empty_dict:
      return make(Dict{});
    case Op::empty_set:
      return make(List{});
    case Op::frozenset:
      return make(List{pop_to_mark()});
    case Op::binint:
      return make(int64_t{number<int32_t>()});
    case Op::binint1:
      return make(int64_t{number<uint8_t>()});
    case Op::binint2:
      return make(int64_t{number<uint16_t>()});
    case Op::binfloat:
      take(sizeof(double));
      return push(float_value);
    case Op::binunicode:
      return make(take(number<uint32_t>()));
    case Op::binunicode8:
      return make(take(number<uint64_t>()));
    case Op::short_binunicode:
    case Op::short_binstring:
      return make(take(number<uint8_t>()));
    case Op::binstring:
      return make(take(number<uint32_t>()));
    case Op::binbytes:
      return make(Raw{take(number<uint32_t>())});
    case Op::short_binbytes:
      return make(Raw{take(number<uint8_t>())});
    case Op::binbytes8:
    case Op::bytearray8:
      return make(Raw{take(number<uint64_t>())});
    case Op::binpersid:
      return make(PersistentId{pop()});
    case Op::binget:
      return get(number<uint8_t>());
    case Op::long_binget:
      return get(number<uint32_t>());
    case Op::binput:
      return put(number<uint8_t>());
    case Op::long_binput:
      return put(number<uint32_t>());
    case Op::memoize:
      return put(memoized_);
    case Op::long1:
      return long_integer(number<uint8_t>());
    case Op::long4:
      return long_integer(number<uint32_t>());
    case Op::proto:
    case Op::stop:
      break;
  }
  refuse("expected an instruction of protocol 2 to 5, got 0x{:02x}", static_cast<unsigned>(op));
}

void Pickle::Machine::run() {
  if (number<uint8_t>() != static_cast<uint8_t>(Op::proto))
    refuse(
        "expected a pickle of protocol 2 to 5; one of protocol 0 or 1 does not say so, and is not read: save it again "
        "with the protocol that torch.save takes by itself");
  if (const unsigned protocol = number<uint8_t>(); protocol < 2 || protocol > 5)
    refuse("expected a pickle of protocol 2 to 5, got {}", protocol);
  for (size_t instructions = 0;; ++instructions) {
    at_ = next_;
    if (instructions == most_instructions) refuse("expected at most {} instructions, got more", most_instructions);
    const auto op = static_cast<Op>(number<uint8_t>());
    if (op == Op::stop) break;
    step(op);
  }
  if (!marks_.empty() || stack_.size() != 1) refuse("expected one value at the end, got {}", stack_.size());
  pickle_.root_ = stack_.back();
  pickle_.size_ = next_;
}

// ---- The result --------------------------------------------------------------------------------------------------

Pickle::Pickle(std::span<const std::byte> bytes, const std::string& where) { Machine(*this, bytes, where).run(); }

std::string Pickle::Global::str() const {
  std::string all;  // fmt takes three times as long, and every tensor asks
  all.reserve(module.size() + 1 + name.size());
  return all.append(module).append(1, '.').append(name);
}

std::string Pickle::called(Ref ref) const {
  const Call* call = get<Call>(ref);
  const Global* global = call == nullptr ? nullptr : get<Global>(call->function);
  return global == nullptr ? "" : global->str();
}

bool Pickle::is_true(Ref ref) const { return ref == true_value; }

Pickle::Ref Pickle::item(Ref ref, std::string_view name) const {
  const Dict* dict = get<Dict>(ref);
  if (dict == nullptr) return none_value;
  for (size_t i = 0; i < dict->items.size(); i += 2)
    if (const auto* key = get<std::string_view>(dict->items[i]); key != nullptr && *key == name)
      return dict->items[i + 1];
  return none_value;
}

std::string_view Pickle::kind(Ref ref) const {
  constexpr std::string_view kinds[] = {"an integer", "a string",     "bytes",     "a global",        "a tuple",
                                        "a list",     "a dictionary", "an object", "a persistent id", ""};
  const Other* other = get<Other>(ref);
  return other != nullptr ? other->kind : kinds[values_[ref].index()];
}

}  // namespace upconv::internal
