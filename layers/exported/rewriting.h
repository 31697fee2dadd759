#pragma once
// Internal: what parts that replace nodes of a program share: who makes and who reads a value, what it is, and how
// nodes are made.
#include <functional>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "operations.h"

namespace upconv::internal {

using Sizes = std::vector<ExportedSize>;

/// Views, copies and factors that are looked at: what a file of a few bytes can ask for is bounded.
constexpr size_t most_looked_at = 32;

ExportedSize exported_size(int64_t number);
/// Whether both are known to be one: sizes that are not understood never are.
bool same(const ExportedSize& a, const ExportedSize& b);
bool same(const Sizes& a, const Sizes& b);
inline bool is_one(const ExportedSize& size) { return size.number == 1; }

/// Numbers as an argument.
Argument list_of(std::initializer_list<int64_t> numbers);

/// A program whose nodes become others.
class ProgramRewriting {
 public:
  explicit ProgramRewriting(ExportedProgram& program);

 protected:
  /// Calls `replace` with each node in turn, which adds other nodes in its place, or keeps it and returns false. What
  /// nobody reads any more then goes.
  void rewrite(const std::function<bool(const ExportedNode& node)>& replace);

  static size_t at(int value) { return static_cast<size_t>(value); }
  static bool name_is(const ExportedNode& node, std::initializer_list<std::string_view> names);

  // What is asked of the program, as it was.

  /// The value that is given for a parameter, or -1.
  static int given(const ExportedNode& node, std::string_view name);
  static std::optional<double> number(const ExportedNode& node, std::string_view name);
  /// The node that makes a value, or nullptr.
  const ExportedNode* maker(int value) const;
  /// The sizes of a tensor of float32; nothing for all else.
  std::optional<Sizes> sizes(int value) const;
  /// Whether an argument is that size, as a number or as the size of a tensor's dimension.
  bool is_size(const Argument& argument, const ExportedSize& expected) const;

  static bool is_view(const ExportedNode& node);
  /// Whether a node gives what it is given; from float32 to float32 types do not change it.
  bool is_copy(const ExportedNode& node) const;
  static bool is_convolution(const ExportedNode& node);
  static bool is_transposed_convolution(const ExportedNode& node);
  /// Whether it pads with zeros, none of them beside batch and channels.
  static bool pads_with_zeros(const ExportedNode& node, size_t rank);
  static bool asks_for_height_or_width(const ExportedNode& node);
  /// What a value is without copies of it.
  int uncopied(int value) const;

  // What is made.

  int add_value(Sizes sizes);
  /// A node of the module of `of`, its arguments in their order; those that are left out are the row's.
  int add(const ExportedNode& of, std::string_view name, std::vector<Argument> arguments, Sizes sizes, int output = -1);
  static Argument value(int index) { return {Reference{index}}; }
  static void give(ExportedNode& node, std::string_view parameter, const Argument& argument);

  ExportedProgram& program_;
  // Of each value of the program as it was:
  std::vector<int> maker_;                     // which node, or -1
  std::vector<const ExportedTensor*> tensor_;  // the tensor of the file that it is, or nullptr
  std::vector<bool> known_;                    // whether it depends on weights alone
  std::vector<std::vector<int>> readers_;      // which nodes
  std::vector<bool> given_back_;               // whether it is a result of the program
  std::vector<ExportedNode> made_;             // what the program will be

 private:
  /// Drops what only the nodes that were replaced have read.
  void drop_unread();

  std::vector<const ExportedNode*> replaced_;
};

}  // namespace upconv::internal
