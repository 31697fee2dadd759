// What people pasted, in their words: prints that leave something out, and prints of what PyTorch wraps.
#include <numeric>

#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(UPCONV_GOLDEN) + "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The arguments that a text leaves open.
std::vector<std::string> open(const std::string& spec) {
  std::vector<std::string> arguments;
  for (const Assumption& one : parse_spec(spec).assumptions) arguments.push_back(one.argument);
  return arguments;
}

Tensor ramp(Shape shape) {
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor(std::move(shape), values);
}

}  // namespace

TEST_CASE("I pasted my decoder's print, which has align_corners=True, and the picture is a little off everywhere") {
  const std::string print = "Upsample(scale_factor=2.0, mode='bilinear')";  // of either
  CHECK(open(print) == std::vector<std::string>{"align_corners"});

  const std::string typed = "Upsample(scale_factor=2.0, mode='bilinear', align_corners=True)";
  CHECK(open(typed).empty());
  const Tensor x = ramp({1, 1, 1, 2});
  const Tensor pasted = (*parse_module(print))(x), meant = (*parse_module(typed))(x);
  CHECK(std::vector<float>(pasted.data(), pasted.data() + 4) == std::vector<float>{0, 0.25, 0.75, 1});
  CHECK(meant.data()[1] == doctest::Approx(1.0 / 3));  // as PyTorch 2.13 answers both
}

TEST_CASE("I pasted my pooling, which has ceil_mode=True, and the network ends with a row and a column too few") {
  const std::string print = "AvgPool2d(kernel_size=2, stride=2, padding=0)";
  CHECK(open(print) == std::vector<std::string>{"ceil_mode", "divisor_override"});
  CHECK((*parse_module(print))(ramp({1, 1, 3, 3})).shape() == Shape{1, 1, 1, 1});
  CHECK((*parse_module("AvgPool2d(2, 2, 0, ceil_mode=True)"))(ramp({1, 1, 3, 3})).shape() == Shape{1, 1, 2, 2});
}

TEST_CASE("I only use nearest upsampling by 2 and max pooling, and do not want to be warned of what cannot be") {
  CHECK(
      open("Sequential(\n  (0): Upsample(scale_factor=2.0, mode='nearest')\n  (1): MaxPool2d(kernel_size=2, stride=2, "
           "padding=0, dilation=1, ceil_mode=False)\n  (2): BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, "
           "bias=True, track_running_stats=True)\n)")
          .empty());
}

TEST_CASE("I trained with nn.DataParallel, pasted print(netG), and have the file of netG or of netG.module") {
  for (const char* file : {"data_parallel.pth", "data_parallel.inside.safetensors"})
    CHECK_NOTHROW(
        parse_module(text_of("wrapped/data_parallel.txt"))->load(UPCONV_GOLDEN "/wrapped/" + std::string(file)));
}

TEST_CASE("I compiled my generator with torch.compile, and its print and keys say _orig_mod everywhere") {
  for (const char* file : {"compiled.pth", "compiled.inside.safetensors"})
    CHECK_NOTHROW(parse_module(text_of("wrapped/compiled.txt"))->load(UPCONV_GOLDEN "/wrapped/" + std::string(file)));
}

TEST_CASE("I used weight_norm of parametrizations, and the print has ParametrizedConvTranspose2d") {
  for (const char* file : {"weight_norm.pth", "weight_norm.inside.safetensors"})
    CHECK_NOTHROW(
        parse_module(text_of("wrapped/weight_norm.txt"))->load(UPCONV_GOLDEN "/wrapped/" + std::string(file)));
}

TEST_CASE("I pasted what print shows of my TorchScript module, and only want to know what to do instead") {
  const std::string said = error_of([] {
    (void)parse_module(
        "RecursiveScriptModule(\n  original_name=Sequential\n  (0): RecursiveScriptModule(original_name=Conv2d)\n)");
  });
  CHECK(said.find("TorchScript") != said.npos);
  CHECK(said.find("print the Python module") != said.npos);
}

TEST_CASE("I traced my network with torch.fx, and below the print of its layers there is Python code") {
  const std::string said = error_of([] {
    (void)parse_module(
        "Net(\n  (conv): Conv2d(3, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n)\n\n\n\n"
        "def forward(self, x):\n    conv = self.conv(x)\n    add = conv + x;  conv = x = None\n    return add\n    \n"
        "# To see more debug info, please use `graph_module.print_readable()`\n");
  });
  CHECK(said.starts_with("7:1: "));
  CHECK(said.find("print the module that was traced") != said.npos);
}
