#include "framework/choices.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "framework/fail.h"
#include "framework/number.h"
#include "framework/options.h"
#include "framework/weights/bytes.h"
#include "framework/weights/temporary_file.h"

namespace upconv {

using namespace internal;

namespace {

constexpr size_t most_bytes = 16 << 20;
constexpr std::string_view header = "# layer | accuracy | threads | instruction set | algorithm | milliseconds\n";
constexpr std::array accuracies = {std::pair("exact", Accuracy::exact), std::pair("standard", Accuracy::standard),
                                   std::pair("fast", Accuracy::fast)};

std::string_view name_of(Accuracy accuracy) {
  return std::find_if(accuracies.begin(), accuracies.end(), [&](auto& one) { return one.second == accuracy; })->first;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string_view> columns_of(std::string_view line) {
  std::vector<std::string_view> columns;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find('|', at), line.size());
    columns.push_back(trimmed(line.substr(at, end - at)));
    at = end + 1;
  }
  return columns;
}

/// `where` is the line's place, for messages.
Choice choice_of(std::string_view line, const std::string& where) {
  const std::vector<std::string_view> columns = columns_of(line);
  if (columns.size() != 6)
    fail("{}: expected layer | accuracy | threads | instruction set | algorithm | milliseconds, got {} columns", where,
         columns.size());
  Choice choice{std::string(columns[0]), Accuracy::standard, 1, Isa::scalar, std::string(columns[4]), 0};
  if (choice.layer.empty()) fail("{}: the layer is missing", where);
  if (choice.algorithm.empty()) fail("{}: the algorithm is missing", where);
  const auto accuracy =
      std::find_if(accuracies.begin(), accuracies.end(), [&](auto& one) { return one.first == columns[1]; });
  if (accuracy == accuracies.end())
    fail("{}: expected exact, standard or fast as accuracy, got {}", where, shown(columns[1]));
  choice.accuracy = accuracy->second;
  const char* const end = columns[2].data() + columns[2].size();
  const auto [last, error] = std::from_chars(columns[2].data(), end, choice.threads);
  if (error != std::errc() || last != end || choice.threads < 1)
    fail("{}: expected a number of threads, got {}", where, shown(columns[2]));
  try {
    choice.isa = parse_isa(columns[3]);
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
  const std::optional<double> milliseconds = parse_number(columns[5]);
  if (!milliseconds || *milliseconds < 0) fail("{}: expected milliseconds, got {}", where, shown(columns[5]));
  choice.seconds = *milliseconds / 1e3;
  return choice;
}

bool is_for(const Choice& choice, std::string_view layer, Accuracy accuracy, int threads, Isa isa) {
  return choice.layer == layer && choice.accuracy == accuracy && choice.threads == threads && choice.isa == isa;
}

}  // namespace

Choices Choices::load(const std::filesystem::path& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    std::error_code error;
    if (std::filesystem::file_size(path, error) != 0 || error) fail("{}: cannot be read", path.string());
  }
  return parse(text.str(), path.string());
}

Choices Choices::parse(std::string_view text, const std::string& name) {
  if (text.size() > most_bytes)
    fail("{}: {} bytes, more than the {} of any list of choices", name, text.size(), most_bytes);
  Choices choices;
  choices.name_ = name;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    choices.put(choice_of(line, fmt::format("{}:{}", name, number)), number);
  }
  return choices;
}

void Choices::save(const std::filesystem::path& path) const {
  const std::string text = str();
  TemporaryFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

std::string Choices::str() const {
  std::string text(header);
  for (const Choice& choice : all_)
    text += fmt::format("{} | {} | {} | {} | {} | {:.4g}\n", choice.layer, name_of(choice.accuracy), choice.threads,
                        name(choice.isa), choice.algorithm, choice.seconds * 1e3);
  return text;
}

void Choices::put(Choice choice, size_t line) {
  for (size_t i = 0; i < all_.size(); ++i)
    if (is_for(all_[i], choice.layer, choice.accuracy, choice.threads, choice.isa)) {
      all_[i] = std::move(choice);
      lines_[i] = line;
      return;
    }
  all_.push_back(std::move(choice));
  lines_.push_back(line);
}

const Choice* Choices::find(std::string_view layer, Accuracy accuracy, int threads, Isa isa) const {
  for (const Choice& choice : all_)
    if (is_for(choice, layer, accuracy, threads, isa)) return &choice;
  return nullptr;
}

std::string Choices::place_of(const Choice& choice) const {
  const size_t line = lines_.at(static_cast<size_t>(&choice - all_.data()));
  return line == 0 ? name_ : fmt::format("{}:{}", name_, line);
}

}  // namespace upconv
