#include "datasets/record.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "datasets/digest.h"
#include "datasets/tar.h"
#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/temporary_file.h"

namespace upconv::datasets {

using namespace internal;
using Json = nlohmann::ordered_json;

namespace {

std::string processor_name() {
  std::ifstream about("/proc/cpuinfo");
  for (std::string line; std::getline(about, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json json_of(const ShardRecord& record) {
  return {{"file", record.file},
          {"shard", record.shard},
          {"first", record.first},
          {"count", record.count},
          {"bytes", record.bytes},
          {"sha256", record.sha256},
          {"processor", record.machine.processor},
          {"isa", record.machine.isa},
          {"algorithms", record.machine.algorithms}};
}

/// Throws nlohmann's exceptions.
ShardRecord record_in(const Json& json) {
  return {.file = json.at("file"),
          .shard = json.at("shard"),
          .first = json.at("first"),
          .count = json.at("count"),
          .bytes = json.at("bytes"),
          .sha256 = json.at("sha256"),
          .machine = {json.at("processor"), json.at("isa"), json.at("algorithms")}};
}

std::string text_in(const std::filesystem::path& path) {
  const MappedFile file = map_file(path);
  return std::string(text_of(file.bytes));
}

/// What the first picture's own words say of how it was painted.
Machine machine_in(std::span<const std::byte> archive, const std::string& name) {
  TarReader reader(archive, name);
  Machine machine{"unknown", "unknown", {}};
  while (const std::optional<Member> member = reader.next()) {
    if (!member->name.ends_with(".json")) continue;
    const Json about = Json::parse(text_of(member->content), nullptr, false);
    if (about.is_object() && about.contains("isa") && about.contains("algorithms")) {
      machine.isa = about["isa"];
      machine.algorithms = about["algorithms"];
    }
    break;
  }
  return machine;
}

}  // namespace

Machine machine_of(const Program& program) {
  Machine machine{processor_name(), std::string(name(program.isa())), {}};
  for (const StepInfo& step : program.steps())
    if (!step.candidates.empty())
      machine.algorithms.push_back(step.algorithm + (step.precision == Precision::bfloat16 ? ", bfloat16" : ""));
  return machine;
}

std::filesystem::path record_path(const std::filesystem::path& shard) { return shard.string() + ".json"; }

std::string str(const ShardRecord& record) { return dumped(json_of(record), -1) + "\n"; }

ShardRecord record_of(const std::filesystem::path& shard, int64_t number, int64_t first, int64_t count) {
  const std::filesystem::path beside = record_path(shard);
  const MappedFile file = map_file(shard);
  const uint64_t bytes = file.bytes.size();
  if (std::filesystem::exists(beside)) try {
      const ShardRecord record = record_in(Json::parse(text_in(beside)));
      if (record.bytes == bytes && record.shard == number && record.first == first && record.count == count)
        return record;
    } catch (const std::exception&) {  // no record: another one is made
    }
  return {.file = shard.string(),
          .shard = number,
          .first = first,
          .count = count,
          .bytes = bytes,
          .sha256 = sha256_of(shard),
          .machine = machine_in(file.bytes, shard.string())};
}

std::string sha256_of(const std::filesystem::path& path) {
  const MappedFile file = map_file(path);
  Sha256 digest;
  digest.add(file.bytes.data(), file.bytes.size());
  return digest.hex();
}

std::string sha256_of(const AnyModule& module) {
  Sha256 digest;
  for (const auto& [key, stored] : module.state_dict()) {
    const Tensor values = stored.to_tensor();
    const std::string head = fmt::format("{} {} {}\n", key, name(values.dtype()), upconv::str(values.shape()));
    digest.add(head.data(), head.size());
    digest.add(values.bytes(), static_cast<size_t>(values.numel()) * size_of(values.dtype()));
  }
  return digest.hex();
}

std::vector<Manifest::Group> Manifest::groups() const {
  std::vector<Group> all;
  for (const ShardRecord& record : shards) {
    const Machine machine{"", record.machine.isa, record.machine.algorithms};
    auto group = std::find_if(all.begin(), all.end(), [&](const Group& one) { return one.machine == machine; });
    if (group == all.end()) group = all.insert(all.end(), {machine, {}, {}});
    auto& processors = group->processors;
    if (std::find(processors.begin(), processors.end(), record.machine.processor) == processors.end())
      processors.push_back(record.machine.processor);
    group->shards.push_back(record.shard);
  }
  return all;
}

void write_manifest(const std::filesystem::path& path, const Manifest& manifest) {
  Json json = {{"upconv", manifest.upconv}, {"network", manifest.network},   {"weights", manifest.weights},
               {"format", manifest.format}, {"quality", manifest.quality},   {"value_range", manifest.value_range},
               {"names", manifest.names},   {"shards_in_all", manifest.all}, {"seed", nullptr},
               {"agreed", nullptr},         {"groups", Json::array()},       {"shards", Json::array()}};
  if (manifest.seed) json["seed"] = *manifest.seed;
  if (!manifest.asked.empty()) json["asked"] = manifest.asked;
  const std::vector<Manifest::Group> groups = manifest.groups();
  json["agreed"] = groups.size() <= 1;
  for (const Manifest::Group& group : groups)
    json["groups"].push_back({{"isa", group.machine.isa},
                              {"algorithms", group.machine.algorithms},
                              {"processors", group.processors},
                              {"shards", group.shards}});
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  for (const ShardRecord& record : manifest.shards) {
    Json one = json_of(record);
    one["file"] =
        std::filesystem::absolute(record.file).lexically_normal().lexically_relative(folder.lexically_normal());
    json["shards"].push_back(one);
  }
  TemporaryFile file(path);
  const std::string text = dumped(json, 1) + "\n";
  file.write(text.data(), text.size());
  file.commit();
}

Manifest read_manifest(const std::filesystem::path& path) {
  try {
    const Json json = Json::parse(text_in(path));
    Manifest manifest{.upconv = json.at("upconv"),
                      .network = json.at("network"),
                      .weights = json.at("weights"),
                      .format = json.at("format"),
                      .seed = {},
                      .quality = json.at("quality"),
                      .value_range = json.at("value_range"),
                      .asked = json.value("asked", Json::object()),
                      .names = json.at("names"),
                      .all = json.at("shards_in_all"),
                      .shards = {}};
    if (!json.at("seed").is_null()) manifest.seed = json.at("seed").get<uint64_t>();
    for (const Json& one : json.at("shards")) {
      ShardRecord record = record_in(one);
      record.file = (path.parent_path() / record.file).string();
      manifest.shards.push_back(std::move(record));
    }
    return manifest;
  } catch (const Json::exception& error) {
    const std::string_view what = error.what();  // behind the library's own number in brackets
    fail("{}: expected a manifest that upconv wrote: {}", path.string(), what.substr(what.find("] ") + 2));
  }
}

}  // namespace upconv::datasets
