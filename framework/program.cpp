#include "framework/program.h"

#include <chrono>

#include "framework/code.h"
#include "framework/fail.h"

namespace upconv {
namespace {

struct Free {
  void operator()(std::byte* bytes) const { ::operator delete(bytes, std::align_val_t(64)); }
};
using Aligned = std::unique_ptr<std::byte, Free>;

Aligned allocate(size_t bytes) { return Aligned(static_cast<std::byte*>(::operator new(bytes, std::align_val_t(64)))); }

void check(std::span<const Type> expected, std::span<const Tensor> got, const char* what) {
  if (expected.size() != got.size()) fail("the program has {} {}s, got {}", expected.size(), what, got.size());
  for (size_t i = 0; i < got.size(); ++i)
    if (expected[i].shape != got[i].shape() || expected[i].dtype != got[i].dtype())
      fail("{} {} of the program is {} {}, got {} {}", what, i, name(expected[i].dtype), str(expected[i].shape),
           name(got[i].dtype()), str(got[i].shape()));
}

}  // namespace

/// Addresses are written once, when the workspace is made; a run only fills in those of its inputs and outputs.
struct Workspace::Memory {
  std::shared_ptr<const Program::Code> code;
  Aligned arena, scratch;
  std::vector<const void*> addresses;  ///< the inputs of all steps, one after another
  std::vector<Frame> frames;           ///< scratch is filled in per thread

  explicit Memory(const Program& program) : code(program.code_) {
    arena = allocate(code->arena_bytes);
    scratch = allocate(code->scratch_bytes * static_cast<size_t>(code->crew->threads()));
    size_t count = 0;
    for (const auto& placed : code->steps) count += placed.inputs.size();
    addresses.reserve(count);
    for (const auto& placed : code->steps) {
      frames.push_back({addresses.data() + addresses.size(), nullptr, nullptr});
      for (const Place& place : placed.inputs)
        addresses.push_back(place.space == Place::arena ? arena.get() + place.at : nullptr);
      if (placed.output.space == Place::arena) frames.back().output = arena.get() + placed.output.at;
    }
  }

  void bind(std::span<const Tensor> inputs, std::span<Tensor> outputs) {
    size_t next = 0;
    for (size_t s = 0; s < code->steps.size(); ++s) {
      const auto& placed = code->steps[s];
      for (const Place& place : placed.inputs) {
        if (place.space == Place::input) addresses[next] = inputs[place.at].bytes();
        if (place.space == Place::output) addresses[next] = outputs[place.at].bytes();
        ++next;
      }
      if (placed.output.space == Place::output) frames[s].output = outputs[placed.output.at].bytes();
    }
  }
};

Workspace::Workspace(const Program& program) : memory_(std::make_unique<Memory>(program)) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

namespace {

/// The steps [first, last) of a program as a chain.
class Steps : public Chain {
 public:
  Steps(const Program::Code& code, const std::vector<Frame>& frames, std::byte* scratch, size_t first, size_t last)
      : code_(code), frames_(frames), scratch_(scratch), first_(first), last_(last) {}
  int64_t steps() const override { return static_cast<int64_t>(last_ - first_); }
  int64_t tiles(int64_t step) const override { return code_.steps[first_ + static_cast<size_t>(step)].step->tiles(); }
  void run(int64_t step, int64_t tile, int worker) const override {
    const size_t at = first_ + static_cast<size_t>(step);
    Frame frame = frames_[at];
    frame.scratch = scratch_ + static_cast<size_t>(worker) * code_.scratch_bytes;
    code_.steps[at].step->run(tile, frame);
  }

 private:
  const Program::Code& code_;
  const std::vector<Frame>& frames_;
  std::byte* scratch_;
  size_t first_, last_;
};

}  // namespace

const std::vector<Type>& Program::inputs() const { return code_->inputs; }
const std::vector<Type>& Program::outputs() const { return code_->outputs; }
Isa Program::isa() const { return *code_->options.isa; }
int Program::threads() const { return code_->crew->threads(); }
size_t Program::arena_bytes() const { return code_->arena_bytes; }
size_t Program::packed_bytes() const { return code_->packed_bytes; }

std::vector<StepInfo> Program::steps() const {
  std::vector<StepInfo> all;
  for (const auto& placed : code_->steps) all.push_back(placed.info);
  return all;
}

void Program::run(Workspace& workspace, std::span<const Tensor> inputs, std::span<Tensor> outputs) const {
  if (workspace.memory_->code != code_) fail("this workspace was made for another program");
  check(code_->inputs, inputs, "input");
  check(code_->outputs, outputs, "output");
  workspace.memory_->bind(inputs, outputs);
  const auto& memory = *workspace.memory_;
  code_->crew->run(Steps(*code_, memory.frames, memory.scratch.get(), 0, code_->steps.size()));
}

std::vector<Tensor> Program::operator()(std::span<const Tensor> inputs) const {
  Workspace workspace(*this);
  std::vector<Tensor> outputs;
  for (const Type& type : code_->outputs) outputs.emplace_back(type.shape, type.dtype);
  run(workspace, inputs, outputs);
  return outputs;
}

Tensor Program::operator()(const Tensor& input) const {
  if (code_->outputs.size() != 1)
    fail("the program has {} outputs: run it with a span of inputs", code_->outputs.size());
  return (*this)(std::span(&input, 1)).front();
}

std::vector<double> Program::profile(Workspace& workspace, std::span<const Tensor> inputs,
                                     std::span<Tensor> outputs) const {
  run(workspace, inputs, outputs);
  std::vector<double> seconds;
  for (size_t step = 0; step < code_->steps.size(); ++step) {
    const auto begin = std::chrono::steady_clock::now();
    const auto& memory = *workspace.memory_;
    code_->crew->run(Steps(*code_, memory.frames, memory.scratch.get(), step, step + 1));
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return seconds;
}

}  // namespace upconv
