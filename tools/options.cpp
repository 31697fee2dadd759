#include "tools/options.h"

#include <fmt/ranges.h>

#include <charconv>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "framework/number.h"
#include "framework/parallel.h"
#include "tools/terminal.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// The names of `isas`, best first.
std::string names_of(const std::vector<Isa>& isas) {
  std::vector<std::string_view> names;
  for (Isa isa : isas) names.push_back(name(isa));
  return fmt::format("{}", fmt::join(names, ", "));
}

Isa available_isa(const std::string& text) {
  for (Isa isa : available_isas())
    if (name(isa) == text) return isa;
  throw CLI::ValidationError("--isa", fmt::format("this machine has {}, got \"{}\"", names_of(available_isas()), text));
}

/// Empty where the text is no list of positive numbers.
Shape sizes_or_none(const std::string& text) {
  Shape sizes;
  for (const char *at = text.data(), *end = at + text.size();; ++at) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc{} || size < 1) return {};
    sizes.push_back(size);
    if (next == end) return sizes;
    if (*next != ',') return {};
    at = next;
  }
}

/// "1,100,1,1" as {1, 100, 1, 1}; `option` is whose value it is.
Shape parse_sizes(const std::string& option, const std::string& text) {
  Shape sizes = sizes_or_none(text);
  if (sizes.empty())
    throw CLI::ValidationError(
        option, fmt::format("expected positive numbers with commas between, such as 1,100,1,1, got \"{}\"", text));
  return sizes;
}

/// A whole number in decimals, which may have a sign and zeros before it, and nothing else.
template <class Number>
std::optional<Number> number_of(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

/// What `--help` says of an option.
struct About {
  std::string name, type, description;
};

/// An option whose text `parse` makes a value of; where it makes none, an error that says what is `expected`.
template <class Value, class Parse>
CLI::Option* add_parsed(CLI::App& command, const About& about, Value& value, const std::string& expected, Parse parse) {
  return command
      .add_option_function<std::string>(
          about.name,
          [=, &value, name = about.name](const std::string& text) {
            const std::optional<Value> parsed = parse(text);
            if (!parsed) throw CLI::ValidationError(name, fmt::format("expected {}, got \"{}\"", expected, text));
            value = *parsed;
          },
          about.description)
      ->type_name(about.type)
      ->default_str(fmt::format("{}", value));
}

std::pair<std::string, std::string> parse_rename(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == text.npos) throw CLI::ValidationError("--rename", fmt::format("expected OLD=NEW, got \"{}\"", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

const std::map<std::string, Tune> all_tunes = {
    {"latency", Tune::latency}, {"throughput", Tune::throughput}, {"measured", Tune::measured}};
const std::map<std::string, Accuracy> accuracies = {
    {"exact", Accuracy::exact}, {"standard", Accuracy::standard}, {"fast", Accuracy::fast}};
const std::map<std::string, Precision> precisions = {{"float32", Precision::float32},
                                                     {"bfloat16", Precision::bfloat16}};

}  // namespace

CLI::Option* add_number(CLI::App& command, const std::string& name, int64_t& value, int64_t least, int64_t most,
                        const std::string& description) {
  return add_parsed(command, {name, "N", description}, value, fmt::format("a whole number from {} to {}", least, most),
                    [=](const std::string& text) {
                      const auto number = number_of<int64_t>(text);
                      return number && *number >= least && *number <= most ? number : std::nullopt;
                    });
}

void add_seed(CLI::App& command, uint64_t& seed) {
  add_parsed(command, {"--seed", "N", "As torch.manual_seed"}, seed,
             fmt::format("a whole number from {} to {}", std::numeric_limits<int64_t>::min(),
                         std::numeric_limits<uint64_t>::max()),
             [](const std::string& text) {
               const auto negative = number_of<int64_t>(text);
               return negative ? std::optional(static_cast<uint64_t>(*negative)) : number_of<uint64_t>(text);
             });
}

void add_seconds(CLI::App& command, double& seconds) {
  constexpr double most = 1e6;
  add_parsed(command, {"--seconds", "S", "How long to measure"}, seconds,
             fmt::format("a number from 0 to {:.0f}", most), [](const std::string& text) {
               const std::optional<double> number = parse_number(text);
               return number && *number >= 0 && *number <= most ? number : std::nullopt;
             });
}

CLI::Validator named() {
  return CLI::Validator(
      [](std::string& name) {
        return name.empty() ? std::string("expected a name, got an empty one: is a variable unset?") : "";
      },
      "");
}

void add_naming_options(CLI::App& command, LoadOptions& options) {
  constexpr const char* group = "Names in the file";
  command.add_option("--key", options.key, "The dictionary to read, of several in a checkpoint: netG")
      ->check(named())
      ->group(group);
  command.add_option("--strip-prefix", options.strip_prefix, "Taken from the front of names: module.")
      ->check(named())
      ->group(group);
  command
      .add_option_function<std::vector<std::string>>(
          "--rename",
          [&options](const std::vector<std::string>& rules) {
            for (const std::string& rule : rules) options.rename.push_back(parse_rename(rule));
          },
          "OLD=NEW: a name or its leading components; * is any text. May be given again")
      ->type_name("RULE")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--ignore", options.ignore, "Names to leave out: *.running_mean. May be given again")
      ->type_name("PATTERN")
      ->check(named())
      ->allow_extra_args(false)
      ->group(group);
  command.add_flag("--lenient", options.lenient, "Tolerate bytes after the last tensor of a safetensors file")
      ->group(group);
}

void add_weights_options(CLI::App& command, WeightsOptions& options) {
  CLI::Option* file = command.add_option("--weights", options.file, "A file of weights")->check(named());
  add_naming_options(command, options.naming);
  for (const char* name : {"--key", "--strip-prefix", "--rename", "--ignore", "--lenient"})
    command.get_option(name)->needs(file);
}

void add_exported_options(CLI::App& command, ExportedOptions& options) {
  command.add_option("--program", options.program, "Of a .pt2 with several programs, the one to take")->check(named());
  command.add_flag("--ignore-guards", options.ignore_guards,
                   "Run a .pt2 also where a guard or range of it says that it was not exported for these sizes");
}

void add_network_options(CLI::App& command, NetworkOptions& options) {
  command
      .add_option("SPEC", options.spec,
                  "What PyTorch prints for the module, or as one types it, or the name of an example: dcgan; or a file "
                  "that torch.export.save wrote (.pt2)")
      ->required();
  add_weights_options(command, options.weights);
  add_exported_options(command, options.exported);
  command.add_flag("--no-assumptions", options.no_assumptions,
                   "Refuse a SPEC that leaves open what PyTorch's print never shows, such as Upsample's align_corners");
}

void add_machine_options(CLI::App& command, MachineOptions& options) {
  add_number(command, "--threads", options.threads, 0, std::numeric_limits<int>::max(), "0: all of the machine's");
  command
      .add_option_function<std::string>(
          "--isa", [&options](const std::string& text) { options.isa = available_isa(text); },
          "The instruction set; on this machine " + names_of(available_isas()))
      ->type_name("NAME");
}

int MachineOptions::count() const {
  const int wanted = static_cast<int>(threads);
  const int most = wanted_threads(wanted, hardware_threads());
  static bool said = false;
  if (const int made = most > 1 ? makeable_threads() : 1; made < most && !std::exchange(said, true))
    note(made == 1
             ? std::string("no thread can be made here (ulimit, or a container's limit): everything runs on one")
             : fmt::format("of {} threads only {} can be made here (ulimit, or a container's limit)", most, made));
  return wanted;
}

void PrecisionOptions::put(Options& options) const {
  options.precision = precisions.at(precision);
  options.float32 = float32;
  options.round_inputs = round_inputs;
}

void add_precision_options(CLI::App& command, PrecisionOptions& options) {
  CLI::Option* precision =
      command
          .add_option("--precision", options.precision,
                      "What layers multiply: float32, or bfloat16, faster with AVX512_BF16 of Zen 4 and Zen 5, and "
                      "rounded")
          ->check(CLI::IsMember(precisions))
          ->capture_default_str();
  command
      .add_option("--float32", options.float32,
                  "A layer, or all in a module, that stays in float32: main.12 or *.to_rgb. May be given again")
      ->type_name("PATTERN")
      ->check(named())
      ->allow_extra_args(false)
      ->needs(precision);
  command
      .add_flag("--round-inputs", options.round_inputs,
                "Round also what the network is given, which its first layers otherwise read in float32")
      ->needs(precision);
}

std::vector<Tune> ChoiceOptions::tunes() const {
  if (!tune.empty()) return {all_tunes.at(tune)};
  return {Tune::latency, Tune::throughput};
}

Options ChoiceOptions::options(const MachineOptions& machine) const {
  Options options{.tune = tunes().front(),
                  .accuracy = accuracies.at(accuracy),
                  .algorithm = algorithm == "auto" || algorithm == "all" ? "" : algorithm,
                  .tuning_seconds = tuning_seconds,
                  .choices = choices.empty() ? nullptr : std::make_shared<const Choices>(Choices::load(choices)),
                  .threads = machine.count(),
                  .isa = machine.isa};
  precision.put(options);
  return options;
}

void add_choice_options(CLI::App& command, ChoiceOptions& options, const std::string& tune) {
  options.tune = tune;
  command
      .add_option(
          "--tune", options.tune,
          "latency (of one run), throughput (of large batches), or measured: the fastest on this machine, timed")
      ->check(CLI::IsMember(all_tunes))
      ->capture_default_str();
  add_tuning_option(command, "--tuning-seconds", options.tuning_seconds);
  command.add_option("--choices", options.choices, "A file of algorithms that upconv tune wrote")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  add_accuracy_option(command, options);
  command
      .add_option("--algorithm", options.algorithm,
                  "auto: what is expected to be fastest; or one's name, direct or \"winograd F(3,2)\", for the layers "
                  "that could take it")
      ->check(named())
      ->capture_default_str();
}

void add_accuracy_option(CLI::App& command, ChoiceOptions& options) {
  command.add_option("--accuracy", options.accuracy, "Which algorithms may be chosen: exact, standard or fast")
      ->check(CLI::IsMember(accuracies))
      ->capture_default_str();
  add_precision_options(command, options.precision);
}

void add_tuning_option(CLI::App& command, const std::string& name, double& seconds) {
  command.add_option(name, seconds, "For how long algorithms are timed, all layers together")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

CLI::Option* add_sizes(CLI::App& command, const std::string& name, Shape& sizes, const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &sizes](const std::string& text) { sizes = parse_sizes(name, text); }, description)
      ->type_name("SIZES");
}

void add_inputs(CLI::App& command, std::vector<Shape>& inputs) {
  command
      .add_option_function<std::vector<std::string>>(
          "--input",
          [&inputs](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) inputs.push_back(parse_sizes("--input", text));
          },
          "N,C,H,W: the shape of the input, once for each input; an example knows its own, and a .pt2 those without "
          "free sizes")
      ->type_name("SIZES")
      ->allow_extra_args(false);
}

}  // namespace upconv::tools
