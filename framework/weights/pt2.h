#pragma once
// Internal: archives of torch.export.save (.pt2). Since 2.8 one is a zip archive,
//   NAME/archive_format ("pt2") | NAME/byteorder | NAME/models/MODEL.json (the program)
//   NAME/data/weights/MODEL_weights_config.json | NAME/data/weights/weight_K, the elements of one storage each
// and before it was one with serialized_state_dict.pt, a file of torch.save within the file.
#include <string>

#include "state_dict.h"
#include "zip.h"

namespace upconv::internal {

/// Reads the parameters and saved buffers, under the names of the program's state_dict(). In an archive of several
/// programs each name begins with its program's. Code is never looked at. Throws Error naming file, tensor, expected
/// and got.
StateDict read_pt2(const ZipArchive& archive, const std::string& name);

/// Whether an archive holds what torch.export.save puts in one; says nothing about the rest.
bool looks_like_pt2(const ZipArchive& archive);

}  // namespace upconv::internal
