// What bench keeps of its runs.
#include "tools/sample.h"

#include <doctest/doctest.h>

#include <string>

using upconv::tools::Sample;

TEST_CASE("sample: of what comes every one is kept, then every second, fourth, ..., whole") {
  Sample<std::string> sample(8);
  const auto value = [](size_t i) { return std::string(40, 'x') + std::to_string(i); };  // which a move empties
  for (size_t i = 0; i < 100; ++i) sample.add(value(i));
  CHECK(sample.count() == 100);
  CHECK(sample.kept().size() == 7);
  for (size_t k = 0; k < sample.kept().size(); ++k) CHECK(sample.kept()[k] == value(16 * k));
}
