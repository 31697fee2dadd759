#include "tools/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

#include "framework/fail.h"
#include "framework/weights/bytes.h"

namespace upconv::tools {

using namespace internal;

namespace {

bool is_standard_output(std::string_view name) {
  constexpr std::array<std::string_view, 4> names = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

class StandardOutput : public Output {
 public:
  StandardOutput() {
    if (::isatty(STDOUT_FILENO))
      fail("standard output is a terminal: redirect it, or give the name of a file to write");
  }
  void write(const void* from, size_t size) override {
    if (!write_all(STDOUT_FILENO, from, size))
      fail("standard output: cannot be written: {}", std::generic_category().message(errno));
  }
  void commit() override {}
};

}  // namespace

Result::Result(std::string name, const TemporaryFile::Options& options)
    : name_(std::move(name)), is_stdout_(is_standard_output(name_)) {
  if (is_stdout_)
    output_ = std::make_unique<StandardOutput>();
  else
    output_ = std::make_unique<TemporaryFile>(name_, options);
}

std::string Result::name() const { return is_stdout_ ? "standard output" : name_; }

void Result::finish(const std::string& what) {
  output_->commit();
  fmt::print(is_stdout_ ? stderr : stdout, "{}: {}\n", printable(name()), what);
}

}  // namespace upconv::tools
