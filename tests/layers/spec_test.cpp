#include "layers/spec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "framework/error.h"
#include "layers/text/registry.h"

namespace upconv {

using namespace internal;
namespace {

/// What PyTorch prints for every argument of every layer, and for nests of them.
std::vector<std::string> printed_by_pytorch() {
  return nlohmann::json::parse(std::ifstream(UPCONV_GOLDEN "/repr.json")).get<std::vector<std::string>>();
}

std::string reprinted(const std::string& spec) { return parse_module(spec)->str(); }

std::string on_one_line(std::string spec) {
  std::replace(spec.begin(), spec.end(), '\n', ' ');
  return spec;
}

/// The names of all parameters, in order.
std::vector<std::string> keys(const AnyModule& module) {
  std::vector<std::string> names;
  for (const auto& [name, parameter] : module.named_parameters()) names.push_back(name);
  return names;
}

/// Sequentials in one another.
std::string nested(int depth) {
  std::string spec;
  for (int i = 1; i < depth; ++i) spec += "Sequential(";
  return spec + "ReLU()" + std::string(static_cast<size_t>(depth - 1), ')');
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

/// How errors end that name an unknown layer.
std::string unknown_ends() {
  std::string names;
  for (const LayerRow& row : layer_rows()) names += std::string(row.name) + ", ";
  return "; known are " + names + "Sequential, and a class of your own that prints one child";
}

/// Parses and expects the error `message`.
void check_error(const std::string& spec, const std::string& message) {
  CAPTURE(spec);
  CHECK_THROWS_WITH_AS(parse_module(spec), message.c_str(), Error);
}

/// The same for errors that end with a list of no interest here.
void check_error_begins(const std::string& spec, const std::string& message) {
  CAPTURE(spec);
  CHECK_THROWS_WITH_AS(parse_module(spec), doctest::Contains(message.c_str()), Error);
}

TEST_CASE("spec: what PyTorch prints is read and printed back") {
  for (const std::string& spec : printed_by_pytorch()) {
    CAPTURE(spec);
    CHECK(reprinted(spec) == spec);
    CHECK(reprinted(on_one_line(spec)) == spec);
  }
}

TEST_CASE("spec: every row of the table is among what PyTorch prints") {
  std::set<std::string> printed;
  for (const std::string& spec : printed_by_pytorch()) printed.insert(spec.substr(0, spec.find('(')));
  for (const LayerRow& row : layer_rows()) {
    CAPTURE(std::string(row.name));
    CHECK(printed.contains(std::string(row.name)));
  }
}

TEST_CASE("spec: what one types is what PyTorch prints") {
  const std::pair<std::string, std::string> forms[] = {
      {"ConvTranspose2d(100, 512, 4)", "ConvTranspose2d(100, 512, kernel_size=(4, 4), stride=(1, 1))"},
      {"nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False)",
       "ConvTranspose2d(8, 4, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False)"},
      {"torch.nn.ConvTranspose2d(6, 4, [3, 2], (3, 3), (0, 1), 1, 2, False, 2, 'zeros')",
       "ConvTranspose2d(6, 4, kernel_size=(3, 2), stride=(3, 3), padding=(0, 1), dilation=(2, 2), "
       "output_padding=(1, 1), groups=2, bias=False)"},
      {"ConvTranspose2d(kernel_size=(4), out_channels=4, in_channels=8, padding_mode=zeros)",
       "ConvTranspose2d(8, 4, kernel_size=(4, 4), stride=(1, 1))"},
      {"ConvTranspose2d(8, 4, 4, padding_mode=\"zeros\",)", "ConvTranspose2d(8, 4, kernel_size=(4, 4), stride=(1, 1))"},
      {"BatchNorm2d(512)",
       "BatchNorm2d(512, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"},
      {"BatchNorm2d(5, .001, 2e-1, true, True, bias=false)",
       "BatchNorm2d(5, eps=0.001, momentum=0.2, affine=True, bias=False, track_running_stats=True)"},
      {"BatchNorm2d(5, affine=False)",
       "BatchNorm2d(5, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)"},
      {"InstanceNorm2d(5, affine=True)",
       "InstanceNorm2d(5, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)"},
      {"GroupNorm(2, 4)", "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"},
      {"LayerNorm(5, bias=False)", "LayerNorm((5,), eps=1e-05, elementwise_affine=True, bias=False)"},
      {"LayerNorm([2, 3])", "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True, bias=True)"},
      {"PReLU(3, 0.1)", "PReLU(num_parameters=3)"},
      {"Softplus(2, 10)", "Softplus(beta=2, threshold=10)"},
      {"Softmax()", "Softmax(dim=None)"},
      {"Hardswish(inplace=True)", "Hardswish()"},
      {"Linear(7, 5)", "Linear(in_features=7, out_features=5, bias=True)"},
      {"Linear(7, +5, bias=false)", "Linear(in_features=7, out_features=5, bias=False)"},
      {"Embedding(10, 3)", "Embedding(10, 3)"},
      {"Embedding(10, 3, -1)", "Embedding(10, 3, padding_idx=9)"},
      {"Embedding(10, 3, padding_idx=None)", "Embedding(10, 3)"},
      {"ReLU(True)", "ReLU(inplace=True)"},
      {"ReLU(inplace=False)", "ReLU()"},
      {"Dropout()", "Dropout(p=0.5, inplace=False)"},
      {"Dropout(.2)", "Dropout(p=0.2, inplace=False)"},
      {"Upsample(scale_factor=2)", "Upsample(scale_factor=2.0, mode='nearest')"},
      {"Upsample((4, 5), None, 'bilinear', True, None)", "Upsample(size=(4, 5), mode='bilinear')"},
      {"ZeroPad2d(1)", "ZeroPad2d((1, 1, 1, 1))"},
      {"AvgPool2d(3, 2, ceil_mode=True)", "AvgPool2d(kernel_size=3, stride=2, padding=0)"},
      {"nn.AdaptiveAvgPool2d((None, 7))", "AdaptiveAvgPool2d(output_size=(None, 7))"},
      {"Flatten()", "Flatten(start_dim=1, end_dim=-1)"},
      {"Unflatten(1, [6, 3, 3])", "Unflatten(dim=1, unflattened_size=(6, 3, 3))"},
      {"Unflatten(-1, (4,))", "Unflatten(dim=-1, unflattened_size=(4,))"},
      {"nn.Sequential()", "Sequential()"},
      {"Sequential(ReLU(), nn.Sequential(Tanh(),),)",
       "Sequential(\n  (0): ReLU()\n  (1): Sequential(\n    (0): Tanh()\n  )\n)"},
      {"Sequential((up): ReLU(), (a b): Tanh())", "Sequential(\n  (up): ReLU()\n  (a b): Tanh()\n)"},
      {"\r\n Sequential\t(\v( 0)\n:ReLU ( inplace = True ) )\f", "Sequential(\n  ( 0): ReLU(inplace=True)\n)"},
  };
  for (const auto& [typed, printed] : forms) {
    CAPTURE(typed);
    CHECK(reprinted(typed) == printed);
    CHECK(reprinted(printed) == printed);
  }
}

TEST_CASE("spec: a class of one's own with one child is that child under its name") {
  const std::string spec =
      "Generator(\n  (main): Sequential(\n    (0): Linear(in_features=7, out_features=5, bias=False)\n    (1): Tanh()\n"
      "  )\n)";
  CHECK(reprinted(spec) == spec);
  CHECK(reprinted(on_one_line(spec)) == spec);
  CHECK(keys(*parse_module(spec)) == std::vector<std::string>{"main.0.weight"});
  CHECK(keys(*parse_module("A((b): B((c): Linear(7, 5)))")) == std::vector<std::string>{"b.c.weight", "b.c.bias"});

  const auto doubled = parse_module("Doubler((twice): Identity())");
  const Tensor x({2}, std::vector<float>{3, 4});
  const Tensor y = (*doubled)(x);
  CHECK(std::vector<float>(y.data(), y.data() + 2) == std::vector<float>{3, 4});
}

TEST_CASE("spec: named children keep their keys") {
  const auto module = parse_module("Sequential(Sequential((conv): ConvTranspose2d(2, 3, 4)), Linear(7, 5, False))");
  CHECK(keys(*module) == std::vector<std::string>{"0.conv.weight", "0.conv.bias", "1.weight"});
}

TEST_CASE("spec: nothing, or too much") {
  check_error("", "1:1: the text is empty; expected a layer, such as Sequential(Linear(100, 784), Tanh())");
  check_error(" \n\t", "1:1: the text is empty; expected a layer, such as Sequential(Linear(100, 784), Tanh())");
  check_error("ReLU()\n  Tanh()", "2:3: expected nothing more after the module, got \"Tanh\"");
  check_error("ReLU())", "1:7: expected nothing more after the module, got \")\"");
  check_error(std::string((1 << 20) + 1, ' '), "1:1: the text has 1048577 bytes, more than the 1048576 allowed");
  CHECK(reprinted(std::string((1 << 20) - 6, ' ') + "ReLU()") == "ReLU()");
  CHECK_NOTHROW(parse_module(nested(100)));
  check_error(nested(101), "1:1101: modules nest deeper than 100");
  CHECK_NOTHROW(parse_module("Sequential((" + repeated("a", 255) + "): ReLU())"));
  check_error("Sequential((" + repeated("a", 256) + "): ReLU())",
              "1:12: a child's name has 256 bytes, more than the 255 allowed");
  check_error(repeated("Sequential(", 90000), "1:1101: modules nest deeper than 100");
  CHECK_NOTHROW(parse_module("Sequential(" + repeated("ReLU(),", 2047) + ")"));
  check_error("Sequential(" + repeated("ReLU(),", 2048) + ")", "1:14341: there are more than 2048 modules");
}

TEST_CASE("spec: words that are not layers") {
  check_error("ConvTransposed2d(1, 2, 3)", "1:1: unknown layer \"ConvTransposed2d\"; did you mean ConvTranspose2d?");
  check_error("Sequential(\n  (0): relu()\n)", "2:8: unknown layer \"relu\"; did you mean ReLU?");
  check_error("nn.tanh()", "1:1: unknown layer \"nn.tanh\"; did you mean Tanh?");
  check_error("sequential(ReLU())", "1:1: unknown layer \"sequential\"; did you mean Sequential?");
  check_error_begins(
      "Attention()",
      "1:1: unknown layer \"Attention\"; known are ConvTranspose2d, Conv2d, ConvTranspose1d, Conv1d, Linear, ");
  check_error_begins("Attention()", ", Sequential, and a class of your own that prints one child");
  check_error_begins("Attention", "1:1: unknown layer \"Attention\"; known are ");
  check_error_begins("models.Generator((main): ReLU())", "1:1: unknown layer \"models.Generator\"; known are ");
  check_error_begins(std::string(100000, 'a') + "()",
                     "1:1: unknown layer \"" + std::string(60, 'a') + "...\"; known are ");
  check_error("Sequential(3)", "1:12: expected a layer, such as ReLU(), got \"3\"");
  check_error("Sequential(ReLU(), é)", "1:20: expected a layer, such as ReLU(), got \"é\"");
  check_error(std::string("\0", 1), "1:1: expected a layer, such as ReLU(), got \" \"");
  for (const std::string name : {"ModuleList", "nn.ModuleList", "ModuleDict"})
    check_error(
        name + "(\n  (0-1): 2 x ReLU()\n)",
        "1:1: " + name.substr(name.find("Module")) +
            " cannot be built: what PyTorch prints of it does not say how its modules run, and folds equal ones; "
            "write Sequential where they run one after another");
}

TEST_CASE("spec: classes of one's own that do not have one child") {
  check_error("Generator(\n  (a): ReLU()\n  (b): Tanh()\n)",
              "1:1: \"Generator\" prints 2 children, but not how its forward joins them; a class of your own must have "
              "exactly one");
  check_error(
      "Sequentail((0): ReLU() (1): Tanh())",
      "1:1: \"Sequentail\" prints 2 children, but not how its forward joins them; a class of your own must have "
      "exactly one; did you mean Sequential?");
  check_error_begins("Generator()", "1:1: unknown layer \"Generator\"; known are ");
  check_error_begins("Generator(ReLU())", "1:1: unknown layer \"Generator\"; known are ");
}

TEST_CASE("spec: an unknown layer is named whatever stands in its parentheses") {
  for (const std::string arguments :
       {"x=<function f at 0x7f>", "(0.5, 0.5), (0.5, 0.5)", "(3, 3), stride=2", "()", "((1, 2), 3)", "(a.b)",
        "('a: b')", "lambda x: x", "{'a': [1, {2}]}", "\n  eps=1e-5\n  (0): ReLU()\n", "*", "'", "(", ""})
    check_error_begins("Sequential((a): Noise(" + arguments + "))", "1:17: unknown layer \"Noise\"; known are ");
  check_error("Wrapped((0): Noise((1, 2)))", "1:14: unknown layer \"Noise\"" + unknown_ends());
  check_error_begins("MultiheadAttention((out_proj): Linear(7, 7))",  // whose child is not all that it does
                     "1:1: unknown layer \"MultiheadAttention\", which PyTorch has and upconv does not; known are ");
}

TEST_CASE("spec: the nearest name is a layer that somebody may have meant") {
  const std::pair<const char*, const char*> slips[] = {{"Tahn", "Tanh"},
                                                       {"Relu", "ReLU"},
                                                       {"LeakyRelu", "LeakyReLU"},
                                                       {"Con2d", "Conv2d"},
                                                       {"BatchNorm", "BatchNorm2d"},
                                                       {"UpSample", "Upsample"},
                                                       {"InstanceNrom2d", "InstanceNorm2d"},
                                                       {"Pixelshufle", "PixelShuffle"}};
  for (const auto& [written, meant] : slips)
    check_error(std::string(written) + "()",
                "1:1: unknown layer \"" + std::string(written) + "\"; did you mean " + meant + "?");
  for (const std::string own : {"LayerNorm2d", "Swish", "Sine", "ResBlock", "EqualConv2d", "Upsample2d", "Conv2dBlock",
                                "BlurPool2d", "PixelNorm", "ConvBlock", "Blur", "Noise", "Mlp", "SwiGLU"})
    check_error(own + "()", "1:1: unknown layer \"" + own + "\"" + unknown_ends());
  for (const std::string pytorchs :
       {"Conv3d", "GRU", "Bilinear", "MaxUnpool1d", "MaxUnpool2d", "BatchNorm3d", "LazyLinear"})
    check_error(pytorchs + "()",
                "1:1: unknown layer \"" + pytorchs + "\", which PyTorch has and upconv does not" + unknown_ends());
}

TEST_CASE("spec: children's names") {
  check_error("Sequential((0) ReLU())", "1:16: expected \":\" after (0), got \"ReLU\"");
  check_error("Sequential((0\n): ReLU())", "1:13: expected a child's name that ends with ), got \"0\"");
  check_error("Sequential((0", "1:13: expected a child's name that ends with ), got \"0\"");
  check_error("Sequential((): ReLU())",
              "1:12: Sequential: a child's name must not be empty or contain a dot, got \"\"");
  check_error("Net((a.b): ReLU())", "1:5: Net: a child's name must not be empty or contain a dot, got \"a.b\"");
  check_error("Sequential(\n  (0): ReLU()\n  (0): Tanh()\n)", "3:3: Sequential has a child \"0\" already");
}

TEST_CASE("spec: parentheses and commas") {
  check_error("ReLU", "1:5: expected \"(\" after ReLU, got the end");
  check_error("Sequential(ReLU, Tanh)", "1:16: expected \"(\" after ReLU, got \",\"");
  check_error("Sequential[]", "1:11: expected \"(\" after Sequential, got \"[\"");
  check_error("ReLU(", "1:6: expected \",\" or \")\" in ReLU, whose \"(\" is at 1:5, got the end");
  check_error("Linear(7, 5", "1:12: expected \",\" or \")\" in Linear, whose \"(\" is at 1:7, got the end");
  check_error("Linear(7 5)", "1:10: expected \",\" or \")\" in Linear, whose \"(\" is at 1:7, got \"5\"");
  check_error("Sequential(\n  (0): ReLU()\n",
              "3:1: expected \",\" or \")\" in Sequential, whose \"(\" is at 1:11, got the end");
  check_error("Sequential(ReLU() Tanh())",
              "1:19: expected \",\" or \")\" in Sequential, whose \"(\" is at 1:11, got \"Tanh\"");
  check_error("ReLU(Tanh())", "1:10: expected \",\" or \")\" in ReLU, whose \"(\" is at 1:5, got \"(\"");
  check_error("ReLU(,)", "1:6: expected a value, got \",\"");
  check_error("ReLU(inplace=)", "1:14: expected a value, got \")\"");
  check_error("Unflatten(1, (6, 3", "1:19: expected \",\" or \")\" in the tuple that begins at 1:14, got the end");
  check_error("Unflatten(1, [6 3])", "1:17: expected \",\" or \"]\" in the tuple that begins at 1:14, got \"3\"");
  check_error("Unflatten(1, (6, 3])", "1:19: expected \",\" or \")\" in the tuple that begins at 1:14, got \"]\"");
  check_error("Unflatten(1, ((6, 3)))", "1:15: expected a number or None, got \"(\"");
  check_error("Unflatten(1, (6, 0.5))",
              "1:14: Unflatten: unflattened_size must be a tuple of integers, as in (4, 4) or (4,), got (6, 0.5)");
  check_error("Unflatten(1, (6,, 3))", "1:17: expected a number or None, got \",\"");
}

TEST_CASE("spec: arguments that do not fit the signature") {
  const std::string signature =
      "it takes (in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
      "dilation=1, padding_mode='zeros')";
  check_error("Sequential(ConvTranspose2d(1, 2))", "1:12: ConvTranspose2d: kernel_size is missing; " + signature);
  check_error("ConvTranspose2d(1, 2, kernelsize=4)",
              "1:23: ConvTranspose2d: unknown argument \"kernelsize\"; did you mean kernel_size?");
  check_error("ConvTranspose2d(1, 2, 4, device=None)",
              "1:26: ConvTranspose2d: unknown argument \"device\"; " + signature);
  check_error("ConvTranspose2d(1, 2, 4, stride=2,\n  stride=2)", "2:3: ConvTranspose2d: stride is given twice");
  check_error("ConvTranspose2d(1, 2, 4, in_channels=1)", "1:26: ConvTranspose2d: in_channels is given twice");
  check_error("ConvTranspose2d(1, 2, kernel_size=4, 2)",
              "1:38: expected name=value in ConvTranspose2d, as after any argument that is given by name, got \"2\"");
  check_error("ReLU(True, 3)", "1:12: ReLU: more than 1 arguments by position; it takes (inplace=False)");
  check_error("Tanh(3)", "1:6: Tanh: more than 0 arguments by position; it takes ()");
  check_error("Identity(54, unused=1)", "1:10: Identity: more than 0 arguments by position; it takes ()");
  check_error("BatchNorm2d(5, 1e-05, 0.1, True, True, True)",
              "1:40: BatchNorm2d: more than 5 arguments by position; it takes (num_features, eps=1e-05, momentum=0.1, "
              "affine=True, track_running_stats=True, *, bias=True)");
}

TEST_CASE("spec: values of another type than the argument's") {
  check_error("Linear(7.0, 5)", "1:8: Linear: in_features must be an integer, got 7.0");
  check_error("Linear(True, 5)", "1:8: Linear: in_features must be an integer, got True");
  check_error("Linear(7, 5, bias=1)", "1:19: Linear: bias must be True or False, got 1");
  check_error("Linear(7, 5, bias=TRUE)", "1:19: Linear: bias must be True or False, got TRUE");
  check_error("Embedding(10, 3, 'a')", "1:18: Embedding: padding_idx must be an integer or None, got 'a'");
  check_error("Dropout(None)", "1:9: Dropout: p must be a finite number, got None");
  check_error("Dropout(inf)", "1:9: Dropout: p must be a finite number, got inf");
  check_error("ConvTranspose2d(1, 2, (4, 4, 4))",
              "1:23: ConvTranspose2d: kernel_size must be an integer or two, as in (4, 4), got (4, 4, 4)");
  check_error("ConvTranspose2d(1, 2, 4, padding='same')",
              "1:34: ConvTranspose2d: padding must be an integer or two, as in (4, 4), got 'same'");
  check_error("ConvTranspose2d(1, 2, 4, padding_mode=0)",
              "1:39: ConvTranspose2d: padding_mode must be a string, got 0");
  check_error("Upsample(scale_factor='a')",
              "1:23: Upsample: scale_factor must be a finite number or two, as in (2.0, 1.5), got 'a'");
  check_error("Upsample((2, None))", "1:10: Upsample: size must be an integer or two, as in (4, 4), got (2, None)");
  check_error("Upsample(2, align_corners=1)", "1:27: Upsample: align_corners must be True or False, got 1");
  check_error("AdaptiveAvgPool2d((2, 0.5))",
              "1:19: AdaptiveAvgPool2d: output_size must be an integer or None, or two of them, as in (4, None), got "
              "(2, 0.5)");
  check_error("ZeroPad2d((1, 2))",
              "1:11: ZeroPad2d: padding must be an integer or four, as in (1, 1, 2, 2), got (1, 2)");
  check_error("ConstantPad2d(1, 'a')", "1:18: ConstantPad2d: value must be a finite number, got 'a'");
  check_error("Unflatten(1, 4)",
              "1:14: Unflatten: unflattened_size must be a tuple of integers, as in (4, 4) or (4,), got 4");
  check_error("Unflatten(1, (4))",
              "1:14: Unflatten: unflattened_size must be a tuple of integers, as in (4, 4) or (4,), got (4)");
  check_error("Linear(7, 5, bias=" + repeated("1", 18) + "." + repeated("0", 100) + ")",
              "1:19: Linear: bias must be True or False, got " + repeated("1", 18) + "." + repeated("0", 41) + "...");
}

TEST_CASE("spec: numbers and strings that cannot be read") {
  check_error("Linear(9223372036854775808, 5)", "1:8: \"9223372036854775808\" does not fit 64 bits");
  check_error("Linear(7, -9223372036854775809)", "1:11: \"-9223372036854775809\" does not fit 64 bits");
  check_error("Dropout(1e999)", "1:9: expected a finite number, got \"1e999\"");
  check_error("Dropout(-inf)", "1:9: expected a finite number, got \"-inf\"");
  check_error("Dropout(0.5.5)", "1:9: expected a finite number, got \"0.5.5\"");
  check_error("Dropout(++1)", "1:9: expected a finite number, got \"++1\"");
  check_error("Linear(0x10, 5)", "1:8: expected a finite number, got \"0x10\"");
  check_error("ConvTranspose2d(1, 2, 4, padding_mode='zeros)",
              "1:40: expected a string that ends with ', got \"zeros)\"");
  check_error("ConvTranspose2d(1, 2, 4, padding_mode=\"ze\nros\")",
              "1:40: expected a string that ends with \", got \"ze\"");
}

TEST_CASE("spec: what layers refuse has a place") {
  check_error("Upsample()", "1:1: Upsample: expected size or scale_factor, got neither");
  check_error("MaxPool2d(2, return_indices=True)",
              "1:1: MaxPool2d: return_indices must be False, as indices are not computed, got True");
  check_error("ConvTranspose2d(1, 2, 4, groups=0)", "1:1: ConvTranspose2d: groups must be positive, got 0");
  check_error("Sequential(\n  (0): ReLU()\n  (1): Dropout(p=2)\n)", "3:8: Dropout: p must be between 0 and 1, got 2");
  check_error("ConvTranspose2d(6, 4, 3, padding_mode=reflect)",
              "1:1: ConvTranspose2d: padding_mode must be 'zeros', the only one there is, got 'reflect'");
  check_error("GELU(approximate='foo')", "1:1: GELU: approximate must be 'none' or 'tanh', got 'foo'");
  check_error("Hardtanh(1.0, 1)", "1:1: Hardtanh: max_val must be greater than min_val 1.0, got 1");
  check_error("GroupNorm(3, 4)", "1:1: GroupNorm: num_channels must be divisible by num_groups, got 4 and 3");
  check_error("GroupNorm(0, 4)", "1:1: GroupNorm: num_groups must be positive, got 0");
  check_error("LayerNorm(())", "1:1: LayerNorm: normalized_shape must have at least one size, got ()");
  check_error("LayerNorm((3, 0))", "1:1: LayerNorm: normalized_shape must be positive, got (3, 0)");
  check_error("InstanceNorm2d(-1)", "1:1: InstanceNorm2d: num_features must be positive, got -1");
  check_error("UpsamplingNearest2d(scale_factor=2, mode='bilinear')",
              "1:42: UpsamplingNearest2d: mode must be 'nearest', the only one there is, got 'bilinear'");
  check_error("RMSNorm((3, 0))", "1:1: RMSNorm: normalized_shape must be positive, got (3, 0)");
  check_error("PReLU(0)", "1:1: PReLU: num_parameters must be positive, got 0");
  check_error("Linear(1099511627776, 1099511627776)",
              "1:1: shape (1099511627776, 1099511627776) has more elements than 63 bits can count");
  check_error("BatchNorm2d(65537)", "1:13: BatchNorm2d: num_features must be at most 65536, got 65537");
  check_error("PReLU(65537)", "1:7: PReLU: num_parameters must be at most 65536, got 65537");
  check_error("GroupNorm(1, 65537)", "1:14: GroupNorm: num_channels must be at most 65536, got 65537");
  check_error("LayerNorm((512, 129))",
              "1:11: LayerNorm: normalized_shape must be at most 65536 elements, got (512, 129)");
  CHECK_NOTHROW(parse_module("Linear(1073741824, 1073741824)"));  // nothing is allocated before it is loaded
}

TEST_CASE("spec: places count characters, not bytes") {
  check_error("Sequential((größe): ReLU(), (é): foo3bar4(1))", "1:34: unknown layer \"foo3bar4\"" + unknown_ends());
}

/// Replaces, inserts, removes, doubles or swaps some characters of `spec`.
std::string mutated(std::string spec, std::mt19937& random) {
  static const std::string characters = "()[],:=.'\"\n -+019eETNaR_\\#\x80\xff";
  auto below = [&](size_t n) { return n == 0 ? 0 : std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  for (size_t changes = 1 + below(4); changes > 0 && !spec.empty(); --changes) {
    const size_t at = below(spec.size()), length = below(std::min<size_t>(spec.size() - at, 20) + 1);
    switch (below(5)) {
      case 0:
        spec[at] = characters[below(characters.size())];
        break;
      case 1:
        spec.insert(at, 1, characters[below(characters.size())]);
        break;
      case 2:
        spec.erase(at, length);
        break;
      case 3:
        spec.insert(below(spec.size()), spec.substr(at, length));
        break;
      default:
        std::swap(spec[at], spec[below(spec.size())]);
    }
  }
  return spec;
}

TEST_CASE("spec: damaged text is read or refused, and what is read prints so that it is read again") {
  std::mt19937 random(1);
  const std::vector<std::string> specs = printed_by_pytorch();
  int read = 0, refused = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string spec = mutated(specs[static_cast<size_t>(i) % specs.size()], random);
    CAPTURE(spec);
    try {
      const std::string printed = reprinted(spec);
      CHECK(reprinted(printed) == printed);
      ++read;
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(read > 100);
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace upconv
