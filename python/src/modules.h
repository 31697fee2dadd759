#pragma once
// Modules that are made in Python: layers of the table, and classes of the user's own with a forward() of values.
#include <nanobind/nanobind.h>
#include <upconv/upconv.h>

#include <memory>
#include <string>
#include <vector>

#include "arrays.h"

namespace upconv::python {

namespace nb = nanobind;

/// What a Python object of class Module is in C++. Its forward() is the one that its class defines, or else that of the
/// layer that it stands for, with which it shares parameters and children.
class PythonModule : public AnyModule {
 public:
  /// Of an object whose class has a forward() of its own.
  explicit PythonModule(nb::handle self) : self_(self) {}
  /// Of a layer, or of a class that derives from one; with the arguments that the layer was made of.
  PythonModule(nb::handle self, const std::shared_ptr<AnyModule>& layer, nb::dict arguments);
  // The object lies inside the one of Python, which is one alone.
  PythonModule(const PythonModule&) = delete;
  PythonModule& operator=(const PythonModule&) = delete;

  /// Writes forward() down for arguments that hold values, and gives what it gives.
  nb::object write(const nb::tuple& args, const nb::dict& kwargs) const;
  /// Computes forward() of arguments that hold `arrays`, in this order; arrays take the place of values in the result.
  nb::object compute(const nb::tuple& args, const nb::dict& kwargs, const Arrays& arrays) const;
  /// Whether Python defines forward().
  bool is_written_in_python() const;
  /// forward() of the layer that it stands for.
  Values layer_forward(const Values& xs) const;

  /// What the layer was made of, by name. It cannot be changed, nor can the parameters that the layer has by itself.
  const nb::dict& arguments() const { return arguments_; }
  bool is_of_layer(const std::string& name) const;

  /// object.name = value: modules and parameters become the module's own, under that name, in the place of what had it.
  void set(const std::string& name, nb::handle value);
  /// The same of a buffer.
  void set_buffer(const std::string& name, const Parameter& buffer);
  /// Takes away a child or parameter.
  void forget(const std::string& name) { remove(name); }

  std::string type_name() const override;
  std::string extra_repr() const override;
  int64_t output_dim() const override { return layer_ ? layer_->output_dim() : 0; }
  std::string str() const override;

 private:
  Values forward_all(const Values& xs) const override;

  nb::handle self_;  // not kept: it keeps this
  std::shared_ptr<AnyModule> layer_;
  nb::dict arguments_;
  std::vector<std::string> layer_names_;  // of its parameters
};

/// Calls any module, with values or with arrays.
nb::object called(nb::handle self, const nb::args& args, const nb::kwargs& kwargs);

/// The classes Parameter and Module.
void bind_modules(nb::module_& m);

}  // namespace upconv::python
