#include "tools/painting.h"

#include "framework/fail.h"

namespace upconv::tools {

using namespace internal;
using datasets::Input;

Generator PaintingOptions::generator() const {
  Generator generator = find_generator(model, exported, !pictures.empty());
  generator.model.load(weights);
  check_weights(*generator.model.module);
  return generator;
}

std::pair<double, double> PaintingOptions::range_of(const Generator& generator) const {
  return range.empty() ? generator.range : std::pair(range[0], range[1]);
}

datasets::Inputs PaintingOptions::inputs(Generator& generator) const {
  if (classes > 0 && !labels.empty()) throw CLI::ValidationError("--labels", "--classes says what the labels are");
  std::shared_ptr<const Input> given;
  if (classes > 0) given = datasets::labels_modulo(classes);
  if (!labels.empty()) given = datasets::labels_from(labels);
  return inputs(generator, std::move(given));
}

datasets::Inputs PaintingOptions::inputs(Generator& generator, std::shared_ptr<const Input> labels) const {
  std::vector<Type>& types = generator.inputs;
  if (types.size() == 1 && labels) fail("{} takes no labels", model);
  if (types.size() == 2 && !labels) fail("{} takes a label for each picture: give --classes or --labels", model);
  datasets::Inputs all;
  if (pictures.empty()) {
    all.push_back(datasets::latents_of(seed, types[0].shape));
  } else {
    all.push_back(std::make_shared<datasets::Pictures>(pictures, range_of(generator)));
    const Shape& given = all[0]->type().shape;
    Shape& taken = types[0].shape;
    bool fits = given.size() == taken.size();
    for (size_t i = 0; fits && i < taken.size(); ++i) fits = taken[i] == 0 || taken[i] == given[i];
    if (!fits) fail("{}: {} takes other pictures than {}", pictures, model, str(given));
    taken = given;
  }
  if (labels) all.push_back(std::move(labels));
  return all;
}

Options PaintingOptions::compiled(Tune otherwise) const {
  Options options = choice.options(machine);
  if (choice.tune.empty()) options.tune = otherwise;
  return options;
}

void add_painting_options(CLI::App& command, PaintingOptions& options) {
  constexpr int64_t most = int64_t{1} << 40;
  add_number(command, "--classes", options.classes, 1, most, "Labels: the picture's index modulo N");
  command.add_option("--labels", options.labels, "Labels: a text with one on each line, or a .npy, from picture 0 on")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  command
      .add_option("--pictures", options.pictures,
                  "The pictures that the network takes: a folder, in the order of names, or a tar")
      ->check(CLI::ExistingPath)
      ->type_name("PLACE");
  command
      .add_option("--value-range", options.range,
                  "LOW HIGH: the numbers of pictures that are black and white; the network's own where it is an "
                  "example, else -1 1")
      ->expected(2)
      ->type_name("LOW HIGH");
  add_machine_options(command, options.machine);
  add_choice_options(command, options.choice, "");
  add_weights_options(command, options.weights);
  add_exported_options(command, options.exported);
}

}  // namespace upconv::tools
