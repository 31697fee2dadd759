// Any bytes, as an archive of torch.save's.
#include "framework/weights/pytorch.h"

#include "framework/weights/zip.h"
#include "tests/fuzz/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return fuzz_reader(data, size, [](std::span<const std::byte> bytes) {
    const upconv::internal::ZipArchive archive(bytes, "fuzz", nullptr);
    return upconv::internal::looks_like_pytorch(archive) ? upconv::internal::read_pytorch_zip(archive, "fuzz")
                                                         : upconv::StateDict();
  });
}
