#pragma once
// Internal: archives of torch.export.save (.pt2). Since 2.8 one is a zip archive,
//   NAME/archive_format ("pt2") | NAME/byteorder | NAME/models/MODEL.json (the program)
//   NAME/data/weights/MODEL_weights_config.json | NAME/data/weights/weight_K, the elements of one storage each
// and before it was one with serialized_state_dict.pt, a file of torch.save within the file.
#include <string>
#include <vector>

#include "state_dict.h"
#include "zip.h"

namespace upconv::internal {

/// Reads the parameters and saved buffers, under the names of the program's state_dict(). In an archive of several
/// programs each name begins with its program's. Code is never looked at. Throws Error naming file, tensor, expected
/// and got.
StateDict read_pt2(const ZipArchive& archive, const std::string& name);

/// What an archive holds of one program.
struct ExportedParts {
  std::string where;    ///< "FILE: NAME/models/model.json", for messages
  Bytes text;           ///< of the program, JSON
  size_t archive_size;  ///< in bytes, of the whole file
  StateDict weights;    ///< parameters and saved buffers, under their names
  StateDict constants;  ///< other buffers, and tensors that the program holds
};

/// The names of the programs that an archive holds. Throws Error naming the file where it holds none, or is of a
/// PyTorch whose programs are not read.
std::vector<std::string> exported_programs(const ZipArchive& archive, const std::string& name);

/// Reads the program that is called `program`; where that is "", the only one. Throws Error naming the file where there
/// is none, or several.
ExportedParts read_exported(const ZipArchive& archive, const std::string& name, const std::string& program);

/// The same of the archive's bytes, which `owner` keeps alive.
ExportedParts read_exported(std::span<const std::byte> bytes, const std::string& name,
                            std::shared_ptr<const void> owner, const std::string& program);

/// The type that a program calls by this number. Throws Error that begins with `what` where it is none that is read.
DType exported_dtype(int64_t code, const std::string& what);

/// Whether an archive holds what torch.export.save puts in one; says nothing about the rest.
bool looks_like_pt2(const ZipArchive& archive);

}  // namespace upconv::internal
