#pragma once
// The subcommands of the upconv program: each adds itself to the command line and runs when it is chosen.
#include <CLI/CLI.hpp>

namespace upconv::tools {

void add_generate(CLI::App& app);
void add_run(CLI::App& app);
void add_bench(CLI::App& app);
void add_inspect(CLI::App& app);
void add_convert(CLI::App& app);
void add_pack(CLI::App& app);
void add_tune(CLI::App& app);
void add_verify(CLI::App& app);
void add_write(CLI::App& app);

}  // namespace upconv::tools
