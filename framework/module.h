#pragma once
#include <concepts>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graph.h"
#include "options.h"
#include "parameter.h"
#include "tensor.h"
#include "weights/state_dict.h"

namespace upconv {

/// The base of every layer and every network, as torch.nn.Module is. A handle: copies share children and parameters,
/// which live on the heap, so nothing dangles when a module is moved, returned or stored. Derive yours, register what
/// it is made of with child(), and say in forward() how values flow; nothing is computed there.
///
/// What forward() reads is constant after construction: a compiled program is kept for as long as no parameter gets
/// other values and no child is added, and would not notice. So the members of the library's layers are constant, their
/// parameters too: `conv.weight.set(values)` gives one other values, and there is no putting another in its place.
/// Layers are copied, moved, returned and stored like any value, but not assigned.
///
/// Calling a module with a Tensor compiles it on first sight of a shape and runs the program; changed parameters are
/// seen by the next call. Calls from several threads are safe as long as none of them changes parameters or children.
class Module {
 public:
  /// One without children and parameters.
  Module();
  virtual ~Module();
  /// Another handle of the same children and parameters.
  Module(const Module&) = default;
  /// The same; the other one is then good for nothing but to be assigned to.
  Module(Module&&) = default;
  /// Makes this a handle of the other one's children and parameters.
  Module& operator=(const Module&) = default;
  /// The same.
  Module& operator=(Module&&) = default;

  /// What the module does to one value. Override this or the form below.
  virtual Value forward(Value x) const;
  /// What the module does to several values.
  virtual Values forward(Values xs) const;

  /// Writes forward() down; for use inside another module's forward().
  Value operator()(Value x) const;
  /// The same of several values.
  Values operator()(const Values& xs) const;
  /// Computes. Shapes as the layers inside say; float32 unless a layer asks for int64. Throws Error naming the layer's
  /// path where a shape does not fit, or a parameter has no values.
  Tensor operator()(const Tensor& x) const;
  /// The same of several tensors.
  std::vector<Tensor> operator()(const std::vector<Tensor>& xs) const;

  /// How calls with tensors are compiled from now on.
  void set_options(const Options& options);

  /// Reads a file of weights and replaces all parameters and buffers by it. What torch.nn.utils' spectral_norm and
  /// weight_norm, old and new, saved in the place of a weight is folded into it. Throws Error that lists every missing,
  /// unexpected and misshapen key; the module is then as it was.
  void load(const std::filesystem::path& path, const LoadOptions& options = {});
  /// The same from the bytes of a file, which are not copied: they must stay where they are for as long as the module
  /// or a copy of it lives, as those do that upconv_embed_weights compiles into a program.
  void load(std::span<const std::byte> bytes, const LoadOptions& options = {});
  /// The same from what was loaded or made before. With strict = false missing and unexpected keys are left alone;
  /// misshapen ones are refused.
  void load_state_dict(const StateDict& state_dict, bool strict = true);
  /// All parameters and buffers that have values, in PyTorch's order, sharing memory with the module.
  [[nodiscard]] StateDict state_dict() const;

  /// Its parameters and those of all descendants, under their full names, in PyTorch's order.
  [[nodiscard]] std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  /// The same of buffers, which are saved beside parameters but not trained.
  [[nodiscard]] std::vector<std::pair<std::string, Parameter>> named_buffers() const;
  /// A parameter or buffer by its full name ("main.0.weight"). Throws Error, listing the names, where there is none.
  [[nodiscard]] Parameter parameter(const std::string& name) const;
  /// Its children in the order in which they were registered.
  [[nodiscard]] std::vector<std::pair<std::string, std::shared_ptr<const Module>>> named_children() const;
  /// Itself under "", then every descendant under its path, each once.
  [[nodiscard]] std::vector<std::pair<std::string, const Module*>> named_modules() const;

  /// The class, as it is printed: the C++ type's unless a layer says otherwise.
  [[nodiscard]] virtual std::string type_name() const;
  /// What stands between the parentheses of a layer without children.
  [[nodiscard]] virtual std::string extra_repr() const { return ""; }
  /// The dimension of the layer's weight that counts its outputs, which spectral norm keeps.
  [[nodiscard]] virtual int64_t output_dim() const { return 0; }
  /// As PyTorch prints a module.
  [[nodiscard]] std::string str() const;

 protected:
  /// Registers `module` under `name` and returns it, so that a member can be initialised with it. What is registered is
  /// a copy, which shares parameters and children with the member: it is what is printed and searched for names, and
  /// the member what forward() calls, so both must stay what they were.
  template <std::derived_from<Module> M>
  M child(std::string name, M module) {
    add_child(std::move(name), std::make_shared<M>(module));
    return module;
  }
  /// The same of a module that is on the heap already. Throws Error where the name is taken, empty or has a dot.
  void add_child(std::string name, std::shared_ptr<const Module> module);
  /// Registers a parameter under `name` and returns it.
  Parameter add_parameter(std::string name, Parameter parameter);
  /// Registers a buffer under `name` and returns it.
  Parameter add_buffer(std::string name, Parameter buffer);
  /// Writes nodes under this module's path, as a call does, for a layer whose forward takes more than values.
  Value scoped(Graph& graph, const std::function<Value()>& write) const;
  /// The tensors' call for a layer whose forward takes more than values: `key` tells its arguments from others.
  std::vector<Tensor> run(const std::vector<Tensor>& xs, const std::string& key,
                          const std::function<Values(const Values&)>& forward) const;

 private:
  struct State;
  class Scope;
  struct Matching;
  std::shared_ptr<State> state_;
};

/// Writes Module::str().
std::ostream& operator<<(std::ostream& out, const Module& module);

/// A module under a name, for sequential({{"conv", ...}, {"act", ...}}).
struct NamedModule {
  /// A copy of `module`, which shares what it is made of.
  template <std::derived_from<Module> M>
  NamedModule(std::string name, M module) : name(std::move(name)), module(std::make_shared<M>(std::move(module))) {}
  /// `module` itself.
  NamedModule(std::string name, std::shared_ptr<const Module> module)
      : name(std::move(name)), module(std::move(module)) {}
  std::string name;                      ///< what it is to be called
  std::shared_ptr<const Module> module;  ///< what it is
};

/// Children one after another, as torch.nn.Sequential. Make it with sequential(...); append() for loops.
class Sequential : public Module {
 public:
  /// The identity, until something is appended.
  Sequential() = default;
  /// Adds a child under its position ("0", "1", ...).
  template <std::derived_from<Module> M>
  Sequential& append(M module) {
    return append(std::make_shared<M>(std::move(module)));
  }
  /// The same of a module that is on the heap already.
  Sequential& append(std::shared_ptr<const Module> module);
  /// Adds a child under its name.
  Sequential& append(NamedModule module);
  /// How many children there are.
  [[nodiscard]] size_t size() const { return named_children().size(); }

  using Module::forward;
  Value forward(Value x) const override;
  std::string type_name() const override { return "Sequential"; }
};

/// torch.nn.Sequential(modules...). Always nests: one Sequential inside another stays a child.
template <std::derived_from<Module>... Modules>
[[nodiscard]] Sequential sequential(Modules... modules) {
  Sequential all;
  (all.append(std::move(modules)), ...);
  return all;
}
/// torch.nn.Sequential(OrderedDict([...])).
[[nodiscard]] Sequential sequential(std::initializer_list<NamedModule> modules);

}  // namespace upconv
