// What is said of operations that cannot be run.
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "layers/exported/reader.h"

namespace upconv::internal {

std::string_view advice(std::string_view target) {
  struct Help {
    std::string_view beginnings;  // of names of ATen, each in blanks
    std::string_view text;
  };
  constexpr Help helps[] = {
      {" lstm gru rnn_ quantized_lstm ",
       "; export with run_decompositions(), which unrolls it for as many steps as the example has"},
      {" randn rand. rand_ randint randperm normal bernoulli exponential multinomial uniform ",
       "; draw it outside, and make it an input of forward()"},
      {" fft_ stft istft ", "; let the network give what it would transform, and transform it outside"},
      {" linalg_ inverse det. logdet slogdet matrix_exp cholesky qr ",
       "; where it is of weights alone, compute it before the export: remove_parametrizations() keeps its result as "
       "the "
       "weight"},
      {" topk sort argsort masked_select nonzero unique bincount ", "; do it outside of the network"},
      {" index_put scatter index_add index_copy index_fill ",
       "; let where(), cat() or one multiplication by a mask write it"}};
  if (target.starts_with("torch.ops.aten.")) {
    const std::string_view name = target.substr(std::string_view("torch.ops.aten.").size());
    for (const Help& help : helps)
      for (size_t begin = 1; begin < help.beginnings.size();) {
        const size_t end = help.beginnings.find(' ', begin);
        if (name.starts_with(help.beginnings.substr(begin, end - begin))) return help.text;
        begin = end + 1;
      }
    return "";
  }
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
  const bool may_be_taken_apart = std::any_of(program.nodes.begin(), program.nodes.end(), [](const ExportedNode& node) {
    return node.row == nullptr && node.target.starts_with("torch.ops.aten.") && advice(node.target).empty();
  });
  if (may_be_taken_apart)
    lines.emplace_back(
        "many operations are taken apart into ones that are known by an export with run_decompositions()");
  fail("{}: not all of it can be run:\n  {}", program.where, fmt::join(lines, "\n  "));
}

}  // namespace upconv::internal
