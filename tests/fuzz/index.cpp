// Any bytes, as the index of files beside it; there are none.
#include "framework/weights/shards.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    return upconv::internal::read_shards(bytes, "no/such/folder/fuzz.index.json", {});
  });
}
