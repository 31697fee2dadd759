#pragma once
// An exported program as the calls of modules that it was traced from: which of them made which values, what each was
// given and what it gave.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "layers/exported/runner.h"
#include "tools/write/expression.h"

namespace upconv::tools {

/// A library's layer that a call is: how it is made, and where its parameters come from.
struct LayerCall {
  Expression constructor;
  std::string type;  ///< "Conv2d"
  int input = -1, output = -1;
  /// Names in the state dictionary, without the path, and which of the program's values they are; -1 is a count of 0.
  std::vector<std::pair<std::string, int>> state = {};
};

/// torch.nn.functional.normalize, of which an archive has the operations.
struct Normalization {
  int value = -1;  ///< what is divided by its norm
  double p = 2;
  int64_t dim = 1;
  double eps = 1e-12;
};

/// A tensor with dimensions of 1 more, as squeeze() of what unsqueeze() has made leaves it.
struct Unsqueezed {
  int value = -1;
  std::vector<int64_t> dims;  ///< where they are in the result
};

struct Call;

/// What a call does: an operation, or a call of another module.
struct Step {
  int node = -1;
  std::unique_ptr<Call> call;
};

struct Call {
  std::string key;        ///< that no other call has
  std::string path;       ///< of the module
  std::string type_name;  ///< its class, with modules
  std::vector<Step> steps;
  std::optional<LayerCall> layer;
  std::vector<int> inputs, outputs;  ///< values from and for others
  int first = 0, last = -1;          ///< the nodes that it has
};

/// A module of the program.
struct ModuleNode {
  std::string path, name;
  std::string type_name;              ///< "" where it was never called
  std::vector<std::string> children;  ///< their paths, in their order
  std::vector<int> tensors;           ///< its own parameters and buffers, among the program's
  std::vector<Call*> calls;
  int height = 0;  ///< how many levels are below
};

class Calls {
 public:
  explicit Calls(const internal::ExportedRunner& runner);

  const internal::ExportedProgram& program() const { return runner_.program(); }
  const Call& root() const { return root_; }
  const std::map<std::string, ModuleNode>& modules() const { return modules_; }
  const ModuleNode& module(const std::string& path) const { return modules_.at(path); }
  /// What a value is in the end, behind copies and views that change nothing.
  int same(int value) const;
  /// Which node makes it; -1 for inputs and parameters.
  int maker(int value) const { return makers_[static_cast<size_t>(value)]; }
  /// Which of the program's tensors it is, or -1.
  int tensor(int value) const { return tensors_[static_cast<size_t>(value)]; }
  bool is_folded(int value) const;
  bool is_tensor(int value) const;
  /// What the last operation of normalize() does; nullptr of all other nodes.
  const Normalization* normalization(int node) const;
  /// What a squeeze() comes to; nullptr of all other nodes.
  const Unsqueezed* unsqueezed(int node) const;
  /// How many dimensions a tensor has, as far as that is said.
  size_t rank(int value) const;
  /// Whether anything that is written reads it.
  bool is_live(int value) const { return live_.contains(value); }
  /// What a step of a call reads and makes, but for parameters that the call's module has.
  std::vector<int> reads(const Call& call, const Step& step) const;
  std::vector<int> makes(const Step& step) const;
  /// What a value is called at a node: layers that work in place change what their callers have.
  int seen(int value, int node) const;
  /// Whether it is a parameter or constant that a module reaches by itself.
  bool is_reached(int value, const std::string& path) const;
  /// Tensors that a node's arguments are.
  std::vector<int> tensors_of(const internal::ExportedNode& node) const;
  /// Throws Error that names the operation and where it is.
  [[noreturn]] void refuse(int node, const std::string& why) const;
  [[noreturn]] void refuse(const std::string& why) const;

 private:
  void read_modules();
  void read_calls();
  void find_layers(Call& call);
  void find_copies(Call& call, bool in_layer);
  int copied(int node) const;
  int origin_of_view(int node) const;
  std::optional<Unsqueezed> unsqueezed_of(int node, int views = 0) const;
  bool is_ones(int value, int views = 0) const;
  void find_normalizations(Call& call, const std::vector<int>& counts);
  std::vector<int> count_readers() const;
  std::optional<Normalization> normalization_of(int node, std::vector<int>& parts) const;
  void settle_in_place(Call& call);
  void find_live(const Call& call);
  void find_ends(Call& call);
  void drop_dead(Call& call);
  bool is_number_node(const internal::ExportedNode& node) const;

  const internal::ExportedRunner& runner_;
  std::vector<int> makers_, tensors_;
  std::map<int, int> same_;
  std::map<int, Normalization> normalizations_;  // by the nodes that divide
  std::map<int, Unsqueezed> unsqueezed_;         // by the nodes that squeeze
  /// Of a value that a layer makes in place: the value that it was, which stands for it outside of those nodes.
  struct Overwritten {
    int first, last, before;
  };
  std::map<int, std::vector<Overwritten>> overwritten_;
  std::map<int, int> in_place_;  // of each result of such a layer: what it writes over
  std::set<int> live_;
  std::map<int, std::vector<int>> readers_;  // of each value: the nodes that read it
  std::map<std::string, ModuleNode> modules_;
  Call root_;
};

/// The library's layer that a call of a module of torch.nn is, or nothing where it does something else.
std::optional<LayerCall> layer_of(const Calls& calls, const Call& call);

}  // namespace upconv::tools
