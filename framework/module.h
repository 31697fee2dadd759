#pragma once
#include <concepts>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "graph.h"
#include "options.h"
#include "parameter.h"
#include "tensor.h"
#include "weights/state_dict.h"

namespace upconv {

class Program;

namespace internal {
class FixedForward;
}

/// What every layer and every network is, whatever its forward() takes and gives: a tree of named children, parameters
/// and buffers, as torch.nn.Module is. Derive yours from Module, or from ModuleOf where forward() is not from one value
/// to one value.
///
/// A handle: copies share children and parameters, which live on the heap, so nothing dangles when a module is moved,
/// returned or stored; calling one that was moved from throws Error.
///
/// Calling a module with a Tensor runs its forward(), which writes down how values flow, and then the program that was
/// compiled of such a graph before, or compiles one. So a call sees whatever forward() reads as it is then: parameters,
/// children, members, the options of the module. Writing down costs about a microsecond for each layer; an Exported
/// network is spared it while neither shapes nor weights change, and so is a Program that compile() gives, which is a
/// snapshot.
///
/// Calls from several threads are safe as long as none of them changes what they read.
class AnyModule {
 public:
  /// One without children and parameters.
  AnyModule();
  virtual ~AnyModule();
  /// Another handle of the same children and parameters.
  AnyModule(const AnyModule&) = default;
  /// The same; the other one is then good for nothing but to be assigned to.
  AnyModule(AnyModule&&) = default;
  /// Makes this a handle of the other one's children and parameters.
  AnyModule& operator=(const AnyModule&) = default;
  /// The same.
  AnyModule& operator=(AnyModule&&) = default;

  /// Writes forward() down; for use inside another module's forward(). Throws Error where there are more or fewer
  /// values than forward() takes.
  Values operator()(const Values& xs) const;
  /// The same of one value to one value.
  Value operator()(const Value& x) const;
  /// Computes. Shapes as the layers inside say; float32 unless a layer asks for int64. Throws Error naming the layer's
  /// path where a shape does not fit, or a parameter has no values.
  std::vector<Tensor> operator()(const std::vector<Tensor>& xs) const;
  /// The same of one tensor to one tensor.
  Tensor operator()(const Tensor& x) const;

  /// How calls with tensors are compiled from now on.
  void set_options(const Options& options);

  /// Reads a file of weights and replaces all parameters and buffers by it. What torch.nn.utils' spectral_norm and
  /// weight_norm, old and new, saved in the place of a weight is folded into it. A child that stands in two places, or
  /// a parameter that does, is in the file under each of its names, as PyTorch saves it, with equal values. Throws
  /// Error that lists every missing, unexpected and misshapen key; the module is then as it was.
  void load(const std::filesystem::path& path, const LoadOptions& options = {});
  /// The same from the bytes of a file, which are not copied: they must stay where they are for as long as the module
  /// or a copy of it lives, as those do that upconv_embed_weights compiles into a program.
  void load(std::span<const std::byte> bytes, const LoadOptions& options = {});
  /// The same from what was loaded or made before. With strict = false missing and unexpected keys are left alone;
  /// misshapen ones are refused.
  void load_state_dict(const StateDict& state_dict, bool strict = true);
  /// All parameters and buffers that have values, in PyTorch's order and under all their names, sharing memory with the
  /// module.
  [[nodiscard]] StateDict state_dict() const;

  /// Its parameters and those of all descendants, under their full names, in PyTorch's order, each once.
  [[nodiscard]] std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// The same of buffers, which are saved beside parameters but not trained.
  [[nodiscard]] std::vector<std::pair<std::string, Parameter>> named_buffers() const;
  /// A parameter or buffer by one of its full names ("main.0.weight"). Throws Error, listing the names, where there is
  /// none.
  [[nodiscard]] Parameter parameter(const std::string& name) const;
  /// Its children in the order in which they were registered.
  [[nodiscard]] std::vector<std::pair<std::string, std::shared_ptr<const AnyModule>>> named_children() const;
  /// Itself under "", then every descendant under its path, each once.
  [[nodiscard]] std::vector<std::pair<std::string, const AnyModule*>> named_modules() const;
  /// torch.nn.Module.apply: calls f(module) for every descendant, children before their parents, and itself last.
  void apply(const std::function<void(const AnyModule&)>& f) const;

  /// The class, as it is printed: the C++ type's unless a layer says otherwise.
  [[nodiscard]] virtual std::string type_name() const;
  /// What stands between the parentheses of a layer, before its children.
  [[nodiscard]] virtual std::string extra_repr() const { return ""; }
  /// The dimension of the layer's weight that counts its outputs, which spectral norm keeps.
  [[nodiscard]] virtual int64_t output_dim() const { return 0; }
  /// As PyTorch prints a module.
  [[nodiscard]] virtual std::string str() const;

 protected:
  /// Registers `module` under `name`. What it returns is the child itself, which lives as long as the module or a copy:
  /// hold it by reference, so that what is printed, named and loaded is what forward() calls:
  /// `Conv2d& conv = child("conv", Conv2d(3, 8, 3));`. A copy of it computes the same unless one of its members is
  /// changed; calling a copy that would print otherwise than the child throws Error. Throws Error where the name is
  /// taken, empty or has a dot.
  template <std::derived_from<AnyModule> M>
  M& child(std::string name, M module) {
    return child(std::move(name), std::make_shared<M>(std::move(module)));
  }
  /// The same of a module that is on the heap already, and may be another one's child too.
  template <std::derived_from<AnyModule> M>
  M& child(std::string name, const std::shared_ptr<M>& module) {
    add_child(std::move(name), module);
    return *module;
  }
  /// The same of any module.
  void add_child(std::string name, std::shared_ptr<AnyModule> module);
  /// Registers a parameter under `name` and returns it. It becomes a Value where forward() uses it: `gamma * x`. Throws
  /// Error where the name is taken, empty or has a dot.
  Parameter add_parameter(std::string name, Parameter parameter);
  /// Registers a buffer under `name` and returns it. The same is true of it.
  Parameter add_buffer(std::string name, Parameter buffer);

  /// A child by its position; negative counts from the end. Throws Error where there is none.
  [[nodiscard]] AnyModule& child_at(int64_t index) const { return *shared_child_at(index); }
  /// The same as add_child() takes it.
  [[nodiscard]] const std::shared_ptr<AnyModule>& shared_child_at(int64_t index) const;
  /// A child by its name. Throws Error, listing the names, where there is none.
  [[nodiscard]] AnyModule& child_named(const std::string& name) const;
  /// How many children there are.
  [[nodiscard]] size_t child_count() const;
  /// Takes away the child, parameter or buffer of that name, if there is one.
  void remove(const std::string& name);
  /// str() of a list: equal neighbours once, with their number.
  [[nodiscard]] std::string list_str() const;

  /// Calls `write`, which writes nodes under this module's path, in the graph of the first of `xs`, or of whoever is
  /// writing where there are none.
  void scoped(std::span<const Value> xs, const std::function<void()>& write) const;
  /// Computes what `write` writes down of values for `xs`.
  std::vector<Tensor> run(const std::vector<Tensor>& xs, const std::function<Values(const Values&)>& write) const;
  /// forward() of values of any number. Throws Error where it has none of that kind.
  virtual Values forward_all(const Values& xs) const;
  /// That of another module, under this one's path: for a module that stands for a copy of it.
  static Values forward_of(const AnyModule& module, const Values& xs) { return module.forward_all(xs); }
  /// What forward_all() reads, where that is decided once and for all, or nullptr: it may read anything, so that each
  /// call writes it down. A class that says something here must not leave forward_all() to those that derive from it.
  [[nodiscard]] virtual std::shared_ptr<const internal::FixedForward> fixed_forward() const { return nullptr; }
  /// Throws Error where forward(), which takes `expected` values, was given others.
  void check_count(size_t expected, size_t got) const;

 private:
  struct State;
  struct Matching;
  class Scope;
  friend Program compile(const AnyModule&, std::span<const Type>, const Options&);
  State& state() const;
  std::vector<Tensor> run(const std::vector<Tensor>& xs, const std::function<Values(const Values&)>& write,
                          const std::shared_ptr<const internal::FixedForward>& fixed) const;
  void check_single(size_t results) const;
  void check_parameters(const Fingerprint& print) const;
  std::vector<std::pair<std::string, Parameter>> named(bool buffers) const;

  std::shared_ptr<State> state_;
};

/// Writes AnyModule::str().
std::ostream& operator<<(std::ostream& out, const AnyModule& module);

namespace internal {

/// What a call with tensors takes and gives in the place of values.
template <class T>
struct InTensors {
  using Type = T;
};
template <>
struct InTensors<Value> {
  using Type = Tensor;
};
template <>
struct InTensors<Values> {
  using Type = std::vector<Tensor>;
};
template <class... T>
struct InTensors<std::tuple<T...>> {
  using Type = std::tuple<typename InTensors<T>::Type...>;
};

/// All values, or all tensors, of an argument or result, one after another.
template <class One>
void gather(std::vector<One>& all, const One& one) {
  all.push_back(one);
}
template <class One>
void gather(std::vector<One>& all, const std::vector<One>& many) {
  all.insert(all.end(), many.begin(), many.end());
}
template <class One, class... T>
void gather(std::vector<One>& all, const std::tuple<T...>& many) {
  std::apply([&](const T&... each) { (gather(all, each), ...); }, many);
}
template <class One>
void gather(std::vector<One>&, const auto&) {}  // of something else there is none

/// The way back: takes from `from` on as much as T holds; what is neither value nor tensor stays as it was given.
template <class T, class One>
T scatter(const std::vector<One>& all, size_t& from, const auto& given) {
  if constexpr (std::is_same_v<T, One>) {
    return all[from++];
  } else if constexpr (std::is_same_v<T, std::vector<One>>) {
    const size_t count = given.size(), begin = std::exchange(from, from + count);
    return T(all.begin() + static_cast<std::ptrdiff_t>(begin),
             all.begin() + static_cast<std::ptrdiff_t>(begin + count));
  } else {
    return given;
  }
}

/// A result of the shape of T, of all there is.
template <class T, class One>
T result_of(const std::vector<One>& all) {
  if constexpr (std::is_same_v<T, One>)
    return all.front();
  else if constexpr (std::is_same_v<T, std::vector<One>>)
    return all;
  else
    return [&]<size_t... i>(std::index_sequence<i...>) {
      return T{all[i]...};
    }(std::make_index_sequence<std::tuple_size_v<T>>());
}

}  // namespace internal

/// ModuleOf<Result(Arguments...)>.
template <class Signature>
class ModuleOf;

/// A module whose forward() has the signature Result(Arguments...): `ModuleOf<Value(Value, Value)>`. Result is Value,
/// a std::tuple of Value, or Values where their number varies; an argument is Value, or Values as the only one of its
/// kind, or something that is no value, such as a number, and is the same for a call with tensors.
template <class Result, class... Arguments>
class ModuleOf<Result(Arguments...)> : public AnyModule {
  static constexpr bool of_values = std::is_same_v<std::tuple<Arguments...>, std::tuple<Values>>;

 public:
  /// What the module does to its arguments; nothing is computed there. Override it.
  virtual Result forward(Arguments... arguments) const = 0;

  /// Writes forward() down; for use inside another module's forward().
  Result operator()(const Arguments&... arguments) const {
    Values values;
    (internal::gather(values, arguments), ...);
    std::optional<Result> result;
    scoped(values, [&] { result.emplace(forward(arguments...)); });
    return *std::move(result);
  }
  /// Computes: Tensor in the place of each Value. Throws Error as the call with a vector does.
  typename internal::InTensors<Result>::Type operator()(
      const typename internal::InTensors<Arguments>::Type&... arguments) const
    requires(sizeof...(Arguments) > 0)
  {
    std::vector<Tensor> tensors;
    (internal::gather(tensors, arguments), ...);
    const std::vector<Tensor> results = run(tensors, [&](const Values& values) {
      size_t from = 0;
      // Braces, because what stands in them is evaluated from left to right.
      const std::tuple<Arguments...> given{internal::scatter<Arguments>(values, from, arguments)...};
      Values all;
      internal::gather(all, std::apply([&](const Arguments&... each) { return (*this)(each...); }, given));
      return all;
    });
    return internal::result_of<typename internal::InTensors<Result>::Type>(results);
  }
  /// The call with values of any number, for who does not know the signature.
  Values operator()(const Values& xs) const
    requires(!of_values)
  {
    return AnyModule::operator()(xs);
  }
  /// The same of tensors.
  std::vector<Tensor> operator()(const std::vector<Tensor>& xs) const
    requires(!of_values)
  {
    return AnyModule::operator()(xs);
  }

 private:
  Values forward_all(const Values& xs) const final {
    Values all;
    if constexpr (of_values) {
      internal::gather(all, forward(xs));
    } else if constexpr ((std::is_same_v<Arguments, Value> && ...)) {
      check_count(sizeof...(Arguments), xs.size());
      [&]<size_t... i>(std::index_sequence<i...>) {
        internal::gather(all, forward(xs[i]...));
      }(std::make_index_sequence<sizeof...(Arguments)>());
    } else {
      return AnyModule::forward_all(xs);
    }
    return all;
  }
};

/// The base of layers and networks from one value to one value, which most are: `Value forward(Value x) const
/// override`.
class Module : public ModuleOf<Value(Value)> {};

}  // namespace upconv
