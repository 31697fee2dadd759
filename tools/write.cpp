// upconv write: an exported network as a header that a person can go on with.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <cctype>
#include <filesystem>
#include <memory>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/pt2.h"
#include "framework/weights/writers.h"
#include "layers/exported/modulation.h"
#include "layers/exported/reader.h"
#include "layers/exported/upsampling.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/write/names.h"
#include "tools/write/writer.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Write {
  std::string in, out, name = "Generator", space, program;

  void run() const;
};

/// A name of C++: what names a struct or a namespace.
CLI::Validator cpp_name() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        bool fits = !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0);
        for (const char c : text) fits &= std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
        return fits && is_free_name(text)
                   ? ""
                   : fmt::format("expected a name that C++ lets a struct have, got {}", shown(text));
      },
      "");
}

void Write::run() const {
  const std::filesystem::path header(out);
  std::filesystem::path weights = header;
  weights.replace_extension(".safetensors");
  if (out == "-" || header.filename().empty() || weights == header)
    fail("{}: expected the name of a header: the weights go into a file beside it, whose name ends in .safetensors",
         printable(out));
  const std::string space_name = space.empty() ? identifier_of(header.stem().string(), "network") : space;

  Result text(header.string()), tensors(weights.string());
  MappedFile file = map_or_read(in);
  const ExportedParts parts = read_exported(file.bytes, in, std::move(file.owner), program);
  auto read = std::make_shared<ExportedProgram>(read_program(parts));
  refuse_unsupported(*read);
  // As load_exported() does: what is written has its bits.
  recognise_modulation(*read);
  recognise_upsampling(*read);
  const ExportedRunner runner(std::move(read), {});

  std::string command = fmt::format("upconv write {} --name {} --out {}", printable(in), name, printable(out));
  if (!space.empty()) command += " --namespace " + space;
  if (!program.empty()) command += " --program " + printable(program);
  const Header made = write_header(runner, {name, space_name, command, printable(weights.filename().string())});
  write_safetensors(tensors.output(), tensors.name(), made.weights, {});
  text.output().write(made.text.data(), made.text.size());
  tensors.finish(fmt::format("{} tensor{}", made.weights.size(), made.weights.size() == 1 ? "" : "s"));
  text.finish(fmt::format("{}::{}", space_name, name));
}

}  // namespace

void add_write(CLI::App& app) {
  auto options = std::make_shared<Write>();
  CLI::App* command = app.add_subcommand("write", "Write an exported network as C++ that can be edited");
  command->add_option("FILE", options->in, "What torch.export.save wrote (.pt2)")->check(named())->required();
  command->add_option("--name", options->name, "The struct of the whole network")
      ->check(cpp_name())
      ->capture_default_str();
  command->add_option("--out", options->out, "The header; the weights go beside it, as .safetensors")
      ->check(named())
      ->required();
  command->add_option("--namespace", options->space, "What the structs are in; the header's name without it")
      ->check(cpp_name());
  command->add_option("--program", options->program, "Of an archive that holds several programs, the one to write")
      ->check(named());
  command->footer(
      "Example: upconv write net.pt2 --name Generator --out generator.h\n"
      "writes generator.h and generator.safetensors: structs with the names that the modules have in PyTorch, whose "
      "results\n"
      "are those of the archive, bit for bit. What has no C++ that reads well is refused by name: load_exported() runs "
      "it.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
