// Any bytes, as an archive of NumPy's arrays.
#include "framework/weights/npz.h"

#include "framework/weights/zip.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    return upconv::internal::read_npz(upconv::internal::ZipArchive(bytes, "fuzz", nullptr), "fuzz");
  });
}
