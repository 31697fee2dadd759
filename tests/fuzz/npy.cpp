// Any bytes, as an array of NumPy's.
#include "framework/weights/readers.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    upconv::StateDict one;
    one.add("weight", upconv::internal::read_npy(bytes, "fuzz", nullptr));
    return one;
  });
}
