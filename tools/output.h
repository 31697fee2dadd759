#pragma once
// Where results go: files, and - for standard output.
#include <memory>
#include <string>

#include "framework/weights/temporary_file.h"

namespace upconv::tools {

/// A file of that name, or standard output for "-", which is asked for by that name alone or by that of its device.
/// Opened before the work, so that what cannot be written is refused before it.
class Result {
 public:
  explicit Result(std::string name, const internal::TemporaryFile::Options& options = {});

  internal::Output& output() { return *output_; }
  /// As messages show it.
  std::string name() const;
  /// Commits, and says what was written: on stdout, or on stderr where the result itself is on stdout.
  void finish(const std::string& what);

 private:
  std::string name_;
  bool is_stdout_;
  std::unique_ptr<internal::Output> output_;
};

}  // namespace upconv::tools
