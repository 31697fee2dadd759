// Prints and files of modules in PyTorch's wrappers, and of layers with parametrizations: tests/golden/wrapped.py.
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

const std::vector<std::string> wrappers = {"data_parallel",     "distributed",       "sharded",
                                           "compiled",          "averaged",          "averaged_parallel",
                                           "compiled_parallel", "parallel_compiled", "compiled_parts"};
const std::vector<std::string> norms = {"weight_norm", "weight_norm_parallel", "spectral_norm",
                                        "spectral_norm_parallel"};

std::string path_of(const std::string& file) { return UPCONV_GOLDEN "/wrapped/" + file; }

std::string print_of(const std::string& name) {
  std::ifstream file(path_of(name + ".txt"));
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The module that the print describes, with the weights of a file, loaded strictly.
std::shared_ptr<Module> loaded(const std::string& name, const std::string& file) {
  std::shared_ptr<Module> module = parse_module(print_of(name));
  module->load(path_of(file));
  return module;
}

void check_answers(const std::string& name) {
  CAPTURE(name);
  const StateDict answers = load_state_dict(path_of("answers.safetensors"));
  const Tensor x = answers.at("x").to_tensor(), expected = answers.at(name).to_tensor();
  for (const std::string& file : {name + ".pth", name + ".inside.safetensors"}) {
    CAPTURE(file);
    const auto module = loaded(name, file);
    const double bound = network_tolerance(*module, expected);
    check_close((*module)(x), expected, [&](int64_t) { return bound; });
  }
}

StateDict with_prefixes(const std::vector<std::string>& prefixes) {
  StateDict all;
  for (const std::string& prefix : prefixes)
    for (const auto& [name, stored] : load_state_dict(path_of("data_parallel.inside.safetensors")))
      all.add(prefix + name, stored);
  return all;
}

}  // namespace

TEST_CASE("wrapped: the print of a wrapper takes its own file, and that of the module inside") {
  for (const std::string& name : wrappers) {
    check_answers(name);
    const std::string print = print_of(name);
    CHECK(parse_module(print)->str() + "\n" == print);
  }
}

TEST_CASE(
    "wrapped: the print of a layer with weight or spectral norm takes its factors, and the weight that they make") {
  for (const std::string& name : norms) check_answers(name);
}

TEST_CASE("wrapped: with one of two wrappers left out, either of them") {
  const std::string print = print_of("compiled_parallel");
  for (const char* prefix : {"_orig_mod.module.", "_orig_mod.", "module.", ""})
    CHECK_NOTHROW(parse_module(print)->load_state_dict(with_prefixes({prefix})));
  for (const char* prefix : {"module._orig_mod.", "net.", "modul."}) {
    CAPTURE(prefix);
    CHECK_THROWS_AS(parse_module(print)->load_state_dict(with_prefixes({prefix})), Error);
  }
}

TEST_CASE("wrapped: a file of the middle one of three, whichever of two equal names it lacks") {
  CHECK_NOTHROW(parse_module(print_of("averaged_parallel"))->load_state_dict(with_prefixes({"module."})));
}

TEST_CASE("wrapped: a file that has the weights under two names is refused, as it cannot be told which are meant") {
  CHECK_THROWS_WITH_AS(parse_module(print_of("data_parallel"))->load_state_dict(with_prefixes({"module.", ""})),
                       doctest::Contains("unexpected: 0.weight"), Error);
  CHECK_THROWS_WITH_AS(
      parse_module(print_of("compiled_parallel"))->load_state_dict(with_prefixes({"module.", "_orig_mod."})),
      doctest::Contains("missing: _orig_mod.module.0.weight"), Error);
}

TEST_CASE("wrapped: a class of one's own with one child keeps its name in files") {
  const auto own = parse_module("Generator((module): Linear(3, 2))");
  StateDict inside;
  inside.add("weight", Stored::of(Tensor({2, 3})));
  inside.add("bias", Stored::of(Tensor({2})));
  CHECK_THROWS_WITH_AS(own->load_state_dict(inside), doctest::Contains("missing: module.weight, module.bias"), Error);
}
