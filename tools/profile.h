#pragma once
// A network's runs step by step and tile by tile: bench --profile, bench --trace.
#include <upconv/upconv.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "framework/weights/temporary_file.h"
#include "tools/roof.h"

namespace upconv::tools {

/// What bench --profile adds to the report of one step, from profiles of the same program.
nlohmann::ordered_json step_profile(const StepInfo& info, size_t step, const std::vector<Profile>& profiles,
                                    int threads, Roof& roof);

/// How a layer of a report computes: "direct", or "direct, bfloat16", or, where its output lies in memory so too,
/// "direct, bfloat16 stored".
std::string algorithm_text(const nlohmann::ordered_json& layer);

/// The table of reports that have it.
void print_profile(const nlohmann::ordered_json& report);

/// Writes one run as trace events, which chrome://tracing and ui.perfetto.dev open: a row for the steps and one for
/// each thread, in which every tile is a slice, and so is the wait from a thread's last tile to the end of a step.
void write_trace(internal::Output& output, const Program& program, const Profile& profile);

}  // namespace upconv::tools
