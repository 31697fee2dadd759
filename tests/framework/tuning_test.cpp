#include <algorithm>
#include <atomic>
#include <filesystem>

#include "framework/caches.h"
#include "framework/choices.h"
#include "framework/compile.h"
#include "framework/writing.h"
#include "tests/support.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

/// Two layers of one geometry and one of another; every one has a choice.
Sequential network(uint64_t seed = 1) {
  Sequential net = sequential(Conv2d(16, 16, 3, {.padding = 1}), ReLU(), Conv2d(16, 16, 3, {.padding = 1}), ReLU(),
                              ConvTranspose2d(16, 24, 4, {.stride = 2, .padding = 1}));
  Random random(seed);
  randomize(net, random);
  return net;
}
const Shape input = {2, 16, 20, 20};

/// More than any of these takes but under an emulator or sanitizers, where one look at each candidate is long.
Options measured(double seconds = 60) { return {.tune = Tune::measured, .tuning_seconds = seconds, .threads = 1}; }

/// The steps that had a choice.
std::vector<StepInfo> chosen(const Program& program) {
  std::vector<StepInfo> all;
  for (const StepInfo& step : program.steps())
    if (!step.candidates.empty()) all.push_back(step);
  return all;
}

const Candidate& taken(const StepInfo& step) {
  for (const Candidate& candidate : step.candidates)
    if (candidate.algorithm == step.algorithm) return candidate;
  throw Error("the algorithm is none of the candidates");
}

std::filesystem::path in_a_folder(const char* name) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "upconv_tuning_test";
  std::filesystem::create_directories(folder);
  return folder / name;
}

constexpr const char* line =
    "Conv2d 16-16 k3x3 p1,1,1,1, 2x16x20x20, planar to planar | standard | 2 | avx2 | direct | ";

}  // namespace

TEST_CASE("choices: a file is read as it was written") {
  Choices choices;
  choices.add({"a layer, of 1x2", Accuracy::exact, 3, Isa::avx2, "winograd F(3,2)", 0.0125});
  choices.add({"a layer, of 1x2", Accuracy::standard, 3, Isa::avx2, "direct", 0});
  choices.add({"a layer, of 1x2", Accuracy::exact, 3, Isa::avx2, "direct", 0.5});  // in the place of the first
  const std::filesystem::path path = in_a_folder("choices.txt");
  choices.save(path);
  const Choices again = Choices::load(path);
  CHECK(again.str() == choices.str());
  REQUIRE(again.all().size() == 2);
  const Choice* found = again.find("a layer, of 1x2", Accuracy::exact, 3, Isa::avx2);
  REQUIRE(found != nullptr);
  CHECK(found->algorithm == "direct");
  CHECK(found->seconds == 0.5);
  CHECK(again.place_of(*found) == path.string() + ":2");
  CHECK(again.find("a layer, of 1x2", Accuracy::fast, 3, Isa::avx2) == nullptr);
  CHECK(again.find("a layer, of 1x2", Accuracy::exact, 2, Isa::avx2) == nullptr);
  CHECK(again.find("a layer, of 1x2", Accuracy::exact, 3, Isa::sse2) == nullptr);
  CHECK(again.find("a layer", Accuracy::exact, 3, Isa::avx2) == nullptr);
}

TEST_CASE("choices: people may write them") {
  const std::string text = std::string("# a comment\r\n\n  ") + line + "1.5  \r\n" + line + "2";
  const Choices choices = Choices::parse(text, "mine.txt");
  REQUIRE(choices.all().size() == 1);
  CHECK(choices.all()[0].seconds == doctest::Approx(0.002));
  CHECK(choices.place_of(choices.all()[0]) == "mine.txt:4");
  CHECK(Choices::parse("").all().empty());
}

TEST_CASE("choices: a line that is none says where and what was expected") {
  const auto check = [](const std::string& text, const char* message) {
    CHECK_THROWS_WITH_AS((void)Choices::parse(text, "c.txt"), doctest::Contains(message), Error);
  };
  check("one | two",
        "c.txt:1: expected layer | accuracy | threads | instruction set | algorithm | milliseconds, got 2");
  check("\nx | slow | 1 | avx2 | direct | 1", "c.txt:2: expected exact, standard or fast as accuracy");
  check("x | fast | none | avx2 | direct | 1", "c.txt:1: expected a number of threads");
  check("x | fast | 0 | avx2 | direct | 1", "c.txt:1: expected a number of threads");
  check("x | fast | 1 | avx9 | direct | 1", "c.txt:1: ");
  check("x | fast | 1 | avx2 | direct | soon", "c.txt:1: expected milliseconds");
  check("x | fast | 1 | avx2 | direct | -1", "c.txt:1: expected milliseconds");
  check("x | fast | 1 | avx2 | direct | inf", "c.txt:1: expected milliseconds");
  check(" | fast | 1 | avx2 | direct | 1", "c.txt:1: the layer is missing");
  check("x | fast | 1 | avx2 |  | 1", "c.txt:1: the algorithm is missing");
  CHECK_THROWS_WITH_AS((void)Choices::load("/nothing/choices.txt"), doctest::Contains("/nothing/choices.txt"), Error);
}

TEST_CASE("tuning: what is taken was timed, once for each geometry, and computes the same") {
  const Sequential net = network();
  const Program program = compile(net, input, measured());
  const std::vector<StepInfo> steps = chosen(program);
  REQUIRE(steps.size() == 3);
  for (const StepInfo& step : steps) {
    CAPTURE(step.geometry);
    CHECK(taken(step).seconds > 0);
    for (const Candidate& other : step.candidates)
      if (other.seconds > 0) CHECK(taken(step).seconds <= 1.03 * other.seconds);
  }
  CHECK(steps[0].geometry != steps[2].geometry);
  Random random(3);
  const Tensor x = random.randn(input);
  const Tensor got = program(x), expected = compile(net, input, {.accuracy = Accuracy::exact, .threads = 1})(x);
  // Algorithms whose error is within 2.2 of a plain sum's.
  const double bound = 2.2 * network_tolerance(net, expected);
  check_close(got, expected, [&](int64_t) { return bound; });

  // The same process knows it already: another network of these geometries takes the same without measuring.
  const std::vector<StepInfo> again = chosen(compile(network(2), input, measured(0)));
  for (size_t i = 0; i < steps.size(); ++i) {
    CHECK(again[i].algorithm == steps[i].algorithm);
    CHECK(taken(again[i]).seconds == taken(steps[i]).seconds);
  }
}

namespace {

/// Hands on what it reads, and counts the runs in which most of that was zero.
class Watching : public Operation {
 public:
  explicit Watching(std::shared_ptr<std::atomic<int>> empty) : empty_(std::move(empty)) {}
  std::string_view name() const override { return "Watching"; }
  Type infer(std::span<const Type> inputs) const override { return inputs[0]; }
  std::unique_ptr<Step> lower(const Lowering& lowering) const override {
    return std::make_unique<Copy>(numel(lowering.output.shape), empty_);
  }

 private:
  struct Copy : Step {
    Copy(int64_t count, std::shared_ptr<std::atomic<int>> empty) : count(count), empty(std::move(empty)) {}
    int64_t tiles() const override { return 1; }
    void run(int64_t, const Frame& frame) const override {
      const auto* x = static_cast<const float*>(frame.inputs[0]);
      std::copy_n(x, count, static_cast<float*>(frame.output));
      if (std::count(x, x + count, 0.0f) > count / 2) ++*empty;
    }
    std::string algorithm() const override { return "copy"; }
    int64_t count;
    std::shared_ptr<std::atomic<int>> empty;
  };
  std::shared_ptr<std::atomic<int>> empty_;
};

}  // namespace

TEST_CASE("tuning: what is timed multiplies numbers, and not zeros, which matrix tiles are faster at") {
  Graph graph;
  const auto empty = std::make_shared<std::atomic<int>>(0);
  const Sequential first = sequential(Conv2d(16, 24, 3, {.padding = 1, .bias = false})),
                   second = sequential(Conv2d(24, 20, 3, {.padding = 1, .bias = false})),
                   third = sequential(Conv2d(20, 16, 3, {.padding = 1, .bias = false}));
  Random random(4);
  for (const Sequential* net : {&first, &second, &third}) randomize(*net, random);
  {
    const internal::Writing writing(graph);
    Value x = graph.input({{2, 16, 20, 20}});
    for (const Sequential* net : {&first, &second, &third})
      x = net->forward(graph.apply(std::make_shared<Watching>(empty), {x}));
    graph.output(x);
  }
  const Program program = compile(graph, measured());
  for (const StepInfo& step : chosen(program)) CHECK(taken(step).seconds > 0);
  CHECK(chosen(program).size() == 3);
  CHECK(*empty == 0);
}

TEST_CASE("tuning: what is timed behind steps that compute a batch in portions has the numbers of all of them") {
  const auto empty = std::make_shared<std::atomic<int>>(0);
  Sequential first = sequential(Conv2d(16, 16, 3, {.padding = 1}), Conv2d(16, 16, 3, {.padding = 1})),
             second = sequential(Conv2d(16, 16, 3, {.padding = 1}));
  Random random(4);
  for (Sequential* net : {&first, &second}) randomize(*net, random);
  constexpr int64_t width = 32;
  const int64_t half_of_cache = internal::l2_bytes() / 2 / (16 * width * 4);
  Graph graph;
  {
    const internal::Writing writing(graph);
    const Value x = first.forward(graph.input({{8, 16, half_of_cache, width}}));
    graph.output(second.forward(graph.apply(std::make_shared<Watching>(empty), {x})));
  }
  const Program program = compile(graph, measured());
  REQUIRE(program.steps().size() == 4);
  CHECK(program.steps()[1].portions == 4);
  CHECK(taken(program.steps()[3]).seconds > 0);
  CHECK(*empty == 0);
}

TEST_CASE("tuning: without time everything is as for latency") {
  const Sequential net = network();
  const Shape other = {1, 16, 21, 20};  // which nobody has measured
  const std::vector<StepInfo> steps = chosen(compile(net, other, measured(0)));
  const std::vector<StepInfo> expected = chosen(compile(net, other, {.threads = 1}));
  REQUIRE(steps.size() == expected.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    CHECK(steps[i].algorithm == expected[i].algorithm);
    CHECK(taken(steps[i]).seconds == 0);
  }
  CHECK_THROWS_WITH_AS((void)compile(net, other, measured(-1)), doctest::Contains("tuning_seconds"), Error);
}

TEST_CASE("choices: programs take what a file says, bit for bit the same") {
  const Sequential net = network();
  for (const char* algorithm : {"direct", "winograd F(2,3)"}) {
    const Program pinned = compile(net, input, {.algorithm = algorithm, .threads = 1});
    const auto choices = std::make_shared<const Choices>(pinned.choices());
    for (Tune tune : {Tune::latency, Tune::throughput, Tune::measured}) {
      const Program program = compile(net, input, {.tune = tune, .choices = choices, .threads = 1});
      const std::vector<StepInfo> steps = chosen(program), expected = chosen(pinned);
      for (size_t i = 0; i < steps.size(); ++i) CHECK(steps[i].algorithm == expected[i].algorithm);
      Random random(3);
      const Tensor x = random.randn(input);
      CHECK(program(x).numel() == pinned(x).numel());
      check_close(program(x), pinned(x), [](int64_t) { return 0.0; });
    }
  }
}

TEST_CASE("choices: an algorithm that the layer cannot take is refused by its line") {
  const Sequential net = network();
  const std::string text = compile(net, input, {.threads = 1}).choices().str();
  std::string broken;
  for (size_t at = 0, number = 0; at < text.size(); ++number) {
    const size_t end = text.find('\n', at);
    std::string one = text.substr(at, end - at);
    if (number == 2) {
      const size_t last = one.rfind(" | "), before = one.rfind(" | ", last - 1);
      one = one.substr(0, before + 3) + "magic" + one.substr(last);
    }
    broken += one + "\n";
    at = end + 1;
  }
  const auto choices = std::make_shared<const Choices>(Choices::parse(broken, "broken.txt"));
  CHECK_THROWS_WITH_AS((void)compile(net, input, {.choices = choices, .threads = 1}),
                       doctest::Contains("cannot take the algorithm \"magic\": there are "), Error);
  CHECK_THROWS_WITH_AS((void)compile(net, input, {.choices = choices, .threads = 1}),
                       doctest::Contains("broken.txt:3: "), Error);
  // Of another number of threads it says nothing.
  const auto other = std::make_shared<const Choices>(Choices::parse("x | exact | 7 | avx2 | magic | 1"));
  CHECK_NOTHROW((void)compile(net, input, {.choices = other, .threads = 1}));
}
