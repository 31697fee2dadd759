// upconv, the program. Exit status 0, 1 for a failure, 2 for wrong usage; results on stdout, everything else on stderr.
#include <cstdio>
#include <exception>
#include <new>

#include "framework/version.h"
#include "tools/commands.h"

int main(int argc, char** argv) {
  CLI::App app("Runs generator networks that PyTorch trained, on a CPU.", "upconv");
  app.set_version_flag("--version", "upconv " UPCONV_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  upconv generate --seed 7 --count 16 --nrow 4 --out seven.png\n"
      "  upconv run dcgan --input z.npy --output pictures.npy\n"
      "  upconv bench \"ConvTranspose2d(128, 64, 4, stride=2, padding=1)\" --input 1,128,32,32\n"
      "  upconv inspect netG.safetensors\n"
      "  upconv convert netG.pth netG.safetensors --dtype f16\n"
      "  upconv pack dcgan\n"
      "\"upconv COMMAND --help\" says more. NO_COLOR in the environment keeps terminals plain.");
  upconv::tools::add_generate(app);
  upconv::tools::add_run(app);
  upconv::tools::add_bench(app);
  upconv::tools::add_inspect(app);
  upconv::tools::add_convert(app);
  upconv::tools::add_pack(app);
  try {
    app.parse(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return 0;
    std::fprintf(stderr, "upconv: the results cannot be written\n");
    return 1;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "upconv: the machine has not enough memory for this\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "upconv: %s\n", error.what());
    return 1;
  }
}
