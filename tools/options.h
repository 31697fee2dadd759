#pragma once
// Options that several commands have.
#include <upconv/upconv.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

namespace upconv::tools {

/// SPEC, what says which network a command is about, and --weights.
struct NetworkOptions {
  std::string spec;
  std::string weights;
};
void add_network_options(CLI::App& command, NetworkOptions& options);

/// What runs it: --threads and --isa.
struct MachineOptions {
  int threads = 0;
  std::optional<Isa> isa;
};
void add_machine_options(CLI::App& command, MachineOptions& options);

/// An option whose value is sizes with commas between them: 1,100,1,1.
CLI::Option* add_sizes(CLI::App& command, const std::string& name, Shape& sizes, const std::string& description);

}  // namespace upconv::tools
