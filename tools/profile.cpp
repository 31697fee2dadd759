#include "tools/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "tools/table.h"
#include "tools/timing.h"

namespace upconv::tools {

using namespace internal;

namespace {

using Json = nlohmann::ordered_json;

/// How much of the threads' time during a step went into its tiles.
double busy(const Profile& profile, size_t step, int threads) {
  double sum = 0;
  for (const Profile::Tile& tile : profile.tiles)
    if (tile.step == step) sum += tile.end - tile.begin;
  return sum / profile.steps[step] / threads;
}

size_t tiles_of(const Profile& profile, size_t step) {
  return static_cast<size_t>(std::count_if(profile.tiles.begin(), profile.tiles.end(),
                                           [&](const Profile::Tile& tile) { return tile.step == step; }));
}

/// The median over the profiles of f(profile).
template <class F>
double median_of(const std::vector<Profile>& profiles, F f) {
  std::vector<double> values;
  for (const Profile& profile : profiles) values.push_back(f(profile));
  return median(values);
}

std::string title(const StepInfo& step) {
  return step.path.empty() ? step.operation : fmt::format("{} {}", step.path, step.operation);
}

/// The rows of a trace: the steps, then the threads.
constexpr int steps_row = 0, first_thread_row = 1;

Json row_name(int row, const std::string& name) {
  return {{"ph", "M"}, {"name", "thread_name"}, {"pid", 1}, {"tid", row}, {"args", {{"name", name}}}};
}

/// From `begin` to `end`, in seconds; trace events count microseconds.
Json slice(const std::string& name, const char* category, int row, double begin, double end, Json args) {
  return {{"ph", "X"},
          {"name", name},
          {"cat", category},
          {"pid", 1},
          {"tid", row},
          {"ts", begin * 1e6},
          {"dur", (end - begin) * 1e6},
          {"args", std::move(args)}};
}

/// Which layers take turns on parts of the batch.
void print_portions(const Json& layers) {
  const auto portions = [](const Json& layer) { return layer["portions"].get<int64_t>(); };
  for (auto first = layers.begin(); first != layers.end();) {
    const auto next =
        std::find_if(first, layers.end(), [&](const Json& layer) { return portions(layer) != portions(*first); });
    if (const int64_t count = portions(*first); count > 1)
      fmt::print("\n{} to {} take turns on {} images of {} at a time\n", (*first)["path"].get<std::string>(),
                 (*(next - 1))["path"].get<std::string>(), (*first)["shape"][0].get<int64_t>() / count,
                 (*first)["shape"][0].get<int64_t>());
    first = next;
  }
}

}  // namespace

Json step_profile(const StepInfo& info, size_t step, const std::vector<Profile>& profiles, int threads, Roof& roof) {
  const double seconds = median_of(profiles, [&](const Profile& profile) { return profile.steps[step]; });
  const double least = roof.seconds(info.flops, info.bytes);
  return {{"share", median_of(profiles, [&](const Profile& profile) { return profile.steps[step] / profile.seconds; })},
          {"bytes", info.bytes},
          {"gbytes_per_s", static_cast<double>(info.bytes) / seconds / 1e9},
          {"roof_ms", least * 1e3},
          {"of_roof", least / seconds},
          {"bound", info.flops / roof.flops() < least ? "memory" : "arithmetic"},
          {"tiles", tiles_of(profiles.front(), step)},
          {"busy", median_of(profiles, [&](const Profile& profile) { return busy(profile, step, threads); })}};
}

std::string algorithm_text(const Json& layer) {
  const std::string algorithm = layer["algorithm"], precision = layer["precision"];
  if (precision == name(Precision::float32)) return algorithm;
  const bool stored = layer["stored"] == name(DType::bfloat16);
  return algorithm + ", " + precision + (stored ? " stored" : "");
}

void print_profile(const Json& report) {
  Table table({{"layer"},
               {"operation"},
               {"algorithm"},
               {"output"},
               {"ms", true},
               {"%", true},
               {"GFLOP/s", true},
               {"MB", true},
               {"% of roof", true},
               {"roof"},
               {"tiles", true},
               {"% busy", true}});
  for (const Json& layer : report["layers"]) {
    const double gflops = layer["gflops"];
    const auto percent = [&](const char* key) { return fmt::format("{:.0f}", 100 * layer[key].get<double>()); };
    table.add({layer["path"], layer["operation"], algorithm_text(layer), str(layer["shape"].get<Shape>()),
               fmt::format("{:.3f}", layer["ms"].get<double>()), percent("share"),
               gflops > 0 ? fmt::format("{:.1f}", gflops) : "",
               fmt::format("{:.2f}", layer["bytes"].get<double>() / 1e6), percent("of_roof"), layer["bound"],
               std::to_string(layer["tiles"].get<size_t>()), percent("busy")});
  }
  table.print();
  print_portions(report["layers"]);
  fmt::print("\nthe roof: {:.1f} GFLOP/s of multiply-adds in registers, {:.1f} GB/s of reading what a run moves\n",
             report["peak_gflops"].get<double>(), report["bandwidth_gbytes_per_s"].get<double>());
}

void write_trace(Output& output, const Program& program, const Profile& profile) {
  const std::vector<StepInfo> steps = program.steps();
  Json events = Json::array();
  events.push_back(row_name(steps_row, "steps"));
  for (int worker = 0; worker < program.threads(); ++worker)
    events.push_back(row_name(first_thread_row + worker, worker == 0 ? "caller" : fmt::format("worker {}", worker)));

  double end = 0;
  for (auto tile = profile.tiles.begin(); tile != profile.tiles.end();) {
    // Steps that compute a batch in portions come again and again.
    const size_t step = tile->step;
    const auto next =
        std::find_if(tile, profile.tiles.end(), [&](const Profile::Tile& one) { return one.step != step; });
    const double begin = end;
    for (auto one = tile; one != next; ++one) end = std::max(end, one->end);
    events.push_back(
        slice(title(steps[step]), "step", steps_row, begin, end,
              {{"algorithm", steps[step].algorithm},
               {"precision", name(steps[step].precision)},
               {"stored", name(steps[step].stored)},
               {"output", str(steps[step].shape)},
               {"gflops", steps[step].flops / static_cast<double>(steps[step].portions) / (end - begin) / 1e9},
               {"bytes", steps[step].bytes}}));
    std::vector<double> last(static_cast<size_t>(program.threads()), begin);  // of each thread's tiles
    for (; tile != next; ++tile) {
      events.push_back(slice(title(steps[step]), "tile", first_thread_row + tile->worker, tile->begin, tile->end,
                             {{"tile", tile->tile}, {"algorithm", steps[step].algorithm}}));
      double& worked = last[static_cast<size_t>(tile->worker)];
      worked = std::max(worked, tile->end);
    }
    for (int worker = 0; worker < program.threads(); ++worker)
      if (const double from = last[static_cast<size_t>(worker)]; from < end)
        events.push_back(slice("wait", "wait", first_thread_row + worker, from, end, Json::object()));
  }
  const std::string text = Json{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
  output.write(text.data(), text.size());
  output.commit();
}

}  // namespace upconv::tools
