#include "framework/number.h"

#include <cmath>
#include <locale>
#include <sstream>
#include <string>

namespace upconv::internal {

std::optional<double> parse_number(std::string_view text) {
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  double number = 0;
  stream >> std::noskipws >> number;
  const bool whole = !stream.fail() && stream.peek() == std::istringstream::traits_type::eof();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

}  // namespace upconv::internal
