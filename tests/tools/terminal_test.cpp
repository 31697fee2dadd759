// What the program shows, without a terminal.
#include "tools/terminal.h"

#include <fmt/format.h>

#include "tests/support.h"
#include "tools/progress.h"
#include "tools/sample.h"

using namespace upconv::tools;

TEST_CASE("terminal: what moves a cursor or is no UTF-8 is escaped, and all else is as it was") {
  CHECK(escaped("plain, \"quoted\" \\ text\nin lines") == "plain, \"quoted\" \\ text\nin lines");
  CHECK(escaped("gr\u00fc\u00dfe \u65e5\u672c \U0001f600") == "gr\u00fc\u00dfe \u65e5\u672c \U0001f600");
  CHECK(escaped("\x1b[31m\a\r\t\x7f") == "\\x1b[31m\\x07\\x0d\\x09\\x7f");
  CHECK(escaped(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(escaped("\u0085 \u009b2J") == "\\u{85} \\u{9b}2J");
  CHECK(escaped("a\u202egnp.exe\u2069") == "a\\u{202e}gnp.exe\\u{2069}");
  // Cut off, too long, a surrogate, beyond Unicode, bytes that begin nothing.
  CHECK(escaped("\xc3") == "\\xc3");
  CHECK(escaped("\xe2\x82") == "\\xe2\\x82");
  CHECK(escaped("\xc0\xaf") == "\\xc0\\xaf");
  CHECK(escaped("\xe0\x80\x80") == "\\xe0\\x80\\x80");
  CHECK(escaped("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(escaped("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(escaped("\xff\xfe"
                "ok") == "\\xff\\xfeok");
}

TEST_CASE("progress: the bar fits the terminal, whatever it counts to") {
  constexpr int64_t most = int64_t{1} << 62;
  for (const int64_t total : {int64_t{1}, int64_t{64}, int64_t{12000}, most})
    for (const int64_t done : {int64_t{0}, total / 2, total})
      for (int columns = 0; columns <= 200; ++columns) {
        const std::string bar = progress_bar(done, total, columns);
        CHECK((bar.empty() || static_cast<int>(bar.size()) < columns));
      }
  CHECK(progress_bar(0, 4, 80) == fmt::format("[{:40}] 0 of 4", ""));
  CHECK(progress_bar(1, 4, 80) == fmt::format("[{:40}] 1 of 4", "=========="));
  CHECK(progress_bar(4, 4, 16) == "[======] 4 of 4");
  CHECK(progress_bar(2, 4, 9) == "2 of 4");
  CHECK(progress_bar(2, 4, 7) == "2 of 4");
  CHECK(progress_bar(2, 4, 6).empty());
}

TEST_CASE("sample: bounded, even, and the same of all that have as many values") {
  for (const int count : {0, 1, 7, 8, 9, 16, 17, 1000, 100000}) {
    Sample<int> sample(8), other(8);
    for (int i = 0; i < count; ++i) {
      sample.add(i);
      other.add(-i);
    }
    CHECK(sample.count() == static_cast<size_t>(count));
    const std::vector<int>& kept = sample.kept();
    CHECK(kept.size() <= 8);
    CHECK(kept.size() >= static_cast<size_t>(std::min(count, 4)));
    REQUIRE(other.kept().size() == kept.size());
    const int step = kept.size() < 2 ? 1 : kept[1];
    for (size_t i = 0; i < kept.size(); ++i) {
      CHECK(kept[i] == static_cast<int>(i) * step);
      CHECK(other.kept()[i] == -kept[i]);
    }
    if (!kept.empty()) CHECK(kept.back() + step >= count);
  }
}
