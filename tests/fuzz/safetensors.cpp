// Any bytes, as a safetensors file.
#include "framework/weights/readers.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    return upconv::internal::read_safetensors(bytes, "fuzz", nullptr);
  });
}
