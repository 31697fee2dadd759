#include "datasets/asked.h"

#include "framework/fail.h"

namespace upconv {

NLOHMANN_JSON_SERIALIZE_ENUM(Accuracy,
                             {{Accuracy::standard, "standard"}, {Accuracy::exact, "exact"}, {Accuracy::fast, "fast"}})
NLOHMANN_JSON_SERIALIZE_ENUM(Precision, {{Precision::float32, "float32"}, {Precision::bfloat16, "bfloat16"}})

}  // namespace upconv

namespace upconv::datasets {

using Json = nlohmann::ordered_json;

Json asked_of(const Options& options) {
  Json asked = Json::object();
  if (options.accuracy != Accuracy::standard) asked["accuracy"] = options.accuracy;
  if (options.precision == Precision::float32) return asked;
  asked["precision"] = options.precision;
  if (!options.float32.empty()) asked["float32"] = options.float32;
  if (options.round_inputs) asked["round_inputs"] = true;
  return asked;
}

void ask(const Json& asked, Options& options) {
  Options given;
  try {
    given.accuracy = asked.value("accuracy", given.accuracy);
    given.precision = asked.value("precision", given.precision);
    given.float32 = asked.value("float32", given.float32);
    given.round_inputs = asked.value("round_inputs", given.round_inputs);
  } catch (const Json::exception&) {
  }
  if (asked_of(given) != asked) internal::fail("expected what upconv can be asked for, got {}", asked.dump());
  options.accuracy = given.accuracy;
  options.precision = given.precision;
  options.float32 = given.float32;
  options.round_inputs = given.round_inputs;
}

}  // namespace upconv::datasets
