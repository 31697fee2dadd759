#include "tools/exported.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/pt2.h"
#include "framework/weights/zip.h"
#include "layers/exported/operations.h"
#include "layers/exported/path.h"
#include "layers/exported/printed.h"
#include "layers/exported/reader.h"
#include "tools/table.h"
#include "tools/terminal.h"

namespace upconv::tools {

using namespace internal;

namespace {

using Report = nlohmann::ordered_json;

/// Numbers, and expressions as text.
Report sizes_report(const std::vector<ExportedSize>& sizes) {
  Report all = Report::array();
  for (const ExportedSize& size : sizes) all.push_back(size.number ? Report(*size.number) : Report(written(size)));
  return all;
}

Report modules_report(const ExportedProgram& program) {
  Report modules = Report::array();
  for (const ExportedLayer& layer : exported_layers(program)) {
    Report shapes = Report::array();
    for (int output : layer.outputs)
      if (const auto& type = program.values[static_cast<size_t>(output)].type) {
        Report sizes = sizes_report(type->sizes);
        if (std::find(shapes.begin(), shapes.end(), sizes) == shapes.end()) shapes.push_back(std::move(sizes));
      }
    modules.push_back(
        {{"path", layer.path}, {"class", layer.type_name}, {"arguments", layer.arguments}, {"outputs", shapes}});
  }
  return modules;
}

/// A tensor that a program takes or gives.
Report tensor_report(const ExportedProgram& program, int index, const std::string& called) {
  const ExportedValue& value = program.values[static_cast<size_t>(index)];
  Report report = {{"name", called}};
  if (value.type) {
    report["dtype"] = name(value.type->dtype);
    report["shape"] = sizes_report(value.type->sizes);
  }
  return report;
}

Report operations_report(const ExportedProgram& program) {
  constexpr std::string_view prefix = "torch.ops.", ending = ".default";
  struct Operation {
    const ExportedNode* first;
    size_t count = 0;
  };
  std::vector<Operation> operations;
  std::map<std::pair<std::string_view, std::string_view>, size_t> places;
  for (const ExportedNode& node : program.nodes) {
    const auto [place, is_new] = places.try_emplace({node.target, node.unsupported}, operations.size());
    if (is_new) operations.push_back({&node});
    ++operations[place->second].count;
  }
  Report all = Report::array();
  for (const auto& [node, count] : operations) {
    std::string_view called = node->target;
    if (called.starts_with(prefix)) called.remove_prefix(prefix.size());
    if (called.ends_with(ending)) called.remove_suffix(ending.size());
    Report report = {{"name", called}, {"count", count}, {"supported", node->unsupported.empty()}};
    if (!node->unsupported.empty()) {
      report["reason"] = fmt::format("{}{}", node->unsupported, advice(node->target));
      report["module"] = node->path;
      report["class"] = node->type_name;
    }
    all.push_back(std::move(report));
  }
  return all;
}

Report program_report(const ExportedProgram& program) {
  Report report = {{"torch_version", program.torch_version}, {"modules", modules_report(program)}};
  for (const char* list : {"inputs", "outputs", "ranges", "operations", "guards"}) report[list] = Report::array();
  for (const ExportedArgument& input : program.inputs)
    report["inputs"].push_back(tensor_report(program, input.value, input.name));
  for (const Argument& output : program.outputs)
    if (const auto* reference = output.get<Reference>())
      report["outputs"].push_back(
          tensor_report(program, reference->index, program.values[static_cast<size_t>(reference->index)].name));
  for (const ExportedRange& range : program.ranges) {
    const ExportedSize size{.number = {}, .text = range.text, .expression = range.expression};
    report["ranges"].push_back({{"size", written(size)},
                                {"least", range.least ? Report(*range.least) : nullptr},
                                {"most", range.most ? Report(*range.most) : nullptr}});
  }
  report["operations"] = operations_report(program);
  for (const ExportedGuard& guard : program.guards)
    report["guards"].push_back({{"text", guard.text}, {"understood", guard.expression != nullptr}});
  return report;
}

std::string text(const Report& json) { return printable(json.get<std::string>()); }

std::string shape_text(const Report& sizes) {
  std::vector<std::string> all;
  for (const Report& size : sizes) all.push_back(size.is_string() ? text(size) : size.dump());
  return fmt::format("({}{})", fmt::join(all, ", "), all.size() == 1 ? "," : "");
}

/// "torch.nn.Module"s as PyTorch prints them, each with the shapes of what it gives.
void print_modules(const Report& modules) {
  const auto levels = [](const std::string& path) {
    return path.empty() ? size_t{0} : static_cast<size_t>(std::count(path.begin(), path.end(), '.')) + 1;
  };
  // In the order of the tree: the children of each, then what is within them.
  std::map<std::string, std::vector<size_t>> children;
  for (size_t i = 1; i < modules.size(); ++i) {
    const auto path = modules[i]["path"].get<std::string>();
    children[parent_of(path)].push_back(i);
  }
  const std::function<void(size_t)> print = [&](size_t index) {
    const Report& module = modules[index];
    const auto path = module["path"].get<std::string>();
    const std::string indent(2 * levels(path), ' ');
    const std::string called = path.empty() ? "" : fmt::format("({}): ", printable(last_of(path)));
    std::vector<std::string> shapes;
    for (const Report& sizes : module["outputs"]) shapes.push_back(shape_text(sizes));
    const std::string note = shapes.empty() ? "" : fmt::format("  # {}", fmt::join(shapes, ", "));
    const auto within = children.find(path);
    const bool is_leaf = within == children.end();
    fmt::print("{}{}{}({}{}{}\n", indent, called, text(module["class"]), text(module["arguments"]), is_leaf ? ")" : "",
               note);
    if (is_leaf) return;
    for (const size_t child : within->second) print(child);
    fmt::print("{})\n", indent);
  };
  print(0);
}

void print_tensors(const char* head, const Report& tensors) {
  Table table({{head}, {"type"}, {"shape"}});
  for (const Report& tensor : tensors)
    table.add({text(tensor["name"]), tensor.contains("dtype") ? text(tensor["dtype"]) : "a number",
               tensor.contains("shape") ? shape_text(tensor["shape"]) : ""});
  fmt::print("\n");
  table.print();
}

void print_ranges(const Report& ranges) {
  if (ranges.empty()) return;
  fmt::print("\n");
  for (const Report& range : ranges)
    fmt::print("{} {}\n", text(range["size"]),
               range["most"].is_null()
                   ? fmt::format("from {} on", range["least"].is_null() ? "any" : range["least"].dump())
                   : fmt::format("from {} to {}", range["least"].is_null() ? "any" : range["least"].dump(),
                                 range["most"].dump()));
}

void print_operations(const Report& operations) {
  Table table({{"operation"}, {"count", true}, {"supported"}});
  for (const Report& operation : operations) {
    std::string supported = "yes";
    if (!operation["supported"].get<bool>()) {
      supported = "no: " + text(operation["reason"]);
      if (const std::string path = text(operation["module"]); !path.empty())
        supported += fmt::format(", first in {}", path);
      if (const std::string type = text(operation["class"]); !type.empty()) supported += fmt::format(" ({})", type);
    }
    table.add({text(operation["name"]), operation["count"].dump(), supported});
  }
  fmt::print("\n");
  table.print();
}

}  // namespace

bool is_archive(const std::string& path) {
  std::error_code unknown;
  return std::filesystem::is_regular_file(path, unknown) && looks_like_zip(map_file(path).bytes);
}

bool is_exported(const std::string& path) {
  if (!is_archive(path)) return false;
  MappedFile file = map_file(path);
  return looks_like_pt2(ZipArchive(file.bytes, path, std::move(file.owner)));
}

nlohmann::ordered_json program_reports(const std::string& path, const std::string& program) {
  MappedFile file = map_file(path);
  const ZipArchive archive(file.bytes, path, std::move(file.owner));
  Report reports = Report::array();
  std::vector<std::string> names;
  try {
    names = exported_programs(archive, path);
  } catch (const Error& error) {
    if (!program.empty()) throw;
    return {{{"unreadable", error.what()}}};
  }
  if (!program.empty()) {
    (void)read_exported(archive, path, program);  // which knows whether it is there
    names = {program};
  }
  for (const std::string& each : names) {
    Report report = {{"program", each}};
    try {
      report.update(program_report(read_program(read_exported(archive, path, each))));
    } catch (const Error& error) {
      report["unreadable"] = error.what();
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

void print_program(const nlohmann::ordered_json& report) {
  if (report.contains("unreadable")) {
    fmt::print("a program that cannot be read: {}\n", text(report["unreadable"]));
    return;
  }
  const std::string version = text(report["torch_version"]);
  fmt::print("program {}{}\n\n", text(report["program"]), version.empty() ? "" : ", written by PyTorch " + version);
  print_modules(report["modules"]);
  print_tensors("input", report["inputs"]);
  print_tensors("output", report["outputs"]);
  print_ranges(report["ranges"]);
  print_operations(report["operations"]);
  if (!report["guards"].empty()) fmt::print("\nguards\n");
  for (const Report& guard : report["guards"])
    fmt::print("  {}{}\n", text(guard["text"]), guard["understood"].get<bool>() ? "" : "  # not understood");
}

}  // namespace upconv::tools
