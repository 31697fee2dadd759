#pragma once
// Options that several commands have.
#include <upconv/upconv.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace upconv::tools {

/// How the names in a file of weights are read: --key, --strip-prefix, --rename, --ignore and --lenient.
void add_naming_options(CLI::App& command, LoadOptions& options);

/// --weights, and how its names are read.
struct WeightsOptions {
  std::string file;
  LoadOptions naming;
};
void add_weights_options(CLI::App& command, WeightsOptions& options);

/// SPEC, what says which network a command is about, its weights, and --no-assumptions.
struct NetworkOptions {
  std::string spec;
  WeightsOptions weights;
  bool no_assumptions = false;
};
void add_network_options(CLI::App& command, NetworkOptions& options);

/// What runs it: --threads and --isa.
struct MachineOptions {
  int threads = 0;
  std::optional<Isa> isa;
};
void add_machine_options(CLI::App& command, MachineOptions& options);

/// What algorithms are chosen for and from: --tune, --accuracy and --algorithm.
struct ChoiceOptions {
  std::string tune, accuracy = "standard", algorithm = "auto";

  /// The one that was asked for, or all.
  std::vector<Tune> tunes() const;
  /// With the first tune and the named algorithm; none for "auto" and "all".
  Options options(const MachineOptions& machine) const;
};
/// `tune` is the default; "" stands for all.
void add_choice_options(CLI::App& command, ChoiceOptions& options, const std::string& tune);

/// --input, the shapes of a network's inputs; none where it is not given.
void add_inputs(CLI::App& command, std::vector<Shape>& inputs);

/// An option whose value is sizes with commas between them: 1,100,1,1.
CLI::Option* add_sizes(CLI::App& command, const std::string& name, Shape& sizes, const std::string& description);

}  // namespace upconv::tools
