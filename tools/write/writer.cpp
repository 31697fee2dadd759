#include "tools/write/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "framework/weights/bytes.h"
#include "layers/exported/path.h"
#include "tools/write/forward.h"
#include "tools/write/header_writer.h"
#include "tools/write/names.h"

namespace upconv::tools {

using namespace internal;

namespace {

/// Numbers of a constant that is written into the header; larger ones are buffers in the file beside it.
constexpr int64_t most_inline = 16;

bool are_numbered(const ModuleNode& node) {
  for (size_t i = 0; i < node.children.size(); ++i)
    if (node.children[i] != (node.path.empty() ? "" : node.path + ".") + std::to_string(i)) return false;
  return true;
}

Expression shape_list(const Shape& shape) {
  Expression list = Expression::list();
  for (int64_t size : shape) list.add(Expression::of(size));
  return list;
}

/// A comment of as many lines as it needs.
std::string comment(const std::string& text) {
  std::string all = "//";
  size_t column = all.size();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size()), length = end - begin;
    if (column > 2 && column + 1 + length > line_length) {
      all += "\n//";
      column = 2;
    }
    all += " " + text.substr(begin, length);
    column += 1 + length;
    begin = end + 1;
  }
  return all + "\n";
}

/// What a size of a parameter is called where it is an argument.
std::string role_of_size(const std::string& name, size_t rank, size_t dim) {
  if (name == "weight" && rank == 2) return dim == 0 ? "out_features" : "in_features";
  if (name == "weight" && rank > 2) return dim == 0 ? "out_channels" : dim == 1 ? "in_channels" : "kernel_size";
  return rank > 1 && dim + 2 >= rank ? "size" : "channels";
}

/// What makes a parameter or buffer of the shape and type of this one.
Expression parameter_of(const std::string& name, const Stored& stored) {
  Expression shape = Expression::list();
  for (size_t d = 0; d < stored.shape.size(); ++d)
    shape.add(Expression::of(stored.shape[d], role_of_size(name, stored.shape.size(), d)));
  shape.text = "Shape";
  Expression made = Expression::call("Parameter").add(shape);
  if (!is_floating(stored.dtype) && stored.dtype != DType::boolean) made.add(Expression::name("DType::int64"));
  return made;
}

}  // namespace

/// A module as another one that is around it calls it.
std::string HeaderWriter::access(int step_node, const std::string& from, const std::string& path,
                                 const Index& index) const {
  const bool is_below = from.empty() || path.starts_with(from + ".");
  if (!is_below || path == from) {
    const std::string why =
        fmt::format("{} calls {}, which is not in it", from.empty() ? "the network" : printable(from), printable(path));
    if (step_node >= 0) calls_.refuse(step_node, why);
    calls_.refuse(why);
  }
  std::string at = from, text, rest = path.substr(from.empty() ? 0 : from.size() + 1);
  const Built* around = nullptr;
  while (!rest.empty()) {
    const std::string name = rest.substr(0, rest.find('.'));
    rest = rest.size() == name.size() ? "" : rest.substr(name.size() + 1);
    const std::string number = index.list == at ? index.text : name;
    at += (at.empty() ? "" : ".") + name;
    const Built& built = built_.at(at);
    if (around == nullptr)
      text = identifier_of(name, "layer");
    else if (around->kind == Built::Kind::list && !around->item.empty())
      text += "[" + number + "]";
    else if (around->kind == Built::Kind::sequential || around->kind == Built::Kind::list)
      text += rest.empty() && built.inputs == 1 && built.outputs == 1 ? "[" + number + "]"
                                                                      : ".at<" + built.type + ">(" + number + ")";
    else if (around->kind == Built::Kind::structure)
      text += "." + identifier_of(name, "layer");
    else
      calls_.refuse(fmt::format("{} is called from outside of its layer", printable(path)));
    around = &built;
  }
  return text;
}

std::optional<Built> HeaderWriter::as_layer(const ModuleNode& node) const {
  if (node.calls.empty()) return {};
  for (const Call* call : node.calls) {
    if (!call->layer) return {};
    if (print(call->layer->constructor) != print(node.calls[0]->layer->constructor) ||
        call->layer->state != node.calls[0]->layer->state) {
      calls_.refuse(fmt::format("{} is called in different ways", printable(node.path)));
    }
  }
  return Built{Built::Kind::layer, node.calls[0]->layer->constructor, node.calls[0]->layer->type, "", 1, 1};
}

/// Whether each child is called once, with what the one before it gave.
std::optional<Built> HeaderWriter::as_sequential(const ModuleNode& node) const {
  if (node.calls.empty() || !node.type_name.ends_with("container.Sequential") || !node.tensors.empty()) return {};
  for (const Call* call : node.calls) {
    if (call->inputs.size() != 1 || call->outputs.size() != 1) return {};
    int value = call->inputs[0];
    size_t next = 0;
    for (const Step& step : call->steps) {
      if (!step.call) return {};
      if (step.call->outputs.empty()) continue;
      if (step.call->inputs.size() != 1 || step.call->outputs.size() != 1 || step.call->inputs[0] != value) return {};
      while (next < node.children.size() && node.children[next] != step.call->path) {
        if (built_.at(node.children[next]).kind != Built::Kind::nothing) return {};
        ++next;
      }
      if (next == node.children.size()) return {};
      ++next;
      value = calls_.same(step.call->outputs[0]);
    }
    if (value != call->outputs[0] && value != calls_.same(call->outputs[0])) return {};
  }
  Built built{Built::Kind::sequential, Expression::call("sequential"), "Sequential", "", 1, 1};
  if (are_numbered(node)) {
    for (const std::string& child : node.children) built.constructor.add(built_.at(child).constructor);
  } else {
    Expression all = Expression::list();
    for (const std::string& child : node.children) {
      Expression one = Expression::list();
      one.add(Expression::name("\"" + printable(last_of(child)) + "\"")).add(built_.at(child).constructor);
      all.add(one);
    }
    built.constructor.add(all);
  }
  return built;
}

/// A ModuleList, which is never called itself.
std::optional<Built> HeaderWriter::as_list(const ModuleNode& node) const {
  if (!node.calls.empty() || node.path.empty() || node.children.empty() || !node.tensors.empty() || !are_numbered(node))
    return {};
  std::set<std::string> types;
  for (const std::string& child : node.children) types.insert(built_.at(child).type);
  Built built{Built::Kind::list, {}, {}, {}, 0, 0};
  if (types.size() == 1) {
    built.item = *types.begin();
    built.type = "ModuleList<" + built.item + ">";
    Expression all = Expression::list();
    for (const std::string& child : node.children) all.add(built_.at(child).constructor);
    built.constructor = Expression::call(built.type).add(all);
  } else {
    built.type = "Sequential";
    built.constructor = Expression::call("sequential");
    for (const std::string& child : node.children) built.constructor.add(built_.at(child).constructor);
  }
  return built;
}

/// The module's own parameters, and the constants that its calls read.
void HeaderWriter::add_tensors(const ModuleNode& node, Draft& draft) {
  for (int index : node.tensors) {
    const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
    const std::string name = last_of(tensor.name);
    const bool is_parameter = tensor.kind == ExportedTensor::Kind::parameter;
    draft.members.push_back({identifier_of(name, "parameter"), "Parameter", name, parameter_of(name, tensor.stored),
                             is_parameter ? Member::Kind::parameter : Member::Kind::buffer});
  }
  for (const Call* call : node.calls)
    for (const Step& step : call->steps) {
      if (step.call) continue;
      for (int value : calls_.tensors_of(calls_.program().nodes[static_cast<size_t>(step.node)])) {
        const int index = calls_.tensor(value);
        if (index < 0 || calls_.program().tensors[static_cast<size_t>(index)].kind != ExportedTensor::Kind::constant)
          continue;
        auto& known = constants_[node.path];
        if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return one.second == value; })) continue;
        const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
        const std::string last = last_of(tensor.name);
        std::string name = identifier_of(
            last.starts_with("lifted_tensor") ? fmt::format("constant{}", known.size()) : last, "constant");
        while (std::any_of(draft.members.begin(), draft.members.end(),
                           [&](const Member& member) { return member.name == name; }) ||
               std::any_of(node.children.begin(), node.children.end(),
                           [&](const std::string& child) { return last_of(child) == name; }))
          name += '_';
        known.emplace_back(name, value);
        const int64_t count = numel(tensor.stored.shape);
        if (count <= most_inline && tensor.stored.unreadable.empty() && is_floating(tensor.stored.dtype)) {
          const Tensor numbers = tensor.stored.to_tensor();
          Expression values = Expression::list();
          for (int64_t i = 0; i < count; ++i) {
            std::string text = fmt::format("{}", numbers.data()[i]);
            if (text.find_first_of(".en") == text.npos) text += '.';
            if (text.find('n') != text.npos)
              calls_.refuse(fmt::format("the constant {} is not finite", printable(tensor.name)));
            values.add(Expression::name(text + "f"));
          }
          Expression made = Expression::call("Tensor");
          made.add(shape_list(tensor.stored.shape)).add(values);
          draft.members.push_back(
              {name, "Parameter", name, Expression::call("Parameter").add(made), Member::Kind::constant});
        } else {
          draft.members.push_back({name, "Parameter", name, parameter_of(name, tensor.stored), Member::Kind::buffer});
        }
      }
    }
}

Draft HeaderWriter::draft(const ModuleNode& node) {
  Draft draft;
  draft.path = node.path;
  const std::string own = last_of(node.path);
  std::string title = identifier_of(own, "Block");
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  draft.class_name = node.path.empty()        ? options_.name
                     : node.type_name.empty() ? title
                                              : identifier_of(last_of(node.type_name), "Module");
  while (!is_free_name(draft.class_name)) draft.class_name += '_';
  std::set<int> heights;
  for (const auto& [path, other] : calls_.modules())
    if (!node.type_name.empty() && other.type_name == node.type_name) heights.insert(other.height);
  draft.is_open = heights.size() > 1 && !node.type_name.starts_with("torch.nn.");
  for (const std::string& child : node.children) {
    const Built& built = built_.at(child);
    if (built.kind == Built::Kind::nothing) continue;
    const std::string name = last_of(child);
    draft.members.push_back({identifier_of(name, "layer"), built.type, name, built.constructor, Member::Kind::child});
    draft.members.back().is_argument = draft.is_open && built.kind == Built::Kind::sequential;
  }
  add_tensors(node, draft);
  std::set<std::string> names;
  for (const Member& member : draft.members)
    if (!names.insert(member.name).second)
      calls_.refuse(fmt::format("two members of {} would be called {}",
                                node.path.empty() ? "the network" : printable(node.path), member.name));
  if (node.calls.empty()) {
    draft.has_forward = false;
    return draft;
  }
  const Draft empty = draft;
  Forward(*this, node, *node.calls[0], draft).write();
  for (size_t i = 1; i < node.calls.size(); ++i) {
    Draft again = empty;
    Forward(*this, node, *node.calls[i], again).write();
    std::string first, second;
    draft.each_expression([&](const Expression& expression, bool) { first += print(expression) + ";"; });
    again.each_expression([&](const Expression& expression, bool) { second += print(expression) + ";"; });
    if (first != second || draft.signature() != again.signature())
      calls_.refuse(fmt::format("{} is called in different ways", printable(node.path)));
  }
  return draft;
}

Stored HeaderWriter::stored(int value) const {
  if (value < 0) return Parameter(Tensor({}, {int64_t{0}})).stored();
  if (const int index = calls_.tensor(value); index >= 0) {
    const Stored& stored = calls_.program().tensors[static_cast<size_t>(index)].stored;
    if (!stored.unreadable.empty())
      calls_.refuse(fmt::format("{} cannot be read: {}",
                                printable(calls_.program().tensors[static_cast<size_t>(index)].name),
                                stored.unreadable));
    if (stored.dtype == DType::boolean) return runner_.parameters()[static_cast<size_t>(index)].stored();
    return stored;
  }
  const auto found = folded_.find(value);
  if (found == folded_.end()) calls_.refuse("a weight is not known");
  return found->second.stored();
}

void HeaderWriter::add_weights(const std::string& path, StateDict& weights) const {
  const ModuleNode& node = module(path);
  const Built& built = built_.at(path);
  const std::string before = path.empty() ? "" : path + ".";
  if (built.kind == Built::Kind::layer) {
    for (const auto& [name, value] : node.calls[0]->layer->state) weights.add(before + name, stored(value));
    return;
  }
  for (const std::string& child : node.children) add_weights(child, weights);
  for (int index : node.tensors) {
    const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(index)];
    weights.add(tensor.name, stored(tensor.value));
  }
  if (const auto found = constants_.find(path); found != constants_.end())
    for (const auto& [name, value] : found->second) {
      const ExportedTensor& tensor = calls_.program().tensors[static_cast<size_t>(calls_.tensor(value))];
      if (numel(tensor.stored.shape) > most_inline || !is_floating(tensor.stored.dtype))
        weights.add(before + name, stored(value));
    }
}

Header HeaderWriter::write() {
  // In the order of the network's children.
  std::vector<std::string> paths = {""};
  for (size_t i = 0; i < paths.size(); ++i) {
    const ModuleNode& node = module(paths[i]);
    paths.insert(paths.begin() + static_cast<std::ptrdiff_t>(i) + 1, node.children.begin(), node.children.end());
  }
  const int top = module("").height;
  for (int height = 0; height <= top; ++height) {
    std::vector<Draft> drafts;
    std::vector<std::string> sequentials;
    for (const std::string& path : paths) {
      const ModuleNode& node = module(path);
      if (node.height != height) continue;
      if (auto built = as_layer(node)) {
        for (const auto& [name, value] : node.calls[0]->layer->state)
          folded_weights_ += value >= 0 && calls_.tensor(value) < 0 ? 1 : 0;
        built_[path] = std::move(*built);
        continue;
      }
      const bool has_steps = std::any_of(node.calls.begin(), node.calls.end(), [](const Call* call) {
        return !call->steps.empty() && !call->outputs.empty();
      });
      const bool has_children = std::any_of(node.children.begin(), node.children.end(), [&](const std::string& child) {
        return built_.at(child).kind != Built::Kind::nothing;
      });
      if (!path.empty() && !has_steps && !has_children && node.tensors.empty()) {
        built_[path] = {};
        continue;
      }
      if (auto built = as_sequential(node)) {
        if (path.empty()) print_sequential(*built);
        sequentials.push_back(path);
        built_[path] = std::move(*built);
        continue;
      }
      if (auto built = as_list(node)) {
        built_[path] = std::move(*built);
        continue;
      }
      drafts.push_back(draft(node));
    }
    settle(drafts);
    share_sequentials(sequentials);
  }
  Header header;
  add_weights("", header.weights);
  std::string& out = header.text;
  out += "#pragma once\n";
  out += fmt::format("// {}\n", options_.command);
  out += comment(fmt::format("wrote this header, and {} beside it with the weights:", options_.weights));
  out += fmt::format("//   {}::{} net;\n//   net.load(\"{}\");\n", options_.space, options_.name, options_.weights);
  if (folded_weights_ > 0)
    out += comment(fmt::format(
        "What PyTorch computes of weights alone, such as weight and spectral norm, is done in {}: {} of its tensors {} "
        "what the layers in PyTorch compute before they use them.",
        options_.weights, folded_weights_, folded_weights_ == 1 ? "is" : "are"));
  for (const ExportedMerge& merge : calls_.program().merges)
    out += comment(
        fmt::format("Nothing uses {}: where it was exported with one tensor for it and for {}, {} stands for both: "
                    "load_exported() refuses to run it.",
                    printable(merge.unused), printable(merge.used), printable(merge.used)));
  if (structs_.find("std::sqrt(") != structs_.npos) includes_.insert("cmath");
  out += "#include <upconv/upconv.h>\n";
  if (!includes_.empty()) out += "\n";
  for (const std::string& include : includes_) out += fmt::format("#include <{}>\n", include);
  out += fmt::format("\nnamespace {} {{\n\nusing namespace upconv;\n{}\n}}  // namespace {}\n", options_.space,
                     structs_, options_.space);
  return header;
}

Header write_header(const ExportedRunner& runner, const HeaderOptions& options) {
  return HeaderWriter(runner, options).write();
}

}  // namespace upconv::tools
