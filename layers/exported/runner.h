#pragma once
// Internal: a program that is written down as values, again for each call.
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "../../framework/fixed_forward.h"
#include "../../framework/forks.h"
#include "../../framework/graph.h"
#include "../exported.h"
#include "operations.h"
#include "program.h"

namespace upconv::internal {

class ExportedRunner : public FixedForward {
 public:
  ExportedRunner(std::shared_ptr<const ExportedProgram> program, const ExportedOptions& options);

  const ExportedProgram& program() const { return *program_; }
  /// What stands for the program's tensors, in its order.
  const std::vector<Parameter>& parameters() const override { return parameters_; }
  /// Writes it down. Throws Error naming the place where something does not fit.
  Values write(const Values& xs) const;

  /// Of each node: whether it depends on weights alone.
  const std::vector<bool>& is_folded() const { return is_folded_; }
  /// The values of such nodes that others read, by their indices.
  std::map<int, Parameter> folded_values() const;

  std::vector<ExportedTensorInfo> inputs, outputs;

 private:
  struct Call;
  void find_folded();
  std::vector<Parameter> folded() const;
  void check_sizes(Call& call, const Values& xs) const;
  void bind_symbol(Call& call, const ExportedSize& size, int64_t got, const std::string& what) const;
  void check_guards(const Call& call, const Values& xs) const;
  void write_node(Call& call, const ExportedNode& node) const;
  void check_result(const Call& call, int value) const;
  std::vector<Item> inputs_of(Call& call, bool all) const;

  std::shared_ptr<const ExportedProgram> program_;
  bool ignore_guards_;
  std::map<std::string, size_t> input_index_;  // of the inputs' names
  std::vector<Parameter> parameters_;
  std::vector<bool> is_folded_;  // of each node: whether it depends on weights alone
  std::vector<int> frontier_;    // the values of such nodes that others read
  std::vector<bool> is_read_;    // of each value: whether a node of a call reads it, or a call gives it

  mutable Mutex mutex_;                                    // guards what follows
  mutable std::optional<std::vector<uint64_t>> versions_;  // of the parameters, when what follows was computed
  mutable std::vector<Parameter> folded_;                  // of the frontier
};

}  // namespace upconv::internal
