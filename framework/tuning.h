#pragma once
// Internal: which algorithms steps take where they are told by a file, or timed on this machine.
#include <functional>
#include <memory>
#include <string>

#include "code.h"

namespace upconv::internal {

/// Gives a step with the algorithm of that name, in the place of code.steps[index].
using Lower = std::function<Code::Placed(size_t index, const std::string& algorithm)>;

/// Pass: steps that Options::choices names take what it says; under Tune::measured the others are timed, within
/// Options::tuning_seconds. Throws Error where a choice names an algorithm that its layer could not take.
void tune(Code& code, const Lower& lower);

}  // namespace upconv::internal
