// What people bring as checkpoints, in their words. tests/golden/strangers.py and libraries.py made the files; all have
// the weights of net.safetensors. More of them, and every tensor bit by bit: ./dev strangers.
#include <fmt/format.h>
#include <sys/stat.h>

#include <thread>

#include "tests/strangers.h"

using namespace upconv;
using namespace upconv::testing;
using namespace upconv::testing::strangers;

namespace {

/// Two files of tests/golden/weights have the same tensors, bit by bit.
void check_same(const std::string& file, const std::string& expected_file) {
  CAPTURE(file);
  const StateDict got = golden("weights/" + file), expected = golden("weights/" + expected_file);
  CHECK(got.size() == expected.size());
  for (const auto& [name, stored] : expected) {
    CAPTURE(name);
    CHECK(same_bits(got.at(name).to_tensor(), stored.to_tensor()));
  }
}

/// What is said of bytes that are no weights.
std::string refusal(std::string_view bytes) {
  return error_of([&] { static_cast<void>(load_state_dict(std::as_bytes(std::span(bytes)), "netG.pth")); });
}

}  // namespace

TEST_CASE("I saved my generator with args, a NumPy best score, a Path and the optimizer, and it was called code") {
  for (const char* file :
       {"script_protocol_2.pth", "script_protocol_3.pth", "script_protocol_4.pth", "script_protocol_5.pth"}) {
    check_loads(file, {.key = "netG"});
    CHECK(load_state_dict(path_of(file)).at("best").to_tensor().data()[0] == 0.25f);
    CHECK(load_state_dict(path_of(file)).at("curve").shape == Shape{3});
  }
}

TEST_CASE("My .ckpt is Lightning's, with hyperparameters, loops and optimizer states") {
  check_loads("by_lightning.ckpt", {.key = "state_dict", .strip_prefix = "net."});
}

TEST_CASE("timm's train.py made it, with its args and an averaged model") {
  check_loads("by_timm.pth.tar", {.key = "state_dict"});
  check_loads("by_timm.pth.tar", {.key = "state_dict_ema"});
}

TEST_CASE("Ignite and accelerate saved mine") {
  check_loads("by_ignite.pt", {.key = "model"});
  check_loads("by_accelerate.bin");
  CHECK(load_state_dict(path_of("by_accelerate.random")).at("numpy_random_seed.1").shape == Shape{624});
}

TEST_CASE("I averaged my weights: ema-pytorch, and PyTorch's own AveragedModel") {
  check_loads("by_ema_pytorch.pth", {.key = "ema_model"});
  check_loads("by_swa_utils.pth", {.strip_prefix = "module.", .ignore = {"n_averaged"}});
}

TEST_CASE("I trained with torch.compile and DataParallel, and every name has more in front") {
  check_loads("by_compile.pth", {.key = "state", .strip_prefix = "module._orig_mod."});
  check_loads("wrapped.pth", {.key = "ema", .strip_prefix = "module."});
}

TEST_CASE("I have the whole network, torch.save(net), and no code of it") {
  for (const char* file : {"whole_model.pth", "whole_model_protocol_5.pth", "whole_model_legacy.pth"})
    check_loads(file);
}

TEST_CASE("All I was given is TorchScript") { check_loads("script.pt", {.ignore = {"3.scratch", "3.seen"}}); }

TEST_CASE("I exported it, and the .pt2 is all that was kept") { check_same("program.one.pt2", "program.safetensors"); }

TEST_CASE("safetensors' save_model left out the name that my network asks for") {
  check_same("tied.model.st", "tied.safetensors");
}

TEST_CASE("My arrays are NumPy's, in a pickle, from before NumPy 2 and after") {
  for (const char* file : {"pickled.numpy_1.pth", "pickled.protocol_2.pth", "pickled.protocol_5.pth"})
    CHECK(golden(std::string("weights/") + file).size() > 0);
  check_same("pickled.protocol_4.pth", "pickled.safetensors");
}

TEST_CASE("I saved the old form, by a newer protocol") {
  check_same("pickled.legacy_protocol_4.pth", "pickled.safetensors");
}

TEST_CASE("It comes through a pipe") {
  const std::filesystem::path pipe = std::filesystem::temp_directory_path() / fmt::format("upconv-pipe-{}", ::getpid());
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(pipe, std::ios::binary) << bytes_of(path_of("whole_model.pth")); });
  Sequential loaded = network();
  CHECK_NOTHROW(loaded.load(pipe));
  writer.join();
  std::filesystem::remove(pipe);
}

TEST_CASE("One complex tensor somewhere made the whole file unreadable") {
  const std::vector<std::string> others = {"spectrum", "edges", "quantised", "nowhere"};
  check_loads("unreadable.pth", {.strict = false});
  for (const std::string& name : others)
    CHECK_FALSE(load_state_dict(path_of("unreadable.pth")).at(name).unreadable.empty());
}

TEST_CASE("My weights are float8") {
  CHECK(load_state_dict(path_of("unreadable.pth")).at("eighths").unreadable.empty());
  CHECK(load_state_dict(path_of("foreign.safetensors")).at("eighths").to_tensor().shape() == Shape{4});
}

TEST_CASE("My Parameters have attributes, and one is of a class of mine") { check_loads("classes.pth"); }

TEST_CASE("My checkpoint is of PyTorch 0.3, which did not count batches") { check_loads("before_0_4.pth"); }

TEST_CASE("I downloaded it, and it is something else") {
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\n").find("git lfs pull") !=
        std::string::npos);
  CHECK(refusal("<!DOCTYPE html><html></html>").find("web page") != std::string::npos);
  CHECK(refusal("\x89HDF\r\n\x1a\n....").find("Keras") != std::string::npos);
  CHECK(refusal("(dp0\nS'a'\n.").find("protocol 0") != std::string::npos);
  CHECK(refusal("").find("no bytes") != std::string::npos);
}
