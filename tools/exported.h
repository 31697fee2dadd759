#pragma once
// What is said of the programs in an archive of torch.export.save.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace upconv::tools {

/// Whether a file is there that is a zip archive, as a .pt2 is. Throws Error where it may not be read.
bool is_archive(const std::string& path);
/// Whether it is an archive of torch.export.save.
bool is_exported(const std::string& path);

/// Of each program in an archive, or of that called `program` unless it is "": its modules with the shapes of what they
/// give, inputs, outputs, ranges, operations and guards. What cannot be read says why in "unreadable". Throws Error
/// where there is no such program.
nlohmann::ordered_json program_reports(const std::string& path, const std::string& program);

/// One of them, as text on stdout.
void print_program(const nlohmann::ordered_json& report);

}  // namespace upconv::tools
