#pragma once
// NumPy's format of one array, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A file is
//   "\x93NUMPY" | version | u16 (version 1) or u32 N | N bytes of a Python dictionary | the elements.
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "../parameter.h"

namespace upconv {

/// Reads an array that numpy.save wrote: float64, float32 and float16 become float32, the integers and bool int64.
/// Throws Error naming file, expected and got.
Tensor load_npy(const std::filesystem::path& path);

/// Writes a float32 or int64 array that numpy.load reads. The file appears under its name only when it is complete and
/// on disk.
void save_npy(const std::filesystem::path& path, const Tensor& tensor);

/// Whether the bytes begin as a .npy file does; says nothing about the rest.
bool looks_like_npy(std::span<const std::byte> bytes);

/// The array with its elements as they were saved: a view of `bytes`, or a copy where they were big-endian or in
/// Fortran's order. `name` stands for the file in messages, `owner` keeps the bytes alive. Accepts versions 1 to 3, a
/// header of at most 10,000 bytes, rank 64, and the types that a tensor in a file can have.
Stored read_npy(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner);

}  // namespace upconv
