#pragma once
// Internal: what numpy.savez and numpy.savez_compressed write: a zip archive of NAME.npy, one for each array.
#include <string>

#include "state_dict.h"
#include "zip.h"

namespace upconv::internal {

/// Reads an archive of arrays, each under its name without ".npy". Throws Error naming file, array, expected and got.
StateDict read_npz(const ZipArchive& archive, const std::string& name);

}  // namespace upconv::internal
