#include "tools/roof.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <numeric>
#include <thread>

#include "tools/timing.h"

namespace upconv::tools {
namespace {

/// Where threads that measure together wait for each other: each says that it is ready, the caller how many there are.
struct Start {
  std::atomic<int> ready = 0;
  std::atomic<int> expected = 0;  ///< 0 until it is known

  void wait() {
    ++ready;
    for (int all = expected; all == 0 || ready < all; all = expected) std::this_thread::yield();
  }
};

/// Bytes a second of one thread among those that read at the same time.
double read_rate(const Reading& reading, size_t bytes, Start& start) noexcept {
  constexpr double least = 5e-3;                            // seconds
  [[maybe_unused]] const void* volatile found = reading();  // brings it into the caches
  start.wait();
  const auto begin = std::chrono::steady_clock::now();
  double passes = 0, seconds = 0;
  do {
    found = reading();
    ++passes;
    seconds = seconds_since(begin);
  } while (seconds < least);
  return passes * static_cast<double>(bytes) / seconds;
}

/// Of all threads, each with its own part: of as many as can be made. All memory is taken before the first begins, so
/// that nothing is thrown while one runs.
double measure_bandwidth(size_t bytes, int threads) {
  const size_t part = bytes / static_cast<size_t>(threads);
  std::vector<Reading> readings;
  for (int i = 0; i < threads; ++i) readings.emplace_back(part);
  std::vector<double> rates(readings.size(), 0);
  std::vector<std::thread> others;
  others.reserve(readings.size());
  Start start;
  try {
    for (size_t i = 1; i < readings.size(); ++i)
      others.emplace_back([&, i] { rates[i] = read_rate(readings[i], part, start); });
  } catch (const std::exception&) {  // std::system_error, or no memory for it
  }
  start.expected = static_cast<int>(others.size()) + 1;
  rates[0] = read_rate(readings[0], part, start);
  for (std::thread& other : others) other.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

}  // namespace

Roof::Roof(const Program& program) : table_(kernels::table(program.isa())), threads_(program.threads()) {
  for (const StepInfo& step : program.steps()) run_bytes_ += step.bytes;
}

void Roof::sample() { samples_.add(peak_sample(table_)); }

double Roof::flops() const { return median(samples_.kept()) * threads_; }

double Roof::bandwidth() {
  constexpr size_t least = 1 << 16, most = 1 << 28;  // beyond that no cache helps
  if (bandwidth_ == 0) bandwidth_ = measure_bandwidth(std::clamp(run_bytes_, least, most), threads_);
  return bandwidth_;
}

double Roof::seconds(double flops, size_t bytes) {
  return std::max(flops / this->flops(), static_cast<double>(bytes) / bandwidth());
}

}  // namespace upconv::tools
