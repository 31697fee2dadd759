#include "framework/program.h"

#include <algorithm>
#include <chrono>

#include "framework/code.h"
#include "framework/fail.h"

namespace upconv {

using namespace internal;

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

/// A program as a chain, whose steps are turns.
class Steps : public Chain {
 public:
  Steps(const Code& code, const std::vector<Frame>& frames, std::byte* scratch)
      : code_(code), frames_(frames), scratch_(scratch) {}
  int64_t steps() const override { return static_cast<int64_t>(code_.turns.size()); }
  int64_t tiles(int64_t turn) const override { return placed(turn).step->tiles(); }
  bool shared(int64_t turn) const override { return placed(turn).shared; }
  void run(int64_t turn, int64_t tile, int worker) const override {
    Frame frame = frames_[static_cast<size_t>(turn)];
    frame.scratch = scratch_ + static_cast<size_t>(worker) * code_.scratch_bytes;
    try {
      placed(turn).step->run(tile, frame);
    } catch (const Error& error) {
      const StepInfo& info = placed(turn).info;
      fail("{}{} {}", beginning(info.path), info.operation, error.what());
    }
  }

 private:
  const Code::Placed& placed(int64_t turn) const { return code_.steps[code_.turns[static_cast<size_t>(turn)].step]; }
  const Code& code_;
  const std::vector<Frame>& frames_;
  std::byte* scratch_;
};

/// A program's chain, watched. Every tile has its place beforehand, so that nothing is allocated or shared while it
/// runs; a chain that nobody watches knows nothing of this.
class Watched : public Chain {
 public:
  Watched(const Code& code, const Chain& chain) : code_(code), chain_(chain) {
    for (int64_t turn = 0; turn < chain.steps(); ++turn) {
      const auto [step, portion] = code.turns[static_cast<size_t>(turn)];
      first_.push_back(tiles_.size());
      const int64_t tiles = chain.tiles(turn);
      for (int64_t tile = 0; tile < tiles; ++tile) tiles_.push_back({step, portion * tiles + tile, 0, 0, 0});
    }
    start_ = std::chrono::steady_clock::now();
  }
  int64_t steps() const override { return chain_.steps(); }
  int64_t tiles(int64_t turn) const override { return chain_.tiles(turn); }
  bool shared(int64_t turn) const override { return chain_.shared(turn); }
  void run(int64_t turn, int64_t tile, int worker) const override {
    Profile::Tile& watched = tiles_[first_[static_cast<size_t>(turn)] + static_cast<size_t>(tile)];
    watched.worker = worker;
    watched.begin = now();
    chain_.run(turn, tile, worker);
    watched.end = now();
  }

  /// After the run.
  Profile profile() {
    Profile profile{now(), std::vector<double>(code_.steps.size()), std::move(tiles_)};
    double end = 0;  // of the turns before
    for (size_t turn = 0, tile = 0; turn < first_.size(); ++turn) {
      const size_t next = turn + 1 < first_.size() ? first_[turn + 1] : profile.tiles.size();
      double own = end;
      for (; tile < next; ++tile) own = std::max(own, profile.tiles[tile].end);
      profile.steps[code_.turns[turn].step] += own - end;
      end = own;
    }
    return profile;
  }

 private:
  double now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  const Code& code_;
  const Chain& chain_;
  std::vector<size_t> first_;
  mutable std::vector<Profile::Tile> tiles_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace

/// Addresses are written once, when the workspace is made; a run only fills in those of its inputs and outputs.
struct Workspace::Memory {
  std::shared_ptr<const Code> code;
  Aligned arena, scratch;
  std::vector<const void*> addresses;  ///< the inputs of all turns, one after another
  std::vector<Frame> frames;           ///< of all turns; scratch is filled in per thread

  explicit Memory(const Program& program) : code(program.code_) {
    arena = allocate(code->arena_bytes);
    scratch = allocate(code->scratch_bytes * static_cast<size_t>(code->crew->threads()));
    size_t count = 0;
    for (const Code::Turn& turn : code->turns) count += code->steps[turn.step].inputs.size();
    addresses.reserve(count);
    for (const Code::Turn& turn : code->turns) {
      const Code::Placed& placed = code->steps[turn.step];
      frames.push_back({addresses.data() + addresses.size(), nullptr, nullptr});
      for (const Place& place : placed.inputs)
        addresses.push_back(place.space == Place::arena      ? arena.get() + place.at + offset(place, turn)
                            : place.space == Place::constant ? code->constants[place.at].bytes()
                                                             : nullptr);
      if (placed.output.space == Place::arena)
        frames.back().output = arena.get() + placed.output.at + offset(placed.output, turn);
    }
  }

  /// Of a turn's portion in a place.
  static size_t offset(const Place& place, const Code::Turn& turn) {
    return place.portion_bytes * static_cast<size_t>(turn.portion);
  }

  /// The program as a chain over these tensors. Throws Error where it is another program or has other types.
  Steps bind(const Code& which, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
    if (code.get() != &which) fail("this workspace was made for another program");
    check(code->inputs, inputs, "input");
    check(code->outputs, outputs, "output");
    size_t next = 0;
    for (size_t t = 0; t < code->turns.size(); ++t) {
      const Code::Turn& turn = code->turns[t];
      const Code::Placed& placed = code->steps[turn.step];
      for (const Place& place : placed.inputs) {
        if (place.space == Place::input) addresses[next] = inputs[place.at].bytes() + offset(place, turn);
        if (place.space == Place::output) addresses[next] = outputs[place.at].bytes() + offset(place, turn);
        ++next;
      }
      const Place& to = placed.output;
      if (to.space == Place::output) frames[t].output = outputs[to.at].bytes() + offset(to, turn);
    }
    return Steps(*code, frames, scratch.get());
  }
};

Workspace::Workspace(const Program& program) : memory_(std::make_unique<Memory>(program)) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

std::byte* Code::arena(Workspace& workspace) { return workspace.memory_->arena.get(); }

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

Choices Program::choices() const {
  Choices all;
  for (const auto& placed : code_->steps) {
    const StepInfo& info = placed.info;
    if (info.geometry.empty()) continue;
    const auto taken = std::find_if(info.candidates.begin(), info.candidates.end(),
                                    [&](const Candidate& one) { return one.algorithm == info.algorithm; });
    const double seconds = taken == info.candidates.end() ? 0 : taken->seconds;
    all.add({info.geometry, code_->options.accuracy, threads(), isa(), info.algorithm, seconds});
  }
  return all;
}

void Program::run(Workspace& workspace, std::span<const Tensor> inputs, std::span<Tensor> outputs) const {
  code_->crew->run(workspace.memory_->bind(*code_, inputs, outputs));
}

Profile Program::profile(Workspace& workspace, std::span<const Tensor> inputs, std::span<Tensor> outputs) const {
  const Steps steps = workspace.memory_->bind(*code_, inputs, outputs);
  Watched watched(*code_, steps);
  code_->crew->run(watched);
  return watched.profile();
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

}  // namespace upconv
