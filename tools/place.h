#pragma once
#include <filesystem>

namespace upconv::tools {

/// The folder that this program lies in; empty where the system does not say.
std::filesystem::path program_folder();

}  // namespace upconv::tools
