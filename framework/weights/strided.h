#pragma once
// Internal: tensors as PyTorch keeps them: a storage, an offset, a shape, and a stride for each dimension.
#include <cstdint>
#include <string>
#include <string_view>

#include "../parameter.h"
#include "bytes.h"

namespace upconv::internal {

/// The elements of type `type` that lie in `storage` from `offset` on, by `shape` and `strides`, all of which count
/// elements and none of which is negative: a view where they are contiguous, gathered otherwise. What is gathered is
/// taken off `room`, in bytes. Throws Error naming `file` and the tensor `name` where one of them lies outside, where
/// the shape has more than 2^63 - 1 bytes, and where `room` is too little.
Stored strided(const Bytes& storage, DType type, uint64_t offset, Shape shape, const Shape& strides, uint64_t& room,
               const std::string& file, std::string_view name);

}  // namespace upconv::internal
