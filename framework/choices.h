#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu.h"

namespace upconv {

enum class Accuracy;

/// Which algorithm one kind of layer takes on one kind of run.
struct Choice {
  std::string layer;      ///< "ConvTranspose2d 128-64 k4x4 s2x2 p1x1, 16x128x32x32, planar to channels-last"
  Accuracy accuracy;      ///< Options::accuracy
  int threads = 1;        ///< that work on a run
  Isa isa = Isa::scalar;  ///< the instruction set
  std::string algorithm;  ///< its name in Program::steps()
  double seconds = 0;     ///< that it took where it was measured, or 0
};

/// A list of choices: what Tune::measured found, for Options::choices of other processes and machines. The file is
/// text that people may read, edit and keep with their sources, a line for each choice:
///
///     # layer | accuracy | threads | instruction set | algorithm | milliseconds
///     ConvTranspose2d 128-64 k4x4 s2x2 p1x1, 16x128x32x32, planar to planar | standard | 2 | avx512 | direct | 1.734
///
/// Empty lines and those that begin with # say nothing; a later line for the same layer and run takes the place of an
/// earlier one.
class Choices {
 public:
  /// Of none.
  Choices() = default;
  /// Reads a file. Throws Error that names it and the line where it is not as above.
  [[nodiscard]] static Choices load(const std::filesystem::path& path);
  /// The same of text; `name` stands for the file in messages.
  [[nodiscard]] static Choices parse(std::string_view text, const std::string& name = "choices");
  /// Writes the file, which appears under its name when it is complete. Throws Error where it cannot be written.
  void save(const std::filesystem::path& path) const;
  /// The text of the file.
  [[nodiscard]] std::string str() const;

  /// Adds a choice, in the place of one for the same layer and run.
  void add(Choice choice) { put(std::move(choice), 0); }
  /// The one for such a layer and run, or nullptr.
  [[nodiscard]] const Choice* find(std::string_view layer, Accuracy accuracy, int threads, Isa isa) const;
  /// Where that one stands, for messages: "choices.txt:3".
  [[nodiscard]] std::string place_of(const Choice& choice) const;
  /// All of them, in the order in which they were added.
  [[nodiscard]] const std::vector<Choice>& all() const { return all_; }

 private:
  void put(Choice choice, size_t line);

  std::string name_ = "choices";
  std::vector<Choice> all_;
  std::vector<size_t> lines_;  // of each, 0 where it was added
};

}  // namespace upconv
