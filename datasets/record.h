#pragma once
// What is known of a shard beside its pictures, and of all of them: fake-00007.tar.json and the manifest.
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "framework/module.h"
#include "framework/program.h"

namespace upconv::datasets {

/// How one machine paints: what pictures' last bits depend on.
struct Machine {
  std::string processor;  ///< as the system calls it; "unknown" where nobody wrote it down
  std::string isa;
  std::vector<std::string> algorithms;  ///< of the layers that have a choice, in their order

  bool operator==(const Machine&) const = default;
};
/// This machine, with that program.
Machine machine_of(const Program& program);

/// One shard.
struct ShardRecord {
  std::string file;
  int64_t shard = 0, first = 0, count = 0;
  uint64_t bytes = 0;
  std::string sha256;
  Machine machine;
};

/// "fake-00007.tar.json" of "fake-00007.tar", where the record lies.
std::filesystem::path record_path(const std::filesystem::path& shard);
std::string str(const ShardRecord& record);
/// The record of a shard that is there: as it was written beside it, or made again of the shard where that is missing
/// or of another file.
ShardRecord record_of(const std::filesystem::path& shard, int64_t number, int64_t first, int64_t count);

/// SHA-256 of a file.
std::string sha256_of(const std::filesystem::path& file);
/// SHA-256 of a network's parameters and buffers: of their names, shapes and values, whatever file they came from.
std::string sha256_of(const AnyModule& module);

/// What all shards have in common.
struct Manifest {
  std::string upconv, network, weights, format;
  std::optional<uint64_t> seed;  ///< of the latents, where there are any
  int quality = 0;               ///< of JPEG
  std::pair<double, double> value_range = {-1, 1};
  nlohmann::ordered_json asked = nlohmann::ordered_json::object();  ///< asked_of() their options
  std::string names;                                                ///< the pattern of the shards' names
  int64_t all = 0;  ///< how many shards there are, of which these may be a part
  std::vector<ShardRecord> shards;

  /// The shards of each instruction set and choice of algorithms with the processors that took them: more than one
  /// where processors disagreed, so that the last bits of their pictures may differ.
  struct Group {
    Machine machine;  ///< without the processor
    std::vector<std::string> processors;
    std::vector<int64_t> shards;
  };
  [[nodiscard]] std::vector<Group> groups() const;
};

/// Writes it as JSON; the names of files become relative to where it lies.
void write_manifest(const std::filesystem::path& path, const Manifest& manifest);
/// Throws Error where the file is no manifest. The names of files are as whoever asks finds them.
Manifest read_manifest(const std::filesystem::path& path);

}  // namespace upconv::datasets
