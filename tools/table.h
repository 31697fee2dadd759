#pragma once
#include <string>
#include <vector>

namespace upconv::tools {

/// A table of text in columns. The head is bold on a terminal, unless the environment variable NO_COLOR is set.
class Table {
 public:
  struct Column {
    std::string head;
    bool right = false;  ///< whether it is aligned to the right, as numbers are
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// One cell for each column; an empty one shows as "-".
  void add(std::vector<std::string> row);
  /// On stdout.
  void print() const;

 private:
  std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace upconv::tools
