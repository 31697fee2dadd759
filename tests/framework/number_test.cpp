#include "framework/number.h"

#include <doctest/doctest.h>

#include <clocale>
#include <locale>
#include <string>

#include "layers/spec.h"
#include "tests/support.h"

namespace upconv::testing {
namespace {

/// As German and many others write: "0,5", and "1.000" for a thousand.
struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

void check_numbers() {
  CHECK(parse_number("0.5") == 0.5);
  CHECK(parse_number("1e-05") == 1e-05);
  CHECK(parse_number("-12.25e+3") == -12250.0);
  CHECK(parse_number("1.000") == 1.0);
  CHECK(parse_number("0.1") == 0.1);
  CHECK(parse_number("1.7976931348623157e308") == 1.7976931348623157e308);
  CHECK(parse_number("7") == 7.0);
  for (const char* text :
       {"", " 1", "1 ", "0,5", "1.5x", "e5", ".", "-", "1e", "1e999", "inf", "nan", "--1", "1.2.3", "0x10", "0x1p3"})
    CHECK_MESSAGE(!parse_number(text), text);
}

TEST_CASE("number: texts are numbers, or none") { check_numbers(); }

// A program's locale is its own; what networks and files say is not.
TEST_CASE("number: whatever the program's locale") {
  struct Restored {
    std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
    std::string c = std::setlocale(LC_NUMERIC, nullptr);
    ~Restored() {
      std::setlocale(LC_NUMERIC, c.c_str());
      std::locale::global(before);
    }
  } const restored;
  // Where this system has one of C's, that too.
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"})
    if (std::setlocale(LC_NUMERIC, name)) break;
  check_numbers();
  CHECK(parse_module("LeakyReLU(negative_slope=0.2)")->str() == "LeakyReLU(negative_slope=0.2)");
}

}  // namespace
}  // namespace upconv::testing
