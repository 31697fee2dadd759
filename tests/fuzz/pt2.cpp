// Any bytes, as an archive of torch.export.save's.
#include "framework/weights/pt2.h"

#include "framework/weights/zip.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    const upconv::internal::ZipArchive archive(bytes, "fuzz", nullptr);
    return upconv::internal::looks_like_pt2(archive) ? upconv::internal::read_pt2(archive, "fuzz")
                                                     : upconv::StateDict();
  });
}
