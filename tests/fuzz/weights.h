#pragma once
// What the fuzzers of formats do with their bytes.
#include <upconv/upconv.h>

#include <memory>

/// Reads a file of weights from memory that ends where it ends, and converts every tensor, which touches all its bytes.
/// Only Error may come out.
template <class Read>
int fuzz_reader(const uint8_t* data, size_t size, Read read) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    for (const auto& [name, stored] : read(std::span(bytes, size))) (void)stored.to_tensor();
  } catch (const upconv::Error&) {
  }
  return 0;
}
