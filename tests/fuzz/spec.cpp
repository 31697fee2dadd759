// Any text, as the description of a module.
#include <upconv/upconv.h>

#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    (void)upconv::parse_module({reinterpret_cast<const char*>(data), size})->str();
  } catch (const upconv::Error&) {
  }
  return 0;
}
