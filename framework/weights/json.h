#pragma once
// Internal: JSON of strangers, read as a stream of events: what a receiver does not keep costs nothing, however deep or
// long it is.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace upconv::internal {

using JsonReceiver = nlohmann::json_sax<nlohmann::json>;

/// Sends what `text` says to `receiver`. `what` names the text in messages: "FILE: the header".
void parse_json(std::string_view text, JsonReceiver& receiver, const std::string& what);

/// For a receiver's parse_error: throws Error that says why the text is no JSON.
[[noreturn]] void refuse_json(size_t position, const nlohmann::json::exception& error, const std::string& what);

}  // namespace upconv::internal
