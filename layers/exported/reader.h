#pragma once
// Internal: from the text of an archive to a program, with everything checked that a hostile one could get wrong.
#include <string_view>

#include "../../framework/weights/pt2.h"
#include "program.h"

namespace upconv::internal {

/// Reads a program. Operations that are not in the table, or have arguments that it does not know, are left as nodes
/// that say why; all else that is not as PyTorch writes it throws Error naming file, place, expected and got.
ExportedProgram read_program(const ExportedParts& parts);

/// What would help where an operation of this name is not known, as the end of a sentence; "" where nobody knows.
std::string_view advice(std::string_view target);

/// Throws Error that lists what of the program cannot be run, where it came from and what would help.
void refuse_unsupported(const ExportedProgram& program);

}  // namespace upconv::internal
