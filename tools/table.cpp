#include "tools/table.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tools/terminal.h"

namespace upconv::tools {
namespace {

bool is_bold() {
  const char* no_color = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

/// Characters of UTF-8.
size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void Table::add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = cell.empty() ? "-" : escaped(cell);
  rows_.push_back(std::move(row));
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string space(widths[i] - width(cells[i]), ' ');
    line += (i == 0 ? "" : "  ") + (columns_[i].right ? space + cells[i] : cells[i] + space);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void Table::print() const {
  std::vector<std::string> heads;
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    heads.push_back(columns_[i].head);
    widths.push_back(width(heads.back()));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], width(row[i]));
  }
  const bool bold = is_bold();
  fmt::print("{}{}{}\n", bold ? "\033[1m" : "", line(heads, widths), bold ? "\033[0m" : "");
  for (const auto& row : rows_) fmt::print("{}\n", line(row, widths));
}

}  // namespace upconv::tools
