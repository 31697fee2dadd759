// upconv inspect: what is in a file of weights, an array, or an exported network.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "framework/weights/bytes.h"
#include "tools/commands.h"
#include "tools/exported.h"
#include "tools/options.h"
#include "tools/table.h"
#include "tools/terminal.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Inspect {
  std::string file, program;
  LoadOptions naming;
  bool json = false;

  void run() const;
};

nlohmann::ordered_json report_of(const StateDict& weights) {
  auto tensors = nlohmann::ordered_json::array();
  int64_t numbers = 0;
  size_t bytes = 0;
  for (const auto& [tensor, stored] : weights) {
    const bool readable = stored.unreadable.empty();
    tensors.push_back({{"name", tensor},
                       {"dtype", readable ? nlohmann::ordered_json(name(stored.dtype)) : nullptr},
                       {"shape", stored.shape},
                       {"bytes", stored.bytes.size()}});
    if (!readable) tensors.back()["unreadable"] = stored.unreadable;
    numbers += readable ? numel(stored.shape) : 0;
    bytes += stored.bytes.size();
  }
  return {{"metadata", weights.metadata},
          {"tensors", tensors},
          {"totals", {{"tensors", weights.size()}, {"numbers", numbers}, {"bytes", bytes}}}};
}

void print(const nlohmann::ordered_json& report) {
  Table table({{"name"}, {"type"}, {"shape"}, {"bytes", true}});
  for (const auto& tensor : report["tensors"])
    table.add({printable(tensor["name"].get<std::string>()),
               tensor.contains("unreadable") ? "not read" : tensor["dtype"].get<std::string>(),
               str(tensor["shape"].get<Shape>()), fmt::format("{}", tensor["bytes"].get<size_t>())});
  table.print();
  const auto& totals = report["totals"];
  fmt::print("\n{} tensor{}, {} numbers, {} bytes\n", totals["tensors"].get<size_t>(),
             totals["tensors"] == 1 ? "" : "s", totals["numbers"].get<int64_t>(), totals["bytes"].get<size_t>());
  for (const auto& tensor : report["tensors"])
    if (tensor.contains("unreadable"))
      fmt::print("{} cannot be read: {}\n", printable(tensor["name"].get<std::string>()),
                 printable(tensor["unreadable"].get<std::string>()));
  for (const auto& [key, value] : report["metadata"].items())
    fmt::print("{}: {}\n", printable(key), printable(value.get<std::string>()));
}

void Inspect::run() const {
  nlohmann::ordered_json report = nlohmann::ordered_json::object();
  if (is_exported(file))
    report["programs"] = program_reports(file, program);
  else if (!program.empty())
    throw CLI::ValidationError("--program", "only an archive of torch.export.save (.pt2) holds programs");
  report.update(report_of(load_state_dict(file, naming)));
  if (json) {
    print_json(report);
    return;
  }
  if (report.contains("programs"))
    for (const auto& one : report["programs"]) {
      print_program(one);
      fmt::print("\n");
    }
  print(report);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto options = std::make_shared<Inspect>();
  CLI::App* command =
      app.add_subcommand("inspect", "List what is in a file: names, types, shapes; of a .pt2 the network");
  command->add_option("FILE", options->file, "Weights of any format, or what torch.export.save wrote")
      ->check(named())
      ->required();
  command->add_option("--program", options->program, "Of a .pt2 with several programs, the only one to show")
      ->check(named());
  add_naming_options(*command, options->naming);
  command->add_flag("--json", options->json, "One JSON object in place of the table");
  command->footer(
      "Examples:\n"
      "  upconv inspect netG.pth\n"
      "  upconv inspect checkpoint.pth --key netG --strip-prefix module.\n"
      "  upconv inspect net.pt2\n"
      "Of a .pt2 it prints the modules as PyTorch does, each with the shapes of what it gives; inputs and outputs with "
      "the\n"
      "ranges of their free sizes; operations, and whether each is supported; guards; and the weights.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
