#include "tools/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace upconv::tools {
namespace {

/// The character of UTF-8 at the front of `text`, and its bytes; none where it is no character.
struct Character {
  uint32_t code = 0;
  size_t bytes = 0;
};

Character first_of(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text[i])); };
  const uint32_t lead = byte(0);
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (bytes == 0 || text.size() < bytes) return {};
  uint32_t code = bytes == 1 ? lead : lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, bytes};
}

/// Whether a terminal shows it where it stands and goes on behind it.
bool is_shown(uint32_t code) {
  const auto within = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
  const bool control = code != '\n' && (code < 0x20 || within(0x7F, 0x9F));
  const bool turning = within(0x200E, 0x200F) || within(0x2028, 0x202E) || within(0x2066, 0x2069);
  return !control && !turning;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [code, bytes] = first_of(text);
    if (bytes == 0 || (bytes == 1 && !is_shown(code)))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    else if (!is_shown(code))
      out += fmt::format("\\u{{{:x}}}", code);
    else
      out += text.substr(0, bytes);
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

int progress_columns() {
  constexpr int usual = 80;
  const char* kind = std::getenv("TERM");
  if (!isatty(STDERR_FILENO) || !kind || std::string_view(kind) == "dumb") return 0;
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void print_json(const nlohmann::ordered_json& report) {
  fmt::print("{}\n", report.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

void note(std::string_view text) { std::fprintf(stderr, "upconv: %s\n", escaped(text).c_str()); }

}  // namespace upconv::tools
