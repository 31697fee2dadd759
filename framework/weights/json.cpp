#include "framework/weights/json.h"

#include <algorithm>

#include "framework/fail.h"

namespace upconv::internal {

void parse_json(std::string_view text, JsonReceiver& receiver, const std::string& what) {
  // The parser takes a zero byte for the end and would not see what follows it.
  if (const size_t zero = text.find('\0'); zero != text.npos) fail("{} has a zero byte, at {}", what, zero);
  nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &receiver);
}

void refuse_json(size_t position, const nlohmann::json::exception& error, const std::string& what) {
  // Of "[name] parse error at ...: syntax error while parsing ... - reason; last read: ..." only the reason is of use;
  // what was read last may be as long as the file.
  std::string_view reason = error.what();
  reason.remove_prefix(std::min(reason.find(" - ") + 3, reason.size()));
  fail("{} is not valid JSON at byte {}: {}", what, position, reason.substr(0, reason.find("; last read")));
}

}  // namespace upconv::internal
