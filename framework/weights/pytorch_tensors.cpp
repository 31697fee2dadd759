#include "framework/weights/pytorch_tensors.h"

#include <algorithm>

#include "framework/weights/pickled_arrays.h"
#include "framework/weights/readers.h"
#include "framework/weights/strided.h"

namespace upconv::internal {
namespace {

using Ref = Pickle::Ref;

constexpr size_t max_depth = 64;  // of dictionaries in dictionaries

// ---- What makes tensors ----------------------------------------------------------------------------------------

constexpr std::string_view rebuild_v1 = "torch._utils._rebuild_tensor";
constexpr std::string_view rebuild_v2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view rebuild_v3 = "torch._utils._rebuild_tensor_v3";

/// A function that makes a tensor, and how many arguments it takes.
struct Function {
  std::string_view name;
  size_t least, most;
};
constexpr Function tensor_functions[] = {{rebuild_v1, 4, 4}, {rebuild_v2, 6, 7}, {rebuild_v3, 7, 8}};
/// The first argument of each of these is a tensor, and so is what it makes.
constexpr Function parameter_functions[] = {{"torch._utils._rebuild_parameter", 3, 3},
                                            {"torch._utils._rebuild_parameter_with_state", 4, 4},
                                            {"torch.nn.parameter.Parameter", 1, 2}};

/// What a tensor of a class of its own, or one with attributes, is made by: it names the function for it.
constexpr std::string_view rebuild_of_class = "torch._tensor._rebuild_from_type_v2";
constexpr std::string_view rebuild_prefix = "torch._utils._rebuild_";

template <size_t n>
const Function* find_function(const Function (&functions)[n], std::string_view name) {
  const auto found = std::find_if(functions, functions + n, [&](const Function& row) { return row.name == name; });
  return found == functions + n ? nullptr : found;
}

/// Finds the tensors in what was unpickled, and gives each a name: its path of keys.
class Flattener {
 public:
  Flattener(const Pickle& pickle, const Storages& storages, size_t file_size, const std::string& file)
      : pickle_(pickle),
        storages_(storages),
        file_(file),
        unfolding_left_(std::min(least_unfolding + unfolding_per_byte * pickle.size(), most_unfolding)),
        gathering_left_(most_memory(file_size)) {}

  StateDict flatten();

 private:
  /// How long all names together may be, of a pickle of so many bytes. Dictionaries that occur in many places could
  /// otherwise unfold without end.
  static constexpr uint64_t least_unfolding = uint64_t{1} << 20, unfolding_per_byte = 6;
  static constexpr uint64_t most_unfolding = uint64_t{24} << 20;

  template <class... Args>
  [[noreturn]] void refuse(const std::string& name, fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: tensor {}: {}", file_, shown(name), fmt::format(format, std::forward<Args>(args)...));
  }

  struct Made {
    std::string function;
    const std::vector<Ref>* arguments;
    Ref state = 0;  // of an array of NumPy's
  };
  void charge(uint64_t work);
  bool is_tensor(Ref ref) const;
  bool is_container(Ref ref);
  Ref module_state(Ref ref);
  std::optional<std::string> key(Ref ref);
  void visit(Ref ref, const std::string& name, const std::optional<Made>& by);
  void visit_items(Ref ref, const std::string& prefix);
  void visit_item(Ref item, Ref item_key, const std::string& prefix);
  void visit_dictionary(Ref ref, const std::string& prefix, std::span<const Ref> without = {});
  void visit_module(Ref state, const std::string& prefix);
  std::optional<Made> made(Ref ref) const;
  void add(const Made& made, const std::string& name);
  Shape sizes(Ref ref, std::string_view what, const std::string& name) const;
  std::string sign_changing_view(const Function& function, const std::vector<Ref>& given) const;
  Stored tensor(const Made& made, const std::string& name);
  std::optional<DType> type(const Storage& storage, const Function& function, const std::vector<Ref>& given,
                            const std::string& name) const;

  const Pickle& pickle_;
  const Storages& storages_;
  const std::string& file_;
  uint64_t unfolding_left_;
  uint64_t gathering_left_;
  std::vector<Ref> path_;  // the containers around what is visited
  StateDict weights_;
};

void Flattener::charge(uint64_t work) {
  if (work > unfolding_left_) fail("{}: its dictionaries unfold to names that are much longer than its pickle", file_);
  unfolding_left_ -= work;
}

/// What makes a tensor: a function and its arguments, without the parameter or class around it. Nothing for other
/// values.
std::optional<Flattener::Made> Flattener::made(Ref ref) const {
  std::optional<Made> around;
  for (int depth = 0; depth < 8; ++depth) {
    const auto* call = pickle_.get<Pickle::Call>(ref);
    if (call == nullptr) return around;
    Made one{pickle_.called(ref), &pickle_.get<Pickle::Tuple>(call->arguments)->items};
    if (one.function == rebuild_of_class && one.arguments->size() == 4) {  // function, class, arguments, state
      const auto* function = pickle_.get<Pickle::Global>((*one.arguments)[0]);
      const auto* arguments = pickle_.get<Pickle::Tuple>((*one.arguments)[2]);
      if (function != nullptr && arguments != nullptr) one = {function->str(), &arguments->items};
    }
    if (makes_array(one.function)) return Made{one.function, one.arguments, call->state};
    const bool is_parameter = find_function(parameter_functions, one.function) != nullptr;
    if (!is_parameter && !one.function.starts_with(rebuild_prefix)) return around;
    if (!is_parameter || one.arguments->empty()) return one;
    ref = one.arguments->front();
    around = std::move(one);
  }
  return around;
}

bool Flattener::is_tensor(Ref ref) const { return made(ref).has_value(); }

bool Flattener::is_container(Ref ref) {
  if (const auto* call = pickle_.get<Pickle::Call>(ref)) return call->list || call->dict || module_state(ref);
  return pickle_.get<Pickle::Dict>(ref) || pickle_.get<Pickle::List>(ref) || pickle_.get<Pickle::Tuple>(ref);
}

/// The state of an object that is a torch.nn.Module, or TorchScript's; None for every other value.
Ref Flattener::module_state(Ref ref) {
  const auto* call = pickle_.get<Pickle::Call>(ref);
  const auto* state = call == nullptr ? nullptr : pickle_.get<Pickle::Dict>(call->state);
  if (state == nullptr) return 0;
  charge(state->items.size());
  const bool is_module = pickle_.get<Pickle::Dict>(pickle_.item(call->state, "_modules")) &&
                         pickle_.get<Pickle::Dict>(pickle_.item(call->state, "_parameters"));
  return is_module || pickle_.called(ref).starts_with("__torch__.") ? call->state : 0;
}

/// None for a key that no tensor is saved under.
std::optional<std::string> Flattener::key(Ref ref) {
  if (const auto* number = pickle_.get<int64_t>(ref)) return std::to_string(*number);
  const auto* text = pickle_.get<std::string_view>(ref);
  if (text == nullptr) return {};
  charge(text->size());
  if (!is_utf8(*text)) fail("{}: the key {} is not valid UTF-8", file_, shown(*text));
  return std::string(*text);
}

/// `by` is what makes it where it is a tensor.
void Flattener::visit(Ref ref, const std::string& name, const std::optional<Made>& by) {
  charge(16 + name.size());
  if (by) return add(*by, name);
  if (std::find(path_.begin(), path_.end(), ref) != path_.end()) fail("{}: {} holds itself", file_, shown(name));
  if (path_.size() == max_depth) fail("{}: dictionaries are nested more than {} deep", file_, max_depth);
  path_.push_back(ref);
  visit_items(ref, path_.size() == 1 ? "" : name + ".");
  path_.pop_back();
}

void Flattener::visit_item(Ref item, Ref item_key, const std::string& prefix) {
  charge(1);
  const std::optional<Made> by = made(item);
  if (!by && !is_container(item)) return;
  if (const std::optional<std::string> name = key(item_key)) visit(item, prefix + *name, by);
}

void Flattener::visit_dictionary(Ref ref, const std::string& prefix, std::span<const Ref> without) {
  const auto* dict = pickle_.get<Pickle::Dict>(ref);
  if (dict == nullptr) return;
  const auto is_without = [&](Ref item_key) {
    const auto* name = pickle_.get<std::string_view>(item_key);
    charge(without.size());
    return name != nullptr && std::any_of(without.begin(), without.end(), [&](Ref other) {
             const auto* text = pickle_.get<std::string_view>(other);
             return text != nullptr && *text == *name;
           });
  };
  for (size_t i = 0; i < dict->items.size(); i += 2)
    if (without.empty() || !is_without(dict->items[i])) visit_item(dict->items[i + 1], dict->items[i], prefix);
}

/// As state_dict() goes over it: parameters, buffers that are saved, children. TorchScript keeps them side by side.
void Flattener::visit_module(Ref state, const std::string& prefix) {
  const Ref parameters = pickle_.item(state, "_parameters");
  if (pickle_.get<Pickle::Dict>(parameters) == nullptr) return visit_dictionary(state, prefix);
  const auto* unsaved = pickle_.get<Pickle::List>(pickle_.item(state, "_non_persistent_buffers_set"));
  visit_dictionary(parameters, prefix);
  visit_dictionary(pickle_.item(state, "_buffers"), prefix,
                   unsaved ? std::span<const Ref>(unsaved->items) : std::span<const Ref>());
  visit_dictionary(pickle_.item(state, "_modules"), prefix);
}

void Flattener::visit_items(Ref ref, const std::string& prefix) {
  if (const Ref state = module_state(ref)) return visit_module(state, prefix);
  if (const auto* call = pickle_.get<Pickle::Call>(ref)) ref = call->dict ? call->dict : call->list;
  if (const auto* dict = pickle_.get<Pickle::Dict>(ref)) {
    if (path_.size() == 1)
      for (size_t i = 0; i < dict->items.size(); i += 2)
        if (!is_tensor(dict->items[i + 1]))
          if (std::optional<std::string> outer = key(dict->items[i])) weights_.outer_keys.push_back(std::move(*outer));
    return visit_dictionary(ref, prefix);
  }
  const auto* list = pickle_.get<Pickle::List>(ref);
  const std::vector<Ref>& items = list != nullptr ? list->items : pickle_.get<Pickle::Tuple>(ref)->items;
  for (size_t i = 0; i < items.size(); ++i) {
    charge(1);
    const std::optional<Made> by = made(items[i]);
    if (by || is_container(items[i])) visit(items[i], prefix + std::to_string(i), by);
  }
}

StateDict Flattener::flatten() {
  const Ref root = pickle_.root();
  if (!is_tensor(root) && !is_container(root))
    fail("{}: expected a dictionary of tensors, or a module, got {}{}", file_, pickle_.kind(root),
         pickle_.called(root).empty() ? "" : fmt::format(", {}, which is not made", shown(pickle_.called(root))));
  visit(root, "weight", made(root));  // as a lone array is called
  return std::move(weights_);
}

void Flattener::add(const Made& made, const std::string& name) {
  if (weights_.size() == max_tensors) fail("{}: expected at most {} tensors, got more", file_, max_tensors);
  if (weights_.find(name) != nullptr) refuse(name, "occurs twice");
  weights_.add(name, tensor(made, name));
}

Shape Flattener::sizes(Ref ref, std::string_view what, const std::string& name) const {
  const auto* tuple = pickle_.get<Pickle::Tuple>(ref);
  if (tuple == nullptr) refuse(name, "expected a tuple as {}, got {}", what, pickle_.kind(ref));
  if (tuple->items.size() > max_rank)
    refuse(name, "expected at most {} dimensions, got {}", max_rank, tuple->items.size());
  Shape numbers;
  for (const Ref item : tuple->items) {
    const int64_t* number = pickle_.get<int64_t>(item);
    if (number == nullptr) refuse(name, "expected whole numbers as {}, got {}", what, pickle_.kind(item));
    if (*number < 0) refuse(name, "a negative number in its {}: {}", what, *number);
    numbers.push_back(*number);
  }
  return numbers;
}

/// Nothing for one that is not read.
std::optional<DType> Flattener::type(const Storage& storage, const Function& function, const std::vector<Ref>& given,
                                     const std::string& name) const {
  if (function.name != rebuild_v3) {
    if (!storage.type) refuse(name, "expected a storage of {}, got one without type", readable_types);
    return storage.type;
  }
  constexpr size_t dtype_index = 6;
  const auto* dtype = pickle_.get<Pickle::Global>(given[dtype_index]);
  if (dtype == nullptr) refuse(name, "expected a dtype, got {}", pickle_.kind(given[dtype_index]));
  if (storage.type) refuse(name, "expected an UntypedStorage for {}", function.name);
  return type_of_dtype(dtype->str());
}

/// Which view PyTorch would take when it reads the elements, of those that change signs. The argument that may be left
/// out is a dictionary that says so.
std::string Flattener::sign_changing_view(const Function& function, const std::vector<Ref>& given) const {
  const bool is_given = function.least < function.most && given.size() == function.most;
  if (!is_given) return "";
  for (const std::string_view view : {"neg", "conj"})
    if (pickle_.item(given.back(), view) != 0) return std::string(view);
  return "";
}

Stored Flattener::tensor(const Made& made, const std::string& name) {
  if (makes_array(made.function))
    return pickled_array(pickle_, made.function, *made.arguments, made.state, gathering_left_);
  const Function* function = find_function(tensor_functions, made.function);
  if (find_function(parameter_functions, made.function)) refuse(name, "expected a tensor in a parameter");
  if (function == nullptr)
    return unreadable_tensor(fmt::format("no plain array, but made by {}", printable(made.function)));
  const std::vector<Ref>& given = *made.arguments;
  if (given.size() < function->least || given.size() > function->most)
    refuse(name, "expected {} {}arguments for {}, got {}", function->least,
           function->least == function->most ? "" : fmt::format("or {} ", function->most), function->name,
           given.size());
  const StoragePart* part = storages_.part(given[0]);
  if (part == nullptr) refuse(name, "expected a storage, got {}", pickle_.kind(given[0]));
  const Storage& storage = storages_[*part];
  const int64_t* offset = pickle_.get<int64_t>(given[1]);
  if (offset == nullptr) refuse(name, "expected a whole number as offset, got {}", pickle_.kind(given[1]));
  if (*offset < 0) refuse(name, "a negative offset: {}", *offset);
  Shape shape = sizes(given[2], "shape", name);
  const Shape strides = sizes(given[3], "strides", name);
  if (strides.size() != shape.size())
    refuse(name, "expected as many strides as dimensions, got {} and {}", strides.size(), shape.size());

  if (!storage.foreign.empty()) return unreadable_tensor(fmt::format("of {}", storage.foreign), std::move(shape));
  if (const std::string view = sign_changing_view(*function, given); !view.empty())
    return unreadable_tensor(fmt::format("a view that changes signs ({}); save its clone()", view), std::move(shape));
  const std::optional<DType> element_type = type(storage, *function, given, name);
  if (!element_type) return unreadable_tensor("of " + pickle_.get<Pickle::Global>(given[6])->str(), std::move(shape));
  const Bytes bytes = {storage.data.span.subspan(part->first * storage.element(), part->count * storage.element()),
                       storage.data.owner};
  return strided(bytes, *element_type, static_cast<uint64_t>(*offset), std::move(shape), strides, gathering_left_,
                 file_, name);
}

}  // namespace

StateDict flatten(const Pickle& pickle, const Storages& storages, size_t file_size, const std::string& file) {
  return Flattener(pickle, storages, file_size, file).flatten();
}

}  // namespace upconv::internal
