// Any bytes, as a program of torch.export's: read, written down for a call, and run where it is small.
#include "tests/fuzz/exported.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    (void)upconv::fuzz::run_exported({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
  } catch (const upconv::Error&) {
  }
  return 0;
}
