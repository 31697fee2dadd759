#pragma once
// Options that several commands have.
#include <upconv/upconv.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace upconv::tools {

/// An option whose value is a whole number from `least` to `most`, as Python's int() reads it: in decimal, so that 010
/// is ten. Anything else is an error that says what is expected.
CLI::Option* add_number(CLI::App& command, const std::string& name, int64_t& value, int64_t least, int64_t most,
                        const std::string& description);

/// --seed, any that torch.manual_seed takes, and --seconds.
void add_seed(CLI::App& command, uint64_t& seed);
void add_seconds(CLI::App& command, double& seconds);

/// What refuses an empty name, which a variable in a script has that was never set.
CLI::Validator named();

/// How the names in a file of weights are read: --key, --strip-prefix, --rename, --ignore and --lenient.
void add_naming_options(CLI::App& command, LoadOptions& options);

/// --weights, and how its names are read.
struct WeightsOptions {
  std::string file;
  LoadOptions naming;
};
void add_weights_options(CLI::App& command, WeightsOptions& options);

/// --program and --ignore-guards, for a network that is a .pt2.
void add_exported_options(CLI::App& command, ExportedOptions& options);

/// SPEC, what says which network a command is about, its weights, and --no-assumptions.
struct NetworkOptions {
  std::string spec;
  ExportedOptions exported;
  WeightsOptions weights;
  bool no_assumptions = false;
};
void add_network_options(CLI::App& command, NetworkOptions& options);

/// What runs it: --threads and --isa.
struct MachineOptions {
  int64_t threads = 0;
  std::optional<Isa> isa;

  /// As the library has them. Says so on stderr where the machine can make fewer threads than are asked for.
  int count() const;
};
void add_machine_options(CLI::App& command, MachineOptions& options);

/// What layers compute with: --precision, --float32 and --round-inputs.
struct PrecisionOptions {
  std::string precision = "float32";
  std::vector<std::string> float32;
  bool round_inputs = false;

  /// Into the options of the library.
  void put(Options& options) const;
};
void add_precision_options(CLI::App& command, PrecisionOptions& options);

/// What algorithms are chosen for and from: --tune, --accuracy, --algorithm and --choices.
struct ChoiceOptions {
  std::string tune, accuracy = "standard", algorithm = "auto", choices;
  double tuning_seconds = 2;
  PrecisionOptions precision;

  /// The one that was asked for, or all.
  std::vector<Tune> tunes() const;
  /// With the first tune and the named algorithm; none for "auto" and "all".
  Options options(const MachineOptions& machine) const;
};
/// `tune` is the default; "" stands for all.
void add_choice_options(CLI::App& command, ChoiceOptions& options, const std::string& tune);
/// --accuracy and those of precision alone, for who knows the rest.
void add_accuracy_option(CLI::App& command, ChoiceOptions& options);
/// --tuning-seconds.
void add_tuning_option(CLI::App& command, const std::string& name, double& seconds);

/// --input, the shapes of a network's inputs; none where it is not given.
void add_inputs(CLI::App& command, std::vector<Shape>& inputs);

/// An option whose value is sizes with commas between them: 1,100,1,1.
CLI::Option* add_sizes(CLI::App& command, const std::string& name, Shape& sizes, const std::string& description);

}  // namespace upconv::tools
