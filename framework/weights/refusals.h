#pragma once
// Internal: what people have under the name of a file of weights, and what they could do. Nothing here is read.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "zip.h"

namespace upconv::internal {

/// Throws Error for bytes that begin as no format that is read: says what they seem to be, called `name`.
[[noreturn]] void refuse_bytes(std::span<const std::byte> bytes, const std::string& name);

/// The same for an archive that none of the readers knows by its entries; returns where it may be one of arrays.
void refuse_archive(const ZipArchive& archive, const std::string& name);

/// Throws Error for a folder.
[[noreturn]] void refuse_folder(const std::filesystem::path& folder);

/// Throws Error for one of the files that torch.distributed.checkpoint leaves in a folder, each of which may begin as a
/// file of weights.
void refuse_part(const std::filesystem::path& path);

}  // namespace upconv::internal
