// Checkpoints as training scripts leave them: tests/golden/strangers.py makes them, net.safetensors has the weights.
#include "tests/strangers.h"

using namespace upconv;
using namespace upconv::testing;
using namespace upconv::testing::strangers;

TEST_CASE("strangers: whole pickled models have the keys of their state_dict") {
  for (const char* file : {"whole_model.pth", "whole_model_protocol_5.pth", "whole_model_legacy.pth", "script.pt"})
    check_loads(file,
                file == std::string("script.pt") ? LoadOptions{.ignore = {"3.scratch", "3.seen"}} : LoadOptions{});
  std::vector<std::string> keys, expected;
  for (const auto& [name, stored] : load_state_dict(path_of("whole_model.pth"))) keys.push_back(name);
  for (const auto& [name, stored] : load_state_dict(path_of("net.safetensors"))) expected.push_back(name);
  CHECK(keys == expected);
  check_loads("wrapped.pth", {.key = "ema", .strip_prefix = "module."});
}

TEST_CASE("strangers: what a script saves beside its weights is no obstacle, in any protocol") {
  for (const int protocol : {2, 3, 4, 5})
    check_loads("script_protocol_" + std::to_string(protocol) + ".pth", {.key = "netG"});
}

TEST_CASE("strangers: parameters with attributes and tensors of a class are tensors") { check_loads("classes.pth"); }

TEST_CASE("strangers: BatchNorm loads without the count that PyTorch up to 0.4 did not save") {
  check_loads("before_0_4.pth");
}

TEST_CASE("strangers: an array of NumPy that is no plain one is an error for who asks for it alone") {
  const StateDict all = load_state_dict(path_of("odd_arrays.pth"));
  CHECK(all.at("plain").to_tensor().numel() == 3);
  const std::string types = "expected one of f8, f4, f2, i8, i4, i2, i1, u1, u2, u4, u8, b1 as type, got ";
  const std::pair<const char*, std::string> reasons[] = {
      {"objects", "expected an array of plain numbers, got Python objects"},
      {"text", types + "\"<U1\""},
      {"records", types + "\"|V4\""},
      {"wave", types + "\"<c8\""},
      {"moment", types + "\"<M8\""},
      {"short", "an array of NumPy's of 8 bytes without as many"},
      {"encoded", "an array of NumPy's in another encoding than latin1"},
      {"wide", "an array of NumPy's of 8 bytes without as many"},
      {"twice", "an array of NumPy's whose axes (0, 0) are no permutation"},
      {"fewer", "an array of NumPy's whose axes (0,) are no permutation"},
      {"huge", "shape (4611686018427387904, 8) has more than 2^63 - 1 bytes"},
      {"bomb", "274877906944 bytes, more than a file of this size should have"},
      {"negative", "an array of NumPy's whose shape is not up to 64 sizes"},
      {"untyped", "an array of NumPy's with an integer as type"},
      {"nothing", "a scalar of NumPy's of 0 values"}};
  CHECK(all.size() == 1 + std::size(reasons));
  for (const auto& [name, reason] : reasons) {
    CAPTURE(name);
    CHECK(all.at(name).unreadable == reason);
  }
}

TEST_CASE("strangers: a tensor that cannot be read is an error for who asks for it alone") {
  const std::vector<std::string> odd{"spectrum", "edges", "eighths", "quantised", "nowhere"};
  check_loads("unreadable.pth", {.ignore = odd});
  check_loads("unreadable.pth", {.strict = false});
  check_loads("foreign.safetensors", {.ignore = {"eighths", "halves"}});
  check_loads("arrays.npz", {.ignore = {"log", "names", "wave"}});
  CHECK(load_state_dict(path_of("foreign.safetensors")).at("halves").unreadable == "of type F4");
  CHECK(load_state_dict(path_of("arrays.npz")).at("log").unreadable ==
        "expected an array of plain numbers, got Python objects");
  const StateDict all = load_state_dict(path_of("unreadable.pth"));
  CHECK(all.at("spectrum").unreadable == "of torch.ComplexFloatStorage");
  CHECK(all.at("spectrum").shape == Shape{2, 3});
  CHECK(all.at("eighths").dtype == DType::float8_e4m3fn);
  CHECK(all.at("edges").unreadable == "no plain array, but made by torch._utils._rebuild_sparse_tensor");
  CHECK(all.at("quantised").unreadable == "no plain array, but made by torch._utils._rebuild_qtensor");
  CHECK(all.at("nowhere").unreadable == "no plain array, but made by torch._utils._rebuild_meta_tensor_no_storage");
  CHECK(error_of([&] { static_cast<void>(all.at("spectrum").to_tensor()); }) ==
        "a tensor that cannot be read: of torch.ComplexFloatStorage");
  struct Wants : Module {
    Parameter edges = add_parameter("edges", Parameter(Shape{3, 3}));
    Value forward(Value x) const override { return x * edges; }
  };
  CHECK(error_of([&] { Wants().load_state_dict(all, false); }) ==
        "the weights do not fit Wants:\n  unreadable: edges (no plain array, but made by "
        "torch._utils._rebuild_sparse_tensor)");
  CHECK(error_of([&] { save_safetensors("never.safetensors", all); }) ==
        "never.safetensors: \"spectrum\" cannot be read (of torch.ComplexFloatStorage); leave it out with ignore");
}
