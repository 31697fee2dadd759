// upconv pack: packed weights in a file beside the weights, for programs that start at once.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <memory>
#include <vector>

#include "framework/fail.h"
#include "framework/parallel.h"
#include "framework/weights/bytes.h"
#include "framework/weights/packed_cache.h"
#include "tools/assumptions.h"
#include "tools/commands.h"
#include "tools/models.h"
#include "tools/options.h"
#include "tools/terminal.h"

namespace upconv::tools {

using namespace internal;

namespace {

struct Pack {
  NetworkOptions network;
  MachineOptions machine;
  ChoiceOptions choice;
  std::vector<Shape> inputs;

  void run() const;
};

void Pack::run() const {
  const Model model = find_network(network.spec, network.exported);
  tell(model.assumptions, network.no_assumptions);
  const std::string file = model.file(network.weights);
  if (file.empty()) throw CLI::ValidationError("--weights", "is required: none are shipped with this network");
  const std::vector<Type> types = model.types(inputs);

  const bool is_own = !model.archive.empty() && network.weights.file.empty();
  StateDict weights = is_own ? model.module->state_dict() : load_state_dict(file, network.weights.naming);
  const Isa isa = machine.isa ? *machine.isa : default_isa();
  const std::filesystem::path out = packed_file(file, isa);
  TemporaryFile written(out, packed_file_options);
  const auto packed = PackedCache::recorder();
  PackedCache::look_in(weights, packed);
  model.module->load_state_dict(weights, !is_own);  // of which some may have no values
  for (const Tune tune : choice.tunes()) {
    Options options = choice.options(machine);
    options.tune = tune;
    (void)compile(*model.module, types, options);
  }
  if (packed->size() == 0) fail("{}: this network has no weights that are packed", network.spec);
  packed->save(written, isa, *crew(machine.count(), nullptr));
  if (!PackedCache::beside(file)->wants(isa))
    note(fmt::format("{}: does not count, since others may write it on this file system", out.string()));
  fmt::print("{}: {} packed weight{}, {:.1f} MB, {}\n", printable(out.string()), packed->size(),
             packed->size() == 1 ? "" : "s", static_cast<double>(packed->bytes()) / 1e6, name(isa));
}

}  // namespace

void add_pack(CLI::App& app) {
  auto options = std::make_shared<Pack>();
  CLI::App* command = app.add_subcommand("pack", "Save packed weights beside the weights, for a faster start");
  add_network_options(*command, options->network);
  add_inputs(*command, options->inputs);
  add_machine_options(*command, options->machine);
  add_choice_options(*command, options->choice, "");
  command->footer(
      "Examples:\n"
      "  upconv pack dcgan\n"
      "  upconv pack \"$(cat net.txt)\" --weights netG.safetensors --input 1,100,1,1 --tune latency\n"
      "  upconv pack net.pt2 --input 1,100,1,1\n"
      "It writes WEIGHTS.packed-ISA. Whoever loads the weights afterwards finds it and maps it. It is used as long as "
      "the\n"
      "weights, what they are folded with, upconv's version, the instruction set, the precision and the algorithms "
      "are\n"
      "the same, and "
      "ignored otherwise; deleting it is always safe. Without --tune it serves both.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
