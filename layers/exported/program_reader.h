#pragma once
// Internal: how the text of a program becomes one. reader.cpp has the program as a whole, reader_arguments.cpp what its
// nodes are given.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "../../framework/fail.h"
#include "../../framework/weights/json_tree.h"
#include "../../framework/weights/pt2.h"
#include "operations.h"
#include "program.h"

namespace upconv::internal {

/// The one member that an object of this kind has.
struct Single {
  const std::string& key;
  const Json& value;
};

/// What an argument is, or why it is nothing that can be used.
struct ReadArgument {
  Argument argument;
  std::string unsupported = {};
};

class ProgramReader {
 public:
  explicit ProgramReader(const ExportedParts& parts);
  ExportedProgram read();

 private:
  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", program_.where, fmt::format(format, std::forward<Args>(args)...));
  }
  /// What lies at a key of an object, which must be a T.
  template <class T>
  const T& member(const Json* object, std::string_view key, std::string_view of) const {
    const T* found = object == nullptr ? nullptr : object->get<T>(key);
    if (found == nullptr) refuse("expected {} with a key {}", of, key);
    return *found;
  }
  Single single(const Json& json, std::string_view what) const {
    const auto* object = json.get<Json::Object>();
    if (object == nullptr || object->size() != 1) refuse("expected an object with one key as {}", what);
    return {object->front().key, object->front().value};
  }

  int define(const std::string& name, bool is_tensor);
  int defined(const std::string& name) const;
  std::string name_in(const Json& json, std::string_view what) const;
  const std::string& bounded(const std::string& name, std::string_view what) const;
  void check_path(const std::string& path) const;
  void check_levels(const std::string& path) const;
  std::shared_ptr<const SizeExpression> expression(const std::string& text);

  ExportedSize size(const Json& json);
  void read_types(const Json& graph);
  void read_inputs(const Json& graph, const Json& signature);
  void read_tensor(const std::string& kind, const Json& spec, const Json& given);
  void read_node(const Json& json);
  void read_outputs(const Json& graph, const Json& signature);
  void read_modules(const Json& module);
  void read_sizes();
  void find_merges();

  ReadArgument argument(const Json& json, std::string_view what) const;
  Argument reference(const Json& json, bool is_tensor, std::string_view what) const;
  ReadArgument list(const Single& single, std::string_view what) const;
  void read_arguments(ExportedNode& node, const Json::Array& inputs) const;
  static void check_training(ExportedNode& node);
  void read_results(ExportedNode& node, const Json::Array& outputs);
  void read_origin(ExportedNode& node, const Json& json);
  void check_fits(const OperationParameter& parameter, const Argument& argument, ExportedNode& node) const;
  bool is_number(const Argument& argument) const;
  bool is_tensor(const Argument& argument) const;
  void follow_memory(ExportedNode& node);

  const ExportedParts& parts_;
  const Json tree_;
  ExportedProgram program_;
  std::map<std::string, int, std::less<>> names_;
  std::map<std::string, ExportedType, std::less<>> types_;
  std::map<std::string, std::shared_ptr<const SizeExpression>, std::less<>> expressions_;
  size_t expressions_bytes_ = 0;           // of those texts
  std::vector<int> memory_;                // of each value: the value whose memory it may be
  std::vector<std::vector<int>> sharing_;  // of each value: those whose memory it is, but for stale ones
  std::vector<bool> is_stale_;             // whether it was written over under another name
  std::set<int> kept_memory_;              // of parameters, buffers and constants
  std::map<int, std::string> unreadable_;  // those of them that cannot be read, and why
};

}  // namespace upconv::internal
