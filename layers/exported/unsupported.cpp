// What is said of operations that cannot be run.
#include <fmt/ranges.h>

#include <map>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "layers/exported/reader.h"

namespace upconv::internal {

std::string_view advice(std::string_view target) {
  if (target.find("set_grad_enabled") != std::string_view::npos)
    return "; take torch.no_grad() out of forward() and export under it, or export with run_decompositions()";
  if (target.find("autocast") != std::string_view::npos) return "; export without autocast";
  if (target.starts_with("torch.ops.higher_order"))
    return "; export with run_decompositions(), or without control flow";
  return "";
}

void refuse_unsupported(const ExportedProgram& program) {
  constexpr size_t max_refusals = 20;  // that a message lists
  struct Refusal {
    const ExportedNode* first;
    size_t count;
  };
  std::vector<std::string> order;  // in which they came
  std::map<std::string, Refusal> refusals;
  for (const ExportedNode& node : program.nodes) {
    if (node.unsupported.empty()) continue;
    const std::string key = fmt::format("{}: {}", printable(node.target), node.unsupported);
    const auto [found, is_new] = refusals.try_emplace(key, Refusal{&node, 0});
    if (is_new) order.push_back(key);
    ++found->second.count;
  }
  if (refusals.empty()) return;
  std::vector<std::string> lines;
  for (const std::string& text : order) {
    if (lines.size() == max_refusals) {
      lines.push_back(fmt::format("and {} more", order.size() - max_refusals));
      break;
    }
    const auto& [node, count] = refusals.at(text);
    std::string where = node->path.empty() ? "" : fmt::format(", first in {}", node->path);
    if (!node->type_name.empty()) where += fmt::format(" ({})", printable(node->type_name));
    lines.push_back(fmt::format("{}{}, {} time{}{}", text, advice(node->target), count, count == 1 ? "" : "s", where));
  }
  fail("{}: not all of it can be run:\n  {}", program.where, fmt::join(lines, "\n  "));
}

}  // namespace upconv::internal
