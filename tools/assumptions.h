#pragma once
// What the text of a network leaves open, as the program says it.
#include <upconv/upconv.h>

#include <string>
#include <vector>

namespace upconv::tools {

/// Says on stderr, in a line for each kind of layer, what was assumed; where `refused`, throws Error that says it.
void tell(const std::vector<Assumption>& assumptions, bool refused);

}  // namespace upconv::tools
