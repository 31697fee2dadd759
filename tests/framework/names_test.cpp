#include "framework/weights/names.h"

#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;

StateDict named(const std::vector<std::string>& names) {
  StateDict weights;
  for (const std::string& name : names) weights.add(name, Stored::of(Tensor({1})));
  weights.metadata = {{"format", "pt"}};
  return weights;
}

using Names = std::vector<std::string>;

Names renamed_to(const Names& names, const LoadOptions& options) {
  const StateDict result = renamed(named(names), options, "file");
  CHECK(result.metadata == std::map<std::string, std::string>{{"format", "pt"}});
  Names all;
  for (const auto& [name, stored] : result) all.push_back(name);
  return all;
}

std::string refusal(const Names& names, const LoadOptions& options) {
  return error_of([&] { renamed(named(names), options, "file"); });
}

/// A generator of one layer and a norm, whose keys are 0.weight, 0.bias, 1.weight, ...
Sequential net() {
  return sequential(ConvTranspose2d(5, 4, 3, {.bias = false}), BatchNorm2d(4), ReLU(),
                    ConvTranspose2d(4, 3, 4, {.stride = 2}));
}

void check_same(const AnyModule& a, const AnyModule& b) {
  for (const auto& [name, stored] : a.state_dict()) {
    CAPTURE(name);
    CHECK(testing::same_bits(stored.to_tensor(), b.state_dict().at(name).to_tensor()));
  }
}

TEST_CASE("names: key takes one dictionary of several") {
  const Names checkpoint = {"netG.0.weight", "netG.0.bias", "netD.0.weight", "netG_ema.0.weight", "epoch"};
  CHECK(renamed_to(checkpoint, {.key = "netG"}) == Names{"0.weight", "0.bias"});
  CHECK(renamed_to(checkpoint, {.key = "netG."}) == Names{"0.weight", "0.bias"});
  CHECK(renamed_to(checkpoint, {.key = "netG.0"}) == Names{"weight", "bias"});
  CHECK(refusal(checkpoint, {.key = "netE"}) == "file: key \"netE\" fits no name; did you mean netD?");
  CHECK(refusal(checkpoint, {.key = "generator"}) ==
        "file: key \"generator\" fits no name; the names begin with epoch, netD, netG, netG_ema");
  CHECK(refusal(checkpoint, {.key = "epoch"}).find("fits no name") != std::string::npos);
  CHECK(refusal({}, {.key = "a"}) == "file: key \"a\" fits no name; there are no names");
  CHECK(refusal({"a.x", "b.x", "c.x", "d.x", "e.x", "f.x", "g.x", "h.x", "i.x", "j.x"}, {.key = "something"}) ==
        "file: key \"something\" fits no name; the names begin with a, b, c, d, e, f, g, h, ...");
}

TEST_CASE("names: strip_prefix takes it from those that have it") {
  CHECK(renamed_to({"module.a", "module.b", "c"}, {.strip_prefix = "module."}) == Names{"a", "b", "c"});
  CHECK(renamed_to({"module.a", "modules"}, {.strip_prefix = "module"}) == Names{"a", "s"});
  CHECK(refusal({"module.a"}, {.strip_prefix = "modul."}).ends_with("did you mean module?"));
  CHECK(refusal({"module.a", "a"}, {.strip_prefix = "module."}) ==
        "file: \"module.a\" and \"a\" would both become \"a\"");
}

TEST_CASE("names: rename takes names, leading components and one star") {
  const Names names = {"up.weight", "up.bias", "upper.weight", "up"};
  CHECK(renamed_to(names, {.rename = {{"up", "0"}}}) == Names{"0.weight", "0.bias", "upper.weight", "0"});
  CHECK(renamed_to(names, {.rename = {{"up.", "0."}}}) == Names{"0.weight", "0.bias", "upper.weight", "up"});
  CHECK(renamed_to(names, {.rename = {{"up.weight", "w"}}}) == Names{"w", "up.bias", "upper.weight", "up"});
  CHECK(renamed_to({"up.a", "b"}, {.rename = {{"up", ""}}}) == Names{"a", "b"});
  CHECK(renamed_to({"a", "b.c"}, {.rename = {{"", "main"}}}) == Names{"main.a", "main.b.c"});
  CHECK(renamed_to({"a", "b.c"}, {.rename = {{"", "main."}}}) == Names{"main.a", "main.b.c"});
  CHECK(renamed_to({""}, {.rename = {{"", "weight"}}}) == Names{"weight"});
  const Names blocks = {"block0.conv.weight", "block12.conv.weight", "block.norm"};
  CHECK(renamed_to(blocks, {.rename = {{"block*.conv.weight", "main.*.weight"}}}) ==
        Names{"main.0.weight", "main.12.weight", "block.norm"});
  CHECK(renamed_to({"a.gamma", "b.beta"}, {.rename = {{"*.gamma", "*.weight"}, {"*.beta", "*.bias"}}}) ==
        Names{"a.weight", "b.bias"});
  CHECK(renamed_to({"abba", "aba"}, {.rename = {{"ab*ba", "x*"}}}) == Names{"x", "aba"});
}

TEST_CASE("names: of several renames the first that fits is done, once") {
  CHECK(renamed_to({"a", "b"}, {.rename = {{"a", "b"}, {"b", "a"}}}) == Names{"b", "a"});
  CHECK(renamed_to({"up.0.weight", "up.1.weight"}, {.rename = {{"up.0", "x"}, {"up", "y"}}}) ==
        Names{"x.weight", "y.1.weight"});
  CHECK(refusal({"up.0"}, {.rename = {{"up", "x"}, {"up.0", "y"}}}).find("rename \"up.0\" fits no name") !=
        std::string::npos);
  CHECK(refusal({"up.weight"}, {.rename = {{"up.wieght", "x"}}}) ==
        "file: rename \"up.wieght\" fits no name; did you mean up.weight?");
  CHECK(refusal({"a"}, {.rename = {{"*a*", "b"}}}) ==
        "file: rename \"*a*\" to \"b\": expected at most one * on either side");
  CHECK(refusal({"a", "b"}, {.rename = {{"a", "b"}}}) == "file: \"a\" and \"b\" would both become \"b\"");
}

TEST_CASE("names: ignore takes names, leading components and patterns") {
  const Names names = {"0.weight", "0.running_mean", "1.running_mean", "netD.0.weight"};
  CHECK(renamed_to(names, {.ignore = {"*.running_mean", "netD"}}) == Names{"0.weight"});
  CHECK(renamed_to(names, {.ignore = {"netD."}}) == Names{"0.weight", "0.running_mean", "1.running_mean"});
  CHECK(renamed_to(names, {.ignore = {"?.running_*"}}) == Names{"0.weight", "netD.0.weight"});
  CHECK(renamed_to(names, {.ignore = {"*"}}) == Names{});
  CHECK(renamed_to({"a.b"}, {.ignore = {"a", "*.b"}}) == Names{});
  CHECK(renamed_to({"aab", "ab", "abb"}, {.ignore = {"*a*b"}}) == Names{});
  CHECK(refusal(names, {.ignore = {"*.runing_mean"}}) ==
        "file: ignore \"*.runing_mean\" fits no name; did you mean *.running_mean?");
}

TEST_CASE("names: key, then strip_prefix, then rename, then ignore") {
  const Names names = {"netG.module.up.weight", "netG.module.up.extra", "netD.module.up.weight", "epoch"};
  CHECK(renamed_to(names,
                   {.key = "netG", .strip_prefix = "module.", .rename = {{"up", "main"}}, .ignore = {"main.extra"}}) ==
        Names{"main.weight"});
}

TEST_CASE("names: many stars take no more than moments" * doctest::timeout(5)) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  CHECK(refusal({std::string(100'000, 'a')}, {.ignore = {pattern + "b"}}).find("fits no name") != std::string::npos);
}

TEST_CASE("names: a module whose names are all below another says which option") {
  const auto advice = [](const LoadOptions& options, const std::string& prefix) {
    const Sequential source = net();
    Random random(0);
    testing::randomize(source, random);
    StateDict weights;
    for (const auto& [name, stored] : source.state_dict()) weights.add(prefix + name, stored);
    weights.add("netD.0.weight", Stored::of(Tensor({1})));
    Sequential target = net();
    return error_of([&] { target.load_state_dict(renamed(weights, options, "file")); });
  };
  CHECK(advice({}, "netG.").ends_with("what is missing is there below a name: give key = \"netG\""));
  CHECK(advice({}, "netG.module.").ends_with("give key = \"netG.module\""));
  CHECK(advice({.rename = {{"netG", "main"}}}, "netG.").ends_with("give key = \"main\""));
}

TEST_CASE("names: a file whose names lack the module's first component says so") {
  struct Outer : AnyModule {
    Sequential& main = child("main", net());
  } outer;
  const StateDict weights = testing::golden("names/netG.safetensors");
  CHECK(error_of([&] {
          outer.load_state_dict(weights);
        }).ends_with("what is missing is there without \"main.\": give rename = {{\"\", \"main.\"}}"));
  outer.load(UPCONV_GOLDEN "/names/netG.safetensors", {.rename = {{"", "main."}}});
  CHECK(outer.state_dict().size() == weights.size());
}

TEST_CASE("load: nothing in a name moves a terminal's cursor") {
  StateDict weights;
  weights.add("\033[2J", Stored::of(Tensor({1})));
  Sequential empty;
  CHECK(error_of([&] { empty.load_state_dict(weights); }).ends_with("unexpected: \"\\x1b[2J\""));
}

TEST_CASE("load: one network of a checkpoint, from a DataParallel") {
  Sequential expected = net(), got = net();
  expected.load(UPCONV_GOLDEN "/names/netG.safetensors");
  const std::string checkpoint = UPCONV_GOLDEN "/names/checkpoint.pth";
  CHECK(error_of([&] { got.load(checkpoint); }).ends_with("give key = \"netG.module\""));
  CHECK(error_of([&] { got.load(checkpoint, {.key = "netG"}); }).ends_with("give key = \"module\""));
  CHECK(error_of([&] { got.load(checkpoint, {.key = "netE"}); }).ends_with("did you mean netD?"));
  CHECK(error_of([&] {
          got.load(checkpoint, {.key = "epoch"});
        }).ends_with("key \"epoch\": expected a dictionary of tensors, got none in it"));
  got.load(checkpoint, {.key = "netG", .strip_prefix = "module."});
  check_same(got, expected);
  CHECK(got.parameter("1.num_batches_tracked").value().indices()[0] == 1);
}

TEST_CASE("load: the statistics of an old InstanceNorm are ignored only when asked") {
  Sequential net = sequential(ConvTranspose2d(3, 4, 2), Identity(), Tanh());
  const std::string file = UPCONV_GOLDEN "/names/instance_norm.pth";
  CHECK(error_of([&] { net.load(file); }) ==
        "the weights do not fit Sequential:\n  unexpected: 1.running_mean, 1.running_var");
  net.load(file, {.ignore = {"*.running_mean", "*.running_var"}});
  CHECK(net.state_dict().size() == 2);
}

TEST_CASE("load: strict unless told, and lenient about trailing bytes when told") {
  const testing::TemporaryFolder folder;
  Sequential expected = net();
  expected.load(UPCONV_GOLDEN "/names/netG.safetensors");
  const std::string good = testing::bytes_of(UPCONV_GOLDEN "/names/netG.safetensors");
  const auto trailing = folder.write("trailing.safetensors", good + "more");
  Sequential got = net();
  CHECK(error_of([&] { got.load(trailing); }).ends_with("4 trailing bytes after the last tensor"));
  got.load(trailing, {.lenient = true});
  check_same(got, expected);

  Sequential part = net();
  CHECK(error_of([&] { part.load(trailing, {.ignore = {"3"}, .lenient = true}); }) ==
        "the weights do not fit Sequential:\n  missing: 3.weight, 3.bias");
  part.load(trailing, {.ignore = {"3"}, .strict = false, .lenient = true});
  CHECK_FALSE(part.parameter("0.weight").is_initial());
  CHECK(part.parameter("3.weight").is_initial());

  Sequential in_memory = net();
  in_memory.load(std::as_bytes(std::span(good)));
  check_same(in_memory, expected);
  CHECK(error_of([&] {
          in_memory.load(std::as_bytes(std::span(good)), {.key = "netG"});
        }).starts_with("weights in memory: key \"netG\" fits no name"));
}

}  // namespace
}  // namespace upconv
