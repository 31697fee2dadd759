#pragma once
// Internal: what people have under the name of a file of weights, and what they could do. Nothing here is read.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace upconv::internal {

/// Throws Error for bytes that begin as no format that is read: says what they seem to be, called `name`.
[[noreturn]] void refuse_bytes(std::span<const std::byte> bytes, const std::string& name);

/// Throws Error for a path that is no file of weights whatever its bytes are: a folder, or one of the files that
/// torch.distributed.checkpoint leaves in it, whose tensors are cut in pieces.
void refuse_path(const std::filesystem::path& path);

}  // namespace upconv::internal
