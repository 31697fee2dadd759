#include "framework/weights/shards.h"

#include <algorithm>
#include <string_view>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/readers.h"

namespace upconv::internal {
namespace {

constexpr size_t max_index_bytes = 100'000'000;  // as much as the header of a safetensors file

/// Reads weight_map and passes over everything else.
class IndexReader final : public JsonReceiver {
 public:
  explicit IndexReader(const std::string& file) : file_(file) {}

  std::vector<std::pair<std::string, std::string>> weight_map;
  bool has_map = false;

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number"); }
  bool binary(binary_t&) override { return other("binary"); }
  bool string(string_t& value) override;
  bool start_object(size_t) override;
  bool key(string_t& name) override;
  bool end_object() override { return leave(); }
  bool start_array(size_t) override;
  bool end_array() override { return leave(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    refuse_json(position, error, file_ + ": the index");
  }

 private:
  bool other(std::string_view what) const;
  bool leave();

  const std::string& file_;
  size_t depth_ = 0;     // objects and arrays around what is read
  bool in_map_ = false;  // whether weight_map is the second of them
  std::string key_;      // the one read last
};

/// Something that is neither the map nor one of its strings: fine outside of it.
bool IndexReader::other(std::string_view what) const {
  if (in_map_) fail("{}: weight_map: {}: expected the name of a file, got {}", file_, shown(key_), what);
  if (depth_ == 1 && key_ == "weight_map") fail("{}: weight_map: expected an object, got {}", file_, what);
  return true;
}

bool IndexReader::string(string_t& value) {
  if (!in_map_) return other("a string");
  if (weight_map.size() == max_tensors) fail("{}: expected at most {} tensors, got more", file_, max_tensors);
  weight_map.emplace_back(std::move(key_), std::move(value));
  return true;
}

bool IndexReader::start_object(size_t) {
  if (depth_ == 1 && key_ == "weight_map") {
    if (std::exchange(has_map, true)) fail("{}: weight_map occurs twice", file_);
    in_map_ = true;
  } else {
    other("an object");
  }
  ++depth_;
  return true;
}

bool IndexReader::start_array(size_t) {
  other("an array");
  ++depth_;
  return true;
}

bool IndexReader::key(string_t& name) {
  if (depth_ == 1 || in_map_) key_ = std::move(name);
  return true;
}

bool IndexReader::leave() {
  in_map_ = false;
  --depth_;
  return true;
}

/// A plain name: what leads out of the index's folder, or deeper into it, is none.
void check_file_name(const std::string& tensor, const std::string& shard, const std::string& file) {
  const bool is_plain = !shard.empty() && shard != "." && shard != ".." && shard.find('/') == shard.npos &&
                        shard.find('\\') == shard.npos && shard.find('\0') == shard.npos;
  if (!is_plain)
    fail("{}: weight_map: {}: expected the name of a file beside the index, got {}", file, shown(tensor), shown(shard));
}

StateDict read_shard(const std::filesystem::path& path, const std::string& index, const LoadOptions& options) {
  try {
    MappedFile mapped = map_file(path);
    return load_state_dict(mapped.bytes, path.string(), std::move(mapped.owner), {.lenient = options.lenient});
  } catch (const Error& error) {
    fail("{}: {}", index, error.what());
  }
}

}  // namespace

bool looks_like_shard_index(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes[0] == std::byte{'{'} && !looks_like_safetensors(bytes);
}

StateDict read_shards(std::span<const std::byte> index, const std::filesystem::path& path, const LoadOptions& options) {
  const std::string file = path.string();
  if (index.size() > max_index_bytes)
    fail("{}: expected an index of at most {} bytes, got {}", file, max_index_bytes, index.size());
  IndexReader reader(file);
  parse_json(text_of(index), reader, file + ": the index");
  if (!reader.has_map) fail("{}: the index has no weight_map", file);

  std::map<std::string, StateDict> shards;
  StateDict weights;
  for (auto& [tensor, shard] : reader.weight_map) {
    check_file_name(tensor, shard, file);
    const std::filesystem::path where = path.parent_path() / shard;
    auto found = shards.find(shard);
    if (found == shards.end()) {
      found = shards.emplace(shard, read_shard(where, file, options)).first;
      weights.metadata.insert(found->second.metadata.begin(), found->second.metadata.end());
    }
    const Stored* stored = found->second.find(tensor);
    if (stored == nullptr)
      fail("{}: tensor {} is not in {}, where the index says it is", file, shown(tensor), where.string());
    if (weights.find(tensor) != nullptr) fail("{}: weight_map: {} occurs twice", file, shown(tensor));
    weights.add(tensor, *stored);
  }
  for (const auto& [shard, held] : shards)
    for (const auto& [tensor, stored] : held) {
      if (held.is_alias(tensor)) {
        if (weights.find(tensor) == nullptr) weights.add_alias(tensor, stored);
        continue;
      }
      const Stored* named = weights.find(tensor);
      if (named == nullptr || named->bytes.data() != stored.bytes.data())
        fail("{}: tensor {} is in {} too, where the index does not say it is", file, shown(tensor), shard);
    }
  return weights;
}

}  // namespace upconv::internal
