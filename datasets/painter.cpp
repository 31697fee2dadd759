#include "datasets/painter.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "framework/fail.h"
#include "framework/parallel.h"

namespace upconv::datasets {

using namespace internal;

namespace {

std::vector<Type> batched(std::vector<Type> types, int64_t batch) {
  for (Type& type : types) type.shape.at(0) = batch;
  return types;
}

upconv::Options on_one_thread(upconv::Options options) {
  options.threads = 1;
  return options;
}

/// A file of choices that says nothing of a layer pins nothing.
void check_choices(const Program& program, const upconv::Options& options, int64_t batch) {
  if (!options.choices) return;
  for (const StepInfo& step : program.steps()) {
    if (step.candidates.empty()) continue;
    if (!options.choices->find(step.geometry, options.accuracy, program.threads(), program.isa()))
      fail("the file of choices has none for {}: tune with a batch of {}, --threads 1 and --isa {}", step.geometry,
           batch, name(program.isa()));
  }
}

}  // namespace

/// What one thread works with.
struct Painter::Place {
  explicit Place(const Program& program) : workspace(program) {
    for (const Type& type : program.inputs()) inputs.emplace_back(type.shape, type.dtype);
    for (const Type& type : program.outputs()) outputs.emplace_back(type.shape, type.dtype);
  }
  Workspace workspace;
  std::vector<Tensor> inputs, outputs;
};

/// Where batches that were finished in any order are written in theirs: by the thread that brings the one whose turn it
/// is, together with those behind it that are there, while the others leave theirs and paint on.
class Painter::Order {
 public:
  Order(const Write& write, int64_t most) : write_(write), most_(most) {}

  /// Waits where too many would wait for one before them. False where another thread failed.
  bool put(int64_t number, int64_t rows, std::string bytes) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failed_ || number < next_ + most_; });
    if (failed_) return false;
    waiting_.emplace(number, std::pair(rows, std::move(bytes)));
    if (writing_) return true;
    writing_ = true;
    while (!failed_ && !waiting_.empty() && waiting_.begin()->first == next_) {
      const auto first = waiting_.extract(waiting_.begin());
      lock.unlock();
      write_(first.mapped().first, first.mapped().second);
      lock.lock();
      ++next_;
      changed_.notify_all();
    }
    writing_ = false;
    return !failed_;
  }
  /// Keeps the first exception.
  void fail(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!failed_) failed_ = std::move(error);
    changed_.notify_all();
  }
  /// After all threads have ended.
  void rethrow() const {
    if (failed_) std::rethrow_exception(failed_);
  }

 private:
  const Write& write_;
  int64_t most_, next_ = 0;
  bool writing_ = false;  // and for ever, where write_ throws: the exception ends them all
  std::map<int64_t, std::pair<int64_t, std::string>> waiting_;
  std::exception_ptr failed_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

Painter::Painter(const AnyModule& module, std::vector<Type> inputs, const Options& options)
    : batch_(options.batch),
      options_(on_one_thread(options.program)),
      program_(compile(module, batched(std::move(inputs), options.batch), options_)) {
  const std::vector<Type>& outputs = program_.outputs();
  if (outputs.size() != 1 || outputs[0].dtype != DType::float32 || outputs[0].shape.size() != 4 ||
      outputs[0].shape[0] != batch_)
    internal::fail("expected a network that gives pictures ({}, C, H, W), got {} of {}", batch_,
                   outputs.size() == 1 ? "one" : "several", outputs.empty() ? "" : str(outputs[0].shape));
  check_choices(program_, options.program, batch_);
  const int threads = std::min(wanted_threads(options.threads, hardware_threads()), makeable_threads());
  for (int i = 0; i < threads; ++i) places_.push_back(std::make_unique<Place>(program_));
}

Painter::~Painter() = default;

void Painter::paint(int64_t first, int64_t count, const Fill& fill, const Finish& finish, const Write& write) {
  const int64_t batches = (count + batch_ - 1) / batch_;
  std::atomic<int64_t> next = 0;
  Order order(write, 2 * threads());
  const auto work = [&](Place& place) {
    try {
      for (int64_t number; (number = next++) < batches;) {
        const int64_t at = number * batch_, rows = std::min(batch_, count - at);
        fill(first + at, rows, place.inputs);
        program_.run(place.workspace, place.inputs, place.outputs);
        if (!order.put(number, rows, finish(first + at, rows, place.outputs[0]))) return;
      }
    } catch (...) {
      order.fail(std::current_exception());
      next = batches;
    }
  };
  std::vector<std::thread> others;
  others.reserve(places_.size());
  try {
    for (size_t i = 1; i < places_.size() && static_cast<int64_t>(i) < batches; ++i)
      others.emplace_back([&, i] { work(*places_[i]); });
  } catch (const std::exception&) {  // the system has no more threads now: those that there are do all
  }
  work(*places_[0]);
  for (std::thread& other : others) other.join();
  order.rethrow();
}

}  // namespace upconv::datasets
