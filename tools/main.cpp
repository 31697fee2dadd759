// upconv, the program. Exit status 0, 1 for a failure, 2 for wrong usage; results on stdout, everything else on stderr.
#include <cstdio>
#include <exception>

#include "tools/commands.h"

int main(int argc, char** argv) {
  CLI::App app("Runs generator networks that PyTorch trained, on a CPU.", "upconv");
  app.set_version_flag("--version", "upconv " UPCONV_VERSION);
  app.require_subcommand(1);
  upconv::tools::add_generate(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upconv: %s\n", error.what());
    return 1;
  }
}
