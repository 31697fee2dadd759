#pragma once
// Internal: the readers of the formats whose public headers only say how to load and save.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "../error.h"
#include "../image.h"
#include "state_dict.h"

namespace upconv::internal {

/// Thrown for an array whose elements are of a type that is not read.
struct UnreadableArray : Error {
  UnreadableArray(const std::string& message, std::string reason) : Error(message), reason(std::move(reason)) {}
  std::string reason;  ///< without file and place
};

/// What stands for a tensor that cannot be read: an error for who asks for its elements, which says why.
inline Stored unreadable_tensor(std::string reason, Shape shape = {}) {
  Stored stored(DType::float32, std::move(shape), {});
  stored.unreadable = std::move(reason);
  return stored;
}

/// What NumPy calls a type: "<f4", ">u2", "|b1".
struct NumpyType {
  DType dtype;
  bool is_big_endian;
};

/// Throws UnreadableArray for a type that is not read.
NumpyType numpy_type(std::string_view descr);

/// Whether the bytes begin as a .npy file does; says nothing about the rest.
bool looks_like_npy(std::span<const std::byte> bytes);

/// The array with its elements as they were saved: a view of `bytes`, or a copy where they were big-endian or in
/// Fortran's order. `name` stands for the file in messages, `owner` keeps the bytes alive. Accepts versions 1 to 3, a
/// header of at most 10,000 bytes, rank 64, and the types that a tensor in a file can have.
Stored read_npy(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner);

/// As load_png, of bytes; `file` stands for them in messages.
Image read_png(std::span<const std::byte> bytes, const std::string& file);

/// How it is read.
struct SafetensorsOptions {
  /// Tolerate bytes after the last tensor: some published files have them.
  bool lenient = false;
};

/// Whether the bytes begin as a safetensors file does, with a length that they have or with a brace in its place; says
/// nothing about the rest.
bool looks_like_safetensors(std::span<const std::byte> bytes);

/// Reads the header and makes views of the tensors; copies and touches no data. `name` stands for the file in messages,
/// `owner` keeps the bytes alive. Accepts what the format allows, within bounds that no generator comes near: a header
/// of 100,000,000 bytes, 100,000 tensors, 100,000 lines of metadata, rank 64.
StateDict read_safetensors(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
                           const SafetensorsOptions& options = {});

}  // namespace upconv::internal
