// Exported programs against PyTorch: golden/exported, made by exported.py.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/pt2.h"
#include "framework/weights/zip.h"
#include "layers/exported/operations.h"
#include "layers/exported/reader.h"
#include "tests/allocations.h"
#include "tests/layers/sandwich.h"

using namespace upconv;
using namespace upconv::testing;

namespace {

std::filesystem::path folder() { return UPCONV_GOLDEN "/exported"; }
std::string archive(const std::string& name) { return folder() / (name + ".pt2"); }

/// The names of all archives, without their endings.
std::vector<std::string> archives() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    if (entry.path().extension() == ".pt2") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

nlohmann::json refused() { return nlohmann::json::parse(bytes_of(folder() / "refused.json")); }

ExportedProgram program_of(const std::string& name) {
  const MappedFile file = map_or_read(archive(name));
  const ZipArchive zip(file.bytes, name, file.owner);
  return read_program(read_exported(zip, name, ""));
}

/// What one archive was called with, and what it then gave.
struct GoldenCall {
  std::string number;
  std::vector<Tensor> inputs, outputs;
  std::vector<double> errors;  // of PyTorch's own float32, for each output
  std::string refusal;         // its words, where there are no outputs
};

/// All forms of a network were called alike: "dcgan.core.pt2" has its calls in dcgan.safetensors.
std::vector<GoldenCall> calls_of(const std::string& name) {
  const std::string file = "exported/" + name.substr(0, name.find('.')) + ".safetensors";
  const StateDict tensors = golden(file);
  std::vector<GoldenCall> calls;
  for (const auto& [number, text] : tensors.metadata) {
    const nlohmann::json about = nlohmann::json::parse(text);
    GoldenCall call{.number = number, .inputs = {}, .outputs = {}, .errors = {}, .refusal = {}};
    const auto all = [&](const std::string& kind) {
      std::vector<Tensor> found;
      for (size_t i = 0;; ++i) {
        const Stored* stored = tensors.find(fmt::format("{}.{}{}", std::stoi(number), kind, i));
        if (stored == nullptr) return found;
        found.push_back(stored->to_tensor());
      }
    };
    call.inputs = all("in");
    call.outputs = all("out");
    if (about.contains("refused"))
      call.refusal = about["refused"];
    else
      call.errors = about["errors"].get<std::vector<double>>();
    calls.push_back(std::move(call));
  }
  return calls;
}

/// A network in the middle of another, where pictures lie channels-last.
class Inside : public ModuleOf<Values(Values)> {
 public:
  explicit Inside(const Exported& net) : net_(child("net", net)) {}
  Values forward(Values xs) const override {
    for (Value& x : xs) x = wrapped(x);
    Values ys = net_.forward(xs);
    for (Value& y : ys) y = wrapped(y);
    return ys;
  }

 private:
  static Value wrapped(Value x) {
    const bool is_picture = x.shape().size() == 4 && numel(x.shape()) > 0 && x.dtype() == DType::float32;
    return is_picture ? identity(x.size(1))(x) : x;
  }
  Exported net_;
};

void check_outputs(const Exported& net, const GoldenCall& call, const std::vector<Tensor>& got) {
  REQUIRE(got.size() == call.outputs.size());
  for (size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    const Tensor& expected = call.outputs[i];
    REQUIRE(name(got[i].dtype()) == name(expected.dtype()));
    if (expected.dtype() != DType::float32 || net.outputs()[i].dtype == DType::boolean) {
      CHECK(same_bits(got[i], expected));
      continue;
    }
    // PyTorch's float32 is one way to round; another may be four times as far off.
    check_close(got[i], expected, [&](int64_t k) {
      return 4 * call.errors[i] + 4 * std::numeric_limits<float>::epsilon() * (std::abs(expected.data()[k]) + 0.1);
    });
  }
}

/// Runs all calls of an archive; how many there are.
size_t check_archive(const std::string& name) {
  const Exported net = load_exported(archive(name));
  const std::vector<GoldenCall> calls = calls_of(name);
  for (const GoldenCall& call : calls) {
    CAPTURE(call.number);
    if (!call.refusal.empty()) {
      const std::string words = error_of([&] { (void)net(call.inputs); });
      CAPTURE(words);
      CHECK(words.find(call.refusal) != std::string::npos);
      continue;
    }
    for (Isa isa : available_isas()) {
      CAPTURE(upconv::name(isa));
      check_outputs(net, call, compile(net, types_of(call.inputs), {.isa = isa})(call.inputs));
      check_outputs(net, call, compile(Inside(net), types_of(call.inputs), {.isa = isa})(call.inputs));
    }
  }
  return calls.size();
}

}  // namespace

TEST_CASE("exported: every archive gives what PyTorch gave, in either layout, on every instruction set") {
  const nlohmann::json refusals = refused();
  size_t checked = 0;
  for (const std::string& name : archives()) {
    if (refusals.contains(name)) continue;
    CAPTURE(name);
    CHECK_NOTHROW(checked += check_archive(name));
  }
  CHECK(checked > 90);
}

TEST_CASE("exported: what cannot be run is refused when it is loaded, in words that say what and why") {
  const nlohmann::json refusals = refused();
  for (const auto& [name, words] : refusals.items()) {
    CAPTURE(name);
    const std::string got = error_of([&, file = archive(name)] { (void)load_exported(file); });
    CAPTURE(got);
    CHECK(got.find(words.get<std::string>()) != std::string::npos);
    CHECK(got.find(name + ".pt2") != std::string::npos);
  }
}

TEST_CASE("exported: every operation of the table is used by an archive that PyTorch wrote") {
  std::set<std::string_view> used;
  const nlohmann::json refusals = refused();
  for (const std::string& name : archives()) {
    if (refusals.contains(name)) continue;
    for (const ExportedNode& node : program_of(name).nodes)
      if (node.row != nullptr) used.insert(node.row->name);
  }
  std::vector<std::string_view> unused;
  for (const OperationRow& row : operation_rows())
    if (!used.contains(row.name)) unused.push_back(row.name);
  CAPTURE(fmt::format("{}", fmt::join(unused, ", ")));
  CHECK(unused.empty());
}

namespace {

/// Its first call's outputs, whatever its weights are by now.
std::vector<Tensor> first_outputs(const Exported& net, const std::string& name) {
  return net(calls_of(name)[0].inputs);
}

bool same_outputs(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_bits);
}

/// Draws other weights for it, which have nothing of the archive's but their names; gives them.
StateDict drawn_for(const Exported& net, uint64_t seed) {
  Random random(seed);
  randomize(net, random);
  return net.state_dict();
}

Tensor filled(const Shape& shape, float value) {
  return Tensor(shape, std::vector<float>(static_cast<size_t>(numel(shape)), value));
}

/// Three times what the network gives, called in both ways in which a forward() may call it.
class Around : public ModuleOf<Values(Values)> {
 public:
  explicit Around(const Exported& net) : net_(child("net", net)) {}
  Values forward(Values xs) const override { return {net_(xs[0]) * 2 + net_.forward(xs)[0]}; }

 private:
  Exported net_;
};

/// What the network gives, times a number that anybody may change at any time.
class Scaled : public ModuleOf<Values(Values)> {
 public:
  explicit Scaled(const Exported& net) : net_(child("net", net)) {}
  Values forward(Values xs) const override { return {net_(xs)[0] * factor}; }
  float factor = 1;

 private:
  Exported net_;
};

template <class F>
size_t allocations_of(F f) {
  const size_t before = Calls::of_thread().allocations;
  f();
  return Calls::of_thread().allocations - before;
}

}  // namespace

TEST_CASE(
    "exported: a call out of range or against a guard runs where guards are ignored, as PyTorch would without them") {
  const Exported net = load_exported(archive("guarded"), {.ignore_guards = true});
  const Tensor x = filled({1, 1, 6, 4}, 2);
  // The branch that was exported is x + 1.
  CHECK(largest(net(x)) == 3);
  const Exported asserted = load_exported(archive("asserted"), {.ignore_guards = true});
  CHECK(largest(asserted(x)) == 3);
  const Exported range = load_exported(archive("range"), {.ignore_guards = true});
  CHECK(same_bits(range(filled({5}, 2)), filled({5}, 10)));
  const Exported merged = load_exported(archive("merged"), {.ignore_guards = true});
  CHECK(same_bits(merged({filled({2, 3}, 5), filled({2, 3}, 2)})[0], filled({2, 3}, -2)));
}

TEST_CASE("exported: weights that are replaced are used, folded ones too") {
  Exported net = load_exported(archive("normed")), other = load_exported(archive("normed"));
  const std::vector<Tensor> before = first_outputs(net, "normed");
  net.load_state_dict(drawn_for(other, 1));
  const std::vector<Tensor> after = first_outputs(net, "normed");
  CHECK_FALSE(same_outputs(before, after));
  CHECK(same_outputs(after, first_outputs(other, "normed")));
  net.load_state_dict(load_exported(archive("normed")).state_dict());
  CHECK(same_outputs(before, first_outputs(net, "normed")));
}

TEST_CASE("exported: a call like the one before is not written down again") {
  if (!Calls::counted()) return;
  for (const std::string name : {"normed", "painter_dynamic"}) {  // with and without folded weights
    CAPTURE(name);
    const Exported net = load_exported(archive(name));
    const std::vector<Tensor> xs = calls_of(name)[0].inputs;
    const std::vector<Type> types = types_of(xs);
    const Program program = compile(net, types, {});
    (void)net(xs);
    (void)program(xs);
    const size_t least = allocations_of([&] { (void)program(xs); });
    CHECK(allocations_of([&] { (void)net(xs); }) == least);
    net.named_parameters()[0].second.set(filled(net.named_parameters()[0].second.shape(), 1));
    CHECK(allocations_of([&] { (void)net(xs); }) > least + 20);
    CHECK(allocations_of([&] { (void)net(xs); }) == least);
    set_num_threads(1);
    CHECK(allocations_of([&] { (void)net(xs); }) > least + 20);
    CHECK(allocations_of([&] { (void)net(xs); }) == least);
    set_num_threads(0);
    CHECK(allocations_of([&] { (void)net(xs); }) == least);
  }
}

TEST_CASE("exported: calls of several sizes in turns give what each gives alone") {
  const Exported net = load_exported(archive("painter_dynamic"));
  const std::vector<GoldenCall> calls = calls_of("painter_dynamic");
  std::set<Shape> shapes;
  for (int round = 0; round < 3; ++round)
    for (const GoldenCall& call : calls) {
      shapes.insert(call.inputs[0].shape());
      CHECK(same_outputs(net(call.inputs), load_exported(archive("painter_dynamic"))(call.inputs)));
    }
  CHECK(shapes.size() > 1);
}

TEST_CASE("exported: the next call sees each change, whoever made it, on whichever thread") {
  using Change = std::function<void(Exported&)>;
  const Change changes[] = {
      [](Exported& net) { net.named_parameters()[0].second.set(filled(net.named_parameters()[0].second.shape(), 2)); },
      [](Exported& net) { init::uniform_(net.named_parameters()[0].second); },
      [](Exported& net) { net.load_state_dict(drawn_for(load_exported(archive("normed")), 4)); },
      [](Exported& net) {
        const Exported copy = net;
        std::thread([&] { (void)drawn_for(copy, 5); }).join();
      },
      [](Exported& net) { net = load_exported(archive("normed")); },
  };
  Exported net = load_exported(archive("normed"));
  const std::vector<Tensor> xs = calls_of("normed")[0].inputs;
  std::vector<Tensor> before = net(xs);
  for (const Change& change : changes) {
    change(net);
    const std::vector<Tensor> after = net(xs);
    CHECK_FALSE(same_outputs(after, before));
    Exported alike = load_exported(archive("normed"));
    alike.load_state_dict(net.state_dict());
    CHECK(same_outputs(after, alike(xs)));
    std::vector<Tensor> elsewhere;
    std::thread([&] { elsewhere = net(xs); }).join();
    CHECK(same_outputs(after, elsewhere));
    before = after;
  }
  net.set_options({.algorithm = "none such"});
  CHECK(error_of([&] { (void)net(xs); }).find("none such") != std::string::npos);
  net.set_options({});
  CHECK(same_outputs(net(xs), before));
}

TEST_CASE("exported: programs of other networks, and of code around one, are never taken for its own") {
  Exported one = load_exported(archive("normed")), two = load_exported(archive("normed"));
  (void)drawn_for(one, 6);  // as often as the other one, so that their versions are equal
  (void)drawn_for(two, 7);
  const std::vector<Tensor> xs = calls_of("normed")[0].inputs, of_one = one(xs), of_two = two(xs);
  CHECK_FALSE(same_outputs(of_one, of_two));
  static_cast<AnyModule&>(one) = two;  // its children and parameters, which share the programs
  CHECK(same_outputs(one(xs), of_one));
  CHECK(same_outputs(two(xs), of_two));

  Scaled scaled(two);
  CHECK(same_outputs(scaled(xs), of_two));
  scaled.factor = 0;
  CHECK(largest(scaled(xs)[0]) == 0);
}

TEST_CASE("exported: weights go through a file and back, strictly, under PyTorch's names and in its order") {
  const TemporaryFolder written;
  for (const std::string name : {"tied", "names", "normed"}) {
    CAPTURE(name);
    Exported net = load_exported(archive(name)), other = load_exported(archive(name));
    // What PyTorch's network of that name has, in its state_dict()'s order.
    const std::filesystem::path eager_file = folder() / (name + ".state.safetensors");
    const StateDict eager = load_state_dict(eager_file);
    std::vector<std::string> names, expected;
    for (const auto& [key, value] : net.state_dict()) names.push_back(key);
    for (const auto& text : nlohmann::json::parse(eager.metadata.at("order"))) expected.push_back(text);
    CHECK(fmt::format("{}", fmt::join(names, " ")) == fmt::format("{}", fmt::join(expected, " ")));

    const std::vector<Tensor> before = first_outputs(net, name);
    (void)drawn_for(other, 2);
    other.load(eager_file);
    CHECK(same_outputs(before, first_outputs(other, name)));
    (void)drawn_for(other, 3);
    save_safetensors(written / "net.safetensors", net.state_dict());
    other.load(written / "net.safetensors");
    CHECK(same_outputs(before, first_outputs(other, name)));
  }
}

TEST_CASE("exported: tied parameters are one, whichever of them is set") {
  const Exported net = load_exported(archive("tied"));
  net.parameter("first.weight").set(filled({4, 4}, 0.25F));
  CHECK(largest(net.parameter("second.weight").value()) == 0.25);
}

TEST_CASE("exported: of several programs in one archive, the one that is asked for") {
  const Tensor x = filled({2, 3}, 5);
  CHECK(largest(load_exported(archive("several"), {.program = "one"})(x)) == 6);
  CHECK(largest(load_exported(archive("several"), {.program = "two"})(x)) == 10);
  CHECK(error_of([] { (void)load_exported(archive("several"), {.program = "three"}); }).find("three") !=
        std::string::npos);
}

TEST_CASE("exported: a network inside another's forward, copies of it and many threads give what it gives") {
  const Exported net = load_exported(archive("painter_dynamic"));
  const GoldenCall call = calls_of("painter_dynamic")[0];
  const std::vector<Tensor> expected = net(call.inputs);
  const Tensor sum = Around(net)(call.inputs)[0];
  const Tensor& one = expected[0];
  for (int64_t i = 0; i < one.numel(); ++i) CHECK(std::abs(sum.data()[i] - 3 * one.data()[i]) <= tolerance(3, 3));

  const Exported copy = net;
  CHECK(same_outputs(copy(call.inputs), expected));
  std::vector<std::thread> threads;
  std::vector<std::vector<Tensor>> results(4);
  for (auto& result : results) threads.emplace_back([&] { result = copy(call.inputs); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) CHECK(same_outputs(result, expected));
}

TEST_CASE("exported: inputs and outputs are told with their names, types and ranges") {
  const Exported net = load_exported(archive("words_dynamic"));
  REQUIRE(net.inputs().size() == 2);
  CHECK(net.inputs()[0].name == "words");
  CHECK(name(net.inputs()[0].dtype) == name(DType::int64));
  REQUIRE(net.inputs()[0].dims.size() == 2);
  CHECK_FALSE(net.inputs()[0].dims[0].size.has_value());
  CHECK(net.inputs()[0].dims[0].symbol == net.inputs()[1].dims[0].symbol);
  CHECK(net.outputs().size() == 2);
  CHECK(net.type_name() == "Words");
  const Exported range = load_exported(archive("range"));
  CHECK(range.inputs()[0].dims[0].least == 2);
  CHECK(range.inputs()[0].dims[0].most == 4);
  CHECK(load_exported(archive("outputs")).outputs().size() ==
        load_exported(archive("outputs"))(calls_of("outputs")[0].inputs).size());
}
