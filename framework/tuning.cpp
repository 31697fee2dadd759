#include "framework/tuning.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "framework/fail.h"
#include "framework/forks.h"
#include "framework/random.h"
#include "framework/timing.h"

namespace upconv::internal {
namespace {

using Clock = std::chrono::steady_clock;

/// What was found in this process: the candidates of a geometry with their times, the taken one first.
class Found {
 public:
  std::optional<std::vector<Candidate>> find(const std::string& key) {
    const auto lock = this->lock();
    const auto found = all_.find(key);
    return found == all_.end() ? std::nullopt : std::optional(found->second);
  }
  void keep(const std::string& key, std::vector<Candidate> candidates) {
    const auto lock = this->lock();
    all_.insert_or_assign(key, std::move(candidates));
  }

 private:
  std::unique_lock<Mutex> lock() {
    std::unique_lock lock(mutex_);
    if (mutex_.was_abandoned()) begin_anew(all_);
    return lock;
  }

  Mutex mutex_;
  std::map<std::string, std::vector<Candidate>> all_;
};
Found& found() {
  static Found the_one;
  return the_one;
}

/// Steps of one geometry, which take one algorithm.
struct Group {
  std::string geometry;
  std::vector<size_t> steps;
  double cycles = 0;  ///< that all of them are expected to take
};

std::vector<Group> groups_of(const Code& code) {
  std::vector<Group> groups;
  for (size_t i = 0; i < code.steps.size(); ++i) {
    const StepInfo& info = code.steps[i].info;
    if (info.geometry.empty() || info.candidates.empty()) continue;
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& one) { return one.geometry == info.geometry; });
    if (group == groups.end()) group = groups.insert(groups.end(), {info.geometry, {}, 0});
    group->steps.push_back(i);
    for (const Candidate& candidate : info.candidates)
      if (candidate.algorithm == info.algorithm) group->cycles += candidate.cycles;
  }
  return groups;
}

/// Reads what the rest of a network moves between two runs of a step, so that the step finds caches as it does there.
class Others {
 public:
  explicit Others(const Code& code)
      : code_(code), crew_(*code.crew), values_(std::min(code.arena_bytes, most) / sizeof(float)) {
    for (size_t step = 0; step < code.steps.size(); ++step) add(code.steps[step].step->packed(), step);
    add(values_, code.steps.size());
  }
  /// But for what a step itself has: its weights would be near for the one candidate that it was compiled with. Between
  /// two portions of a batch only those run that take turns with it.
  void read(size_t step) const {
    std::vector<Piece> read = pieces_;
    const auto portions = [&](size_t of) { return of < code_.steps.size() ? code_.steps[of].portions : -1; };
    std::erase_if(read, [&](const Piece& piece) {
      return piece.step == step || (portions(step) >= 0 && portions(piece.step) != portions(step));
    });
    if (!read.empty()) crew_.run(Reading(read));
  }

 private:
  /// What is read at a time, and whose it is.
  struct Piece {
    std::span<const float> floats;
    size_t step;
  };
  /// A chain, and not Crew::share(), whose threads come from another arena: they would come late to the step that is
  /// timed next, by as long as it takes on two threads.
  class Reading : public Chain {
   public:
    explicit Reading(const std::vector<Piece>& pieces) : pieces_(pieces) {}
    int64_t steps() const override { return 1; }
    int64_t tiles(int64_t) const override { return static_cast<int64_t>(pieces_.size()); }
    void run(int64_t, int64_t tile, int) const override {
      const Piece& piece = pieces_[static_cast<size_t>(tile)];
      float sum = 0;
      for (size_t at = 0; at < piece.floats.size(); at += 16) sum += piece.floats[at];
      sum_ = sum;
    }

   private:
    const std::vector<Piece>& pieces_;
  };

  static constexpr size_t most = 64 << 20, size = 64 << 10;  // bytes of all, and floats of a piece
  void add(std::span<const float> floats, size_t step) {
    for (; !floats.empty() && pieces_.size() * size * sizeof(float) < most;
         floats = floats.subspan(std::min(size, floats.size())))
      pieces_.push_back({floats.first(std::min(size, floats.size())), step});
  }

  const Code& code_;
  const Crew& crew_;
  std::vector<float> values_;
  std::vector<Piece> pieces_;
  inline static thread_local volatile float sum_ = 0;
};

/// Random numbers where a value would lie, or zeros, which are good indices, where it is none of floating point: matrix
/// tiles multiply a fifth faster where all is zero, and are no faster than others in a network.
void write_values(const Type& type, std::byte* values) {
  // A float whose upper and lower half are bfloat16 is both, one of them and two of these.
  static const std::vector<float> block = [] {
    constexpr int64_t length = 4096;
    const Tensor upper = Random(0).randn({length}), lower = Random(1).randn({length});
    std::vector<float> all;
    for (int64_t i = 0; i < length; ++i)
      all.push_back(std::bit_cast<float>((std::bit_cast<uint32_t>(upper.data()[i]) & 0xFFFF0000u) |
                                         std::bit_cast<uint32_t>(lower.data()[i]) >> 16));
    return all;
  }();
  const bool random = type.dtype == DType::float32 || type.dtype == DType::bfloat16;
  const auto numbers = std::as_bytes(std::span(block));
  for (size_t at = 0, bytes = bytes_of(type); at < bytes; at += numbers.size()) {
    const size_t count = std::min(numbers.size(), bytes - at);
    if (random)
      std::copy_n(numbers.data(), count, values + at);
    else
      std::fill_n(values + at, count, std::byte());
  }
}

/// A step with one algorithm behind the two before it, in their places: its inputs were written when it runs, by the
/// threads that write them in the network.
class Probe {
 public:
  Probe(const Code& code, size_t at, Code::Placed placed)
      : code_(code_of(code, at, std::move(placed))), program_(Code::program(code_)), workspace_(program_) {
    for (const Type& type : program_.inputs()) inputs_.push_back(values_of(type));
    for (const Type& type : program_.outputs()) outputs_.push_back(values_of(type));
  }
  /// Of all portions of the batch, of which one is run.
  double seconds() {
    write_entering();
    return program_.profile(workspace_, inputs_, outputs_).steps.back() *
           static_cast<double>(code_->steps.back().info.portions);
  }

 private:
  static Tensor values_of(const Type& type) {
    Tensor values(type.shape, type.dtype);
    write_values(type, values.bytes());
    return values;
  }

  static std::shared_ptr<const Code> code_of(const Code& code, size_t at, Code::Placed placed) {
    auto part = std::make_shared<Code>();
    part->options = code.options;
    part->inputs = code.inputs;
    part->outputs = code.outputs;
    part->constants = code.constants;
    part->arena_bytes = code.arena_bytes;
    part->crew = code.crew;
    // What refuses indices that it has no row for is not given those of a network.
    const bool has_indices = std::any_of(code.inputs.begin(), code.inputs.end(),
                                         [](const Type& type) { return type.dtype != DType::float32; });
    // Nor are steps run that take turns without this one: of a batch they would compute the first portion.
    for (size_t i = has_indices ? at : at < 2 ? 0 : at - 2; i < at; ++i)
      if (code.steps[i].portions == placed.portions) part->steps.push_back(code.steps[i]);
    part->steps.push_back(std::move(placed));
    for (size_t step = 0; step < part->steps.size(); ++step) part->turns.push_back({step, 0});
    part->scratch_bytes = scratch_bytes_of(*part);
    return part;
  }

  /// What these steps read and none of them wrote; each time, since others may lie there by now.
  void write_entering() {
    std::byte* arena = Code::arena(workspace_);
    for (size_t step = 0; step < code_->steps.size(); ++step) {
      const Code::Placed& reader = code_->steps[step];
      for (size_t i = 0; i < reader.inputs.size(); ++i) {
        const Place& place = reader.inputs[i];
        const auto writes = [&](const Code::Placed& one) {
          return one.output.space == Place::arena && one.output.at == place.at;
        };
        const auto reading = code_->steps.begin() + static_cast<std::ptrdiff_t>(step);
        if (place.space == Place::arena && std::none_of(code_->steps.begin(), reading, writes))
          write_values(reader.input_types[i], arena + place.at);
      }
    }
  }

  std::shared_ptr<const Code> code_;
  Program program_;
  Workspace workspace_;
  std::vector<Tensor> inputs_, outputs_;
};

/// Candidates of a group, timed for at most so long.
class Contest {
 public:
  Contest(const Code& code, const Group& group, const Others& others, const Lower& lower)
      : code_(code),
        step_(group.steps.front()),
        others_(others),
        lower_(lower),
        candidates_(code.steps[step_].info.candidates) {
    // The most promising first; what is chosen without a measurement is the first of all.
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.cycles < b.cycles; });
    const std::string& modelled = code.steps[step_].info.algorithm;
    std::stable_partition(candidates_.begin(), candidates_.end(),
                          [&](const Candidate& one) { return one.algorithm == modelled; });
  }

  /// All candidates, of which those that were timed say so, and the first is to be taken.
  std::vector<Candidate> run(double seconds) {
    const auto start = Clock::now();
    enter_all(start, seconds);
    int round = 0;
    for (; round < most_rounds && rivals_.size() > 1; ++round) {
      if (seconds_since(start) + round_seconds() > seconds) break;
      for (size_t i = 0; i < rivals_.size(); ++i) time(rivals_[(i + static_cast<size_t>(round)) % rivals_.size()]);
      if (round + 1 >= least_rounds) leave(round < some_rounds ? far : near);
    }
    for (const Rival& rival : rivals_) candidates_[rival.candidate].seconds = median(rival.seconds);
    const auto seconds_of = [](const Candidate& one) { return one.seconds > 0 ? one.seconds : 1e30; };
    // A lead of less than two percent is none, or of ten, where there was no time for more than a look.
    const double lead = round < least_rounds ? 0.9 : 0.98;
    const auto fastest = std::min_element(candidates_.begin(), candidates_.end(),
                                          [&](auto& a, auto& b) { return seconds_of(a) < seconds_of(b); });
    if (seconds_of(*fastest) < lead * seconds_of(candidates_.front()))
      std::rotate(candidates_.begin(), fastest, fastest + 1);
    return candidates_;
  }

 private:
  // The last rounds are for those that a step of a tenth of a millisecond on two threads does not tell apart in a few.
  static constexpr int least_rounds = 3, some_rounds = 12, most_rounds = 50;
  // Times the fastest: by one run, by a few rounds, by some.
  static constexpr double lost = 2, far = 1.3, near = 1.1;
  static constexpr double hopeless = 3;  // times the least cycles that are expected

  struct Rival {
    size_t candidate;
    std::unique_ptr<Probe> probe;
    std::vector<double> seconds;
    double timing = 0;  // seconds that one more takes, with all that is around it
  };

  /// As in a network that runs over and over: its weights came by a run ago, and what the others read came after them.
  /// So it does not matter who ran before, and whether that left weights of the same order.
  void time(Rival& rival) {
    const auto start = Clock::now();
    warm_up([&] { rival.probe->seconds(); });
    others_.read(step_);
    rival.seconds.push_back(rival.probe->seconds());
    rival.timing = seconds_since(start);
  }

  /// Packs each candidate's weights and times it once, until the time is up; twice whom all others are compared with,
  /// and who looks hopeless, since a run may be interrupted.
  void enter_all(Clock::time_point start, double seconds) {
    double least_cycles = candidates_.front().cycles;
    for (const Candidate& one : candidates_) least_cycles = std::min(least_cycles, one.cycles);
    for (size_t i = 0; i < candidates_.size(); ++i) {
      if (i > 0 && (seconds_since(start) > seconds / 2 || candidates_[i].cycles > hopeless * least_cycles)) break;
      Rival rival{i, std::make_unique<Probe>(code_, step_, lower_(step_, candidates_[i].algorithm)), {}};
      time(rival);
      if (i == 0 || rival.seconds.back() > lost * least_) {
        time(rival);
        rival.seconds = {std::min(rival.seconds[0], rival.seconds[1])};
      }
      least_ = std::min(least_, rival.seconds.back());
      candidates_[i].seconds = rival.seconds.back();
      rivals_.push_back(std::move(rival));
      leave(lost);
    }
  }

  double round_seconds() const {
    double sum = 0;
    for (const Rival& rival : rivals_) sum += rival.timing;
    return sum;
  }

  /// Whoever takes so many times as long as the fastest does so no more.
  void leave(double limit) {
    double least = 1e30;
    for (const Rival& rival : rivals_) least = std::min(least, median(rival.seconds));
    std::erase_if(rivals_, [&](const Rival& rival) {
      const double own = median(rival.seconds);
      if (own <= limit * least) return false;
      candidates_[rival.candidate].seconds = own;
      return true;
    });
  }

  const Code& code_;
  size_t step_;
  const Others& others_;
  const Lower& lower_;
  std::vector<Candidate> candidates_;
  std::vector<Rival> rivals_;
  double least_ = 1e30;  // seconds of any one so far
};

/// The algorithm that Options::choices has for a group, or nothing.
std::optional<std::string> told(const Code& code, const Group& group) {
  if (!code.options.choices) return {};
  const Choice* choice =
      code.options.choices->find(group.geometry, code.options.accuracy, code.crew->threads(), *code.options.isa);
  if (choice == nullptr) return {};
  std::vector<std::string_view> known;
  for (const Candidate& candidate : code.steps[group.steps.front()].info.candidates)
    known.push_back(candidate.algorithm);
  if (std::find(known.begin(), known.end(), choice->algorithm) == known.end())
    fail("{}: {} cannot take the algorithm \"{}\": there are {}", code.options.choices->place_of(*choice),
         group.geometry, choice->algorithm, fmt::join(known, ", "));
  return choice->algorithm;
}

/// What is measured for one group holds for another run only where all of this is the same.
std::string key_of(const Code& code, const Group& group) {
  return fmt::format("{}/{}/{}/{}/{}", group.geometry, static_cast<int>(code.options.accuracy), code.crew->threads(),
                     name(*code.options.isa), static_cast<const void*>(code.options.arena.get()));
}

void take(Code& code, const Group& group, const std::string& algorithm, const Lower& lower) {
  for (size_t step : group.steps)
    if (code.steps[step].info.algorithm != algorithm) {
      const bool shared = code.steps[step].shared;
      code.steps[step] = lower(step, algorithm);
      code.steps[step].shared = shared && code.steps[step].step->tiles() > 1;
    }
}

/// The times that were found, to the candidates of a group's steps.
void note(Code& code, const Group& group, const std::vector<Candidate>& timed) {
  for (size_t step : group.steps)
    for (Candidate& candidate : code.steps[step].info.candidates)
      for (const Candidate& one : timed)
        if (one.algorithm == candidate.algorithm) candidate.seconds = one.seconds;
}

}  // namespace

void tune(Code& code, const Lower& lower) {
  const bool measures = code.options.tune == Tune::measured && code.options.algorithm.empty();
  if (!measures && !code.options.choices) return;
  std::vector<Group> groups = groups_of(code), unknown;
  double cycles = 0;
  for (const Group& group : groups) {
    if (const std::optional<std::string> algorithm = told(code, group)) {
      take(code, group, *algorithm, lower);
    } else if (measures) {
      cycles += group.cycles;
      unknown.push_back(group);
    }
  }
  if (unknown.empty()) return;

  // What takes most of the time first, for as long as its part of all is; what one leaves over is for the others.
  std::stable_sort(unknown.begin(), unknown.end(), [](const Group& a, const Group& b) { return a.cycles > b.cycles; });
  const auto start = Clock::now();
  const double budget = code.options.tuning_seconds;
  std::optional<Others> others;
  for (const Group& group : unknown) {
    const std::string key = key_of(code, group);
    std::optional<std::vector<Candidate>> timed = found().find(key);
    const double left = budget - seconds_since(start);
    if (!timed && left > 0 && code.steps[group.steps.front()].info.candidates.size() > 1) {
      if (!others) others.emplace(code);
      timed = Contest(code, group, *others, lower).run(left * group.cycles / std::max(cycles, 1.0));
      found().keep(key, *timed);
    }
    cycles -= group.cycles;
    if (!timed) continue;
    take(code, group, timed->front().algorithm, lower);
    note(code, group, *timed);
  }
}

}  // namespace upconv::internal
