// upconv, the program. Exit status 0, 1 for a failure, 2 for wrong usage; results on stdout, everything else on stderr.
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "framework/suggestion.h"
#include "framework/version.h"
#include "framework/weights/bytes.h"
#include "tools/commands.h"
#include "tools/signals.h"
#include "tools/terminal.h"

namespace {

/// `text` with every argument in it that would be more than a line escaped: the library's errors have names as they
/// are.
std::string with_plain_names(std::string text, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument.find('\n') == argument.npos) continue;
    const std::string shown = upconv::internal::printable(argument);
    for (size_t at = text.find(argument); at != text.npos; at = text.find(argument, at + shown.size()))
      text.replace(at, argument.size(), shown);
  }
  return text;
}

/// What is wrong with the command line that CLI11 would say nothing of; "" where that is nothing.
std::string refusal(const CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (!arguments.empty() && !arguments[0].starts_with('-') &&
      std::find(names.begin(), names.end(), arguments[0]) == names.end()) {
    const std::string nearest = upconv::internal::suggestion(arguments[0], {names.begin(), names.end()});
    return fmt::format("unknown command {}{}", upconv::internal::shown(arguments[0]),
                       nearest.empty() ? fmt::format(": there is {}", fmt::join(names, ", ")) : nearest);
  }
  // The next argument would be taken for the value.
  for (const std::string& argument : arguments)
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1)
      return fmt::format("{} nothing follows: is a variable unset?", upconv::internal::printable(argument));
  return "";
}

int run(CLI::App& app, int argc, char** argv) {
  app.parse(argc, argv);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return 0;
  upconv::tools::note(fmt::format("the results cannot be written: {}", std::generic_category().message(errno)));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto say = [&](const std::string& text) { upconv::tools::note(with_plain_names(text, arguments)); };
  CLI::App app("Runs generator networks that PyTorch trained, on a CPU.", "upconv");
  app.set_version_flag("--version", "upconv " UPCONV_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  upconv generate --seed 7 --count 16 --nrow 4 --out seven.png\n"
      "  upconv run dcgan --input z.npy --output pictures.npy\n"
      "  upconv run net.pt2 --input x.npy --output y.npy\n"
      "  upconv bench \"ConvTranspose2d(128, 64, 4, stride=2, padding=1)\" --input 1,128,32,32\n"
      "  upconv inspect netG.safetensors\n"
      "  upconv convert netG.pth netG.safetensors --dtype f16\n"
      "  upconv pack dcgan\n"
      "  upconv write net.pt2 --name Generator --out generator.h\n"
      "\"upconv COMMAND --help\" says more. NO_COLOR in the environment keeps terminals plain.");
  app.failure_message([&](const CLI::App* failed, const CLI::Error& error) {
    return upconv::tools::escaped(with_plain_names(CLI::FailureMessage::simple(failed, error), arguments));
  });
  upconv::tools::add_generate(app);
  upconv::tools::add_run(app);
  upconv::tools::add_bench(app);
  upconv::tools::add_inspect(app);
  upconv::tools::add_convert(app);
  upconv::tools::add_pack(app);
  upconv::tools::add_tune(app);
  upconv::tools::add_verify(app);
  upconv::tools::add_write(app);
  upconv::tools::hold_standard_streams();
  upconv::tools::handle_signals();
  try {
    if (const std::string wrong = refusal(app, arguments); !wrong.empty()) {
      say(wrong);
      return 2;
    }
    return run(app, argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::bad_alloc&) {
    say("the machine has not enough memory for this");
  } catch (const std::filesystem::filesystem_error& error) {
    say(error.what());
  } catch (const std::system_error& error) {  // of printing
    say(fmt::format("the results cannot be written: {}", error.code().message()));
  } catch (const std::exception& error) {
    say(error.what());
  }
  return 1;
}
