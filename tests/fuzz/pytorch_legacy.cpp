// Any bytes, as torch.save wrote them before 1.6.
#include "framework/weights/pytorch.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    if (!upconv::internal::looks_like_pytorch_legacy(bytes)) return upconv::StateDict();
    return upconv::internal::read_pytorch_legacy(bytes, "fuzz", nullptr);
  });
}
