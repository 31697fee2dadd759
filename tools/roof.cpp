#include "tools/roof.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "tools/timing.h"

namespace upconv::tools {
namespace {

/// Bytes a second of one thread among `threads` that read at the same time.
double read_rate(size_t bytes, int threads, std::atomic<int>& ready) {
  constexpr double least = 5e-3;  // seconds
  const Reading reading(bytes);
  [[maybe_unused]] const void* volatile found = reading();  // brings it into the caches
  ++ready;
  while (ready < threads) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  double passes = 0, seconds = 0;
  do {
    found = reading();
    ++passes;
    seconds = seconds_since(start);
  } while (seconds < least);
  return passes * static_cast<double>(bytes) / seconds;
}

/// Of all threads, each with its own part.
double measure_bandwidth(size_t bytes, int threads) {
  std::vector<double> rates(static_cast<size_t>(threads));
  std::vector<std::thread> others;
  std::atomic<int> ready = 0;
  for (double& rate : rates)
    others.emplace_back([&, part = bytes / rates.size()] { rate = read_rate(part, threads, ready); });
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

}  // namespace

Roof::Roof(const Program& program) : table_(kernels::table(program.isa())), threads_(program.threads()) {
  for (const StepInfo& step : program.steps()) run_bytes_ += step.bytes;
}

void Roof::sample() { samples_.push_back(peak_sample(table_)); }

double Roof::flops() const { return median(samples_) * threads_; }

double Roof::bandwidth() {
  constexpr size_t least = 1 << 16, most = 1 << 28;  // beyond that no cache helps
  if (bandwidth_ == 0) bandwidth_ = measure_bandwidth(std::clamp(run_bytes_, least, most), threads_);
  return bandwidth_;
}

double Roof::seconds(double flops, size_t bytes) {
  return std::max(flops / this->flops(), static_cast<double>(bytes) / bandwidth());
}

}  // namespace upconv::tools
