#include "framework/number.h"

#include <cmath>
#include <locale>
#include <sstream>
#include <string>

namespace upconv::internal {

// Streams of libc++ also read "0x10", which those of libstdc++ do not.
std::optional<double> parse_number(std::string_view text) {
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return {};
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  double number = 0;
  stream >> std::noskipws >> number;
  const bool whole = !stream.fail() && stream.peek() == std::istringstream::traits_type::eof();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

}  // namespace upconv::internal
