#include "layers/exported.h"

#include <map>

#include "framework/fail.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/packed_cache.h"
#include "framework/weights/pt2.h"
#include "layers/exported/modulation.h"
#include "layers/exported/path.h"
#include "layers/exported/printed.h"
#include "layers/exported/reader.h"
#include "layers/exported/runner.h"
#include "layers/exported/upsampling.h"

namespace upconv {

using namespace internal;

namespace {

/// A module of the network that was exported: its class, its parameters, its children. It runs as a part of the whole
/// alone.
class Part : public AnyModule {
 public:
  Part(std::shared_ptr<const ExportedProgram> program, std::string path, std::string type_name)
      : program_(std::move(program)), path_(std::move(path)), type_name_(std::move(type_name)) {}
  std::string type_name() const override {
    if (!type_name_.empty()) return type_name_;
    std::vector<std::string> names;
    for (const auto& [name, module] : named_children()) names.push_back(name);
    return std::string(class_of_uncalled(names));
  }
  std::string extra_repr() const override { return printed_arguments(*program_, path_); }
  std::string str() const override { return type_name() == "ModuleList" ? list_str() : AnyModule::str(); }
  using AnyModule::add_buffer;
  using AnyModule::add_child;
  using AnyModule::add_parameter;

 private:
  std::shared_ptr<const ExportedProgram> program_;
  std::string path_, type_name_;
};

/// The modules of a program by their paths, each made with those around it.
class Tree {
 public:
  Tree(std::shared_ptr<const ExportedProgram> program,
       std::function<void(std::string, std::shared_ptr<AnyModule>)> add_to_root)
      : program_(std::move(program)), add_to_root_(std::move(add_to_root)) {}

  /// nullptr for the root.
  Part* at(const std::string& path) {
    if (path.empty()) return nullptr;
    if (const auto found = parts_.find(path); found != parts_.end()) return found->second.get();
    Part* around = at(parent_of(path));
    const auto type = program_->type_names.find(path);
    auto part =
        std::make_shared<Part>(program_, path, type == program_->type_names.end() ? "" : class_of(type->second));
    if (around == nullptr)
      add_to_root_(last_of(path), part);
    else
      around->add_child(last_of(path), part);
    return parts_.emplace(path, std::move(part)).first->second.get();
  }

 private:
  std::shared_ptr<const ExportedProgram> program_;
  std::function<void(std::string, std::shared_ptr<AnyModule>)> add_to_root_;
  std::map<std::string, std::shared_ptr<Part>> parts_;
};

}  // namespace

Exported::Exported(std::shared_ptr<const ExportedProgram> program, const ExportedOptions& options)
    : runner_(std::make_shared<const ExportedRunner>(program, options)) {
  try {
    add_modules(program);
  } catch (const Error& error) {  // names that no module may have, or two things of one name
    fail("{}: {}", program->where, error.what());
  }
}

void Exported::add_modules(const std::shared_ptr<const ExportedProgram>& program) {
  Tree tree(program,
            [this](std::string name, std::shared_ptr<AnyModule> part) { add_child(std::move(name), std::move(part)); });
  for (const std::string& path : program->modules) tree.at(path);
  for (size_t i = 0; i < program->tensors.size(); ++i) {
    const ExportedTensor& tensor = program->tensors[i];
    if (tensor.kind == ExportedTensor::Kind::constant) continue;
    Part* part = tree.at(parent_of(tensor.name));
    const std::string name = last_of(tensor.name);
    const Parameter& parameter = runner_->parameters()[i];
    if (tensor.kind == ExportedTensor::Kind::parameter)
      part == nullptr ? add_parameter(name, parameter) : part->add_parameter(name, parameter);
    else
      part == nullptr ? add_buffer(name, parameter) : part->add_buffer(name, parameter);
  }
}

Values Exported::forward(const Values& xs) const {
  check_count(inputs().size(), xs.size());
  return runner_->write(xs);
}

std::shared_ptr<const FixedForward> Exported::fixed_forward() const { return runner_; }

const std::vector<ExportedTensorInfo>& Exported::inputs() const { return runner_->inputs; }
const std::vector<ExportedTensorInfo>& Exported::outputs() const { return runner_->outputs; }

std::string Exported::type_name() const {
  const auto found = runner_->program().type_names.find("");
  return found == runner_->program().type_names.end() ? "Exported" : class_of(found->second);
}

Exported internal::load_exported_with(std::span<const std::byte> bytes, const std::string& name,
                                      std::shared_ptr<const void> owner, const ExportedOptions& options,
                                      const std::shared_ptr<PackedCache>& packed) {
  ExportedParts parts = read_exported(bytes, name, std::move(owner), options.program);
  PackedCache::look_in(parts.weights, packed);
  PackedCache::look_in(parts.constants, packed);
  auto program = std::make_shared<ExportedProgram>(read_program(parts));
  refuse_unsupported(*program);
  recognise_modulation(*program);
  recognise_upsampling(*program);
  return Exported(std::move(program), options);
}

Exported load_exported(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
                       const ExportedOptions& options) {
  return load_exported_with(bytes, name, std::move(owner), options, nullptr);
}

Exported load_exported(const std::filesystem::path& path, const ExportedOptions& options) {
  MappedFile file = map_or_read(path);
  return load_exported_with(file.bytes, path.string(), std::move(file.owner), options, PackedCache::beside(path));
}

}  // namespace upconv
