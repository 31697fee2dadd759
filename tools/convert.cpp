// upconv convert: weights of any format as safetensors.
#include <fmt/format.h>
#include <upconv/upconv.h>

#include <map>
#include <memory>

#include "framework/weights/writers.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/output.h"

namespace upconv::tools {
namespace {

struct Convert {
  std::string in, out;
  std::string dtype;
  LoadOptions naming;

  void run() const;
};

const std::map<std::string, DType> dtypes = {
    {"f32", DType::float32}, {"f16", DType::float16}, {"bf16", DType::bfloat16}};

void Convert::run() const {
  Result result(out);
  const StateDict weights = load_state_dict(in, naming);
  SaveOptions options;
  if (!dtype.empty()) options.dtype = dtypes.at(dtype);
  internal::write_safetensors(result.output(), result.name(), weights, options);
  result.finish(fmt::format("{} tensor{}", weights.size(), weights.size() == 1 ? "" : "s"));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<Convert>();
  CLI::App* command = app.add_subcommand("convert", "Save weights of any format as safetensors");
  command->add_option("IN", options->in, "Weights of any format")->check(named())->required();
  command->add_option("OUT", options->out, "The safetensors file; - is standard output")->check(named())->required();
  command->add_option("--dtype", options->dtype, "What floating-point tensors become: f32, f16 or bf16")
      ->check(CLI::IsMember(dtypes));
  add_naming_options(*command, options->naming);
  command->footer(
      "Example: upconv convert netG.pth netG.safetensors --key netG --dtype f16\n"
      "Rounds to nearest, ties to even. Integers and metadata stay as they are, and so do the factors of spectral and\n"
      "weight norm, which are folded when they are loaded.");
  command->callback([options] { options->run(); });
}

}  // namespace upconv::tools
