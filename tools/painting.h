#pragma once
// What `generate` and `verify` have in common: a network, what it is given for each picture, and how it is compiled.
#include <upconv/upconv.h>

#include <optional>
#include <string>

#include "datasets/inputs.h"
#include "datasets/painter.h"
#include "tools/models.h"
#include "tools/options.h"

namespace upconv::tools {

/// MODEL and what belongs to it.
struct PaintingOptions {
  std::string model = "dcgan";
  ExportedOptions exported;
  WeightsOptions weights;
  ChoiceOptions choice;
  MachineOptions machine;
  uint64_t seed = 0;
  int64_t classes = 0;
  std::string labels, pictures;
  std::vector<double> range;

  /// The network with its weights.
  [[nodiscard]] Generator generator() const;
  /// The picture's numbers: as they were given, or as the network's own are.
  [[nodiscard]] std::pair<double, double> range_of(const Generator& generator) const;
  /// What the network is given: latents that are a function of seed and index, or pictures; and labels. Throws Error
  /// where what was given does not fit the network. Sizes of pictures that were open in `generator` are then known.
  [[nodiscard]] datasets::Inputs inputs(Generator& generator) const;
  /// The same with `labels` in the place of those that options say.
  [[nodiscard]] datasets::Inputs inputs(Generator& generator, std::shared_ptr<const datasets::Input> labels) const;
  /// As asked for, or for throughput.
  [[nodiscard]] Options compiled(Tune otherwise) const;
  /// Whether what decides the last bits was asked for.
  [[nodiscard]] bool is_pinned() const { return machine.isa.has_value() || !choice.choices.empty(); }
};
void add_painting_options(CLI::App& command, PaintingOptions& options);

}  // namespace upconv::tools
