#include "datasets/verify.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "datasets/tar.h"
#include "framework/fail.h"
#include "framework/philox.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"

namespace upconv::datasets {

using namespace internal;
using Json = nlohmann::ordered_json;

namespace {

/// A picture as the shard has it.
struct Kept {
  int64_t index;
  std::span<const std::byte> file;
  std::optional<int64_t> label;
};

/// Which pictures of a shard are painted again: the same ones each time, so that whoever is in doubt may ask again.
std::vector<int64_t> sampled(const ShardRecord& record, double sample) {
  const auto wanted = static_cast<int64_t>(std::ceil(sample * static_cast<double>(record.count)));
  std::vector<std::pair<uint32_t, int64_t>> all;
  for (int64_t i = record.first; i < record.first + record.count; ++i) {
    const auto number = static_cast<uint64_t>(i);
    const auto words =
        philox4x32_10({static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), 0, 0}, {1, 0});
    all.emplace_back(words[0], i);
  }
  std::sort(all.begin(), all.end());
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < std::min(wanted, record.count); ++i) chosen.push_back(all[static_cast<size_t>(i)].second);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// The pictures of these indices, in their order. Throws Error where one is missing.
std::vector<Kept> kept(std::span<const std::byte> archive, const ShardRecord& record, const std::string& format,
                       const std::vector<int64_t>& indices) {
  std::vector<Kept> found;
  TarReader reader(archive, record.file);
  while (found.size() < indices.size()) {
    const int64_t index = indices[found.size()];
    const std::string key = key_of(index);
    std::optional<Member> picture = reader.next();
    while (picture && picture->name != key + "." + format) picture = reader.next();
    const std::optional<Member> about = picture ? reader.next() : std::nullopt;
    if (!about || about->name != key + ".json") fail("{}: has no picture {}", record.file, index);
    const Json json = Json::parse(text_of(about->content), nullptr, false);
    std::optional<int64_t> label;
    if (json.is_object() && json.contains("label") && json["label"].is_number_integer()) label = json["label"];
    found.push_back({index, picture->content, label});
  }
  return found;
}

/// Whether a shard's first and last pictures are those that the record says.
bool has_these(std::span<const std::byte> archive, const ShardRecord& record) {
  if (record.count == 0) return text_of(archive) == end_of_archive();
  const std::optional<Member> last = last_member(archive);
  TarReader reader(archive, record.file);
  const std::optional<Member> picture = last ? reader.next() : std::nullopt;
  return record.count > 0 && picture && picture->name.starts_with(key_of(record.first) + ".") &&
         last->name == key_of(record.first + record.count - 1) + ".json";
}

std::string difference(const ShardRecord& record, const Kept& picture, const Machine& here) {
  std::string text = fmt::format("{}: picture {} is painted otherwise here", record.file, picture.index);
  if (record.machine.isa != here.isa)
    text += fmt::format(", with {} in the place of {}", here.isa, record.machine.isa);
  else if (record.machine.algorithms != here.algorithms)
    text += ", with other algorithms";
  if (record.machine.processor != here.processor)
    text += fmt::format(", on {} in the place of {}", here.processor, record.machine.processor);
  return text;
}

/// Paints those pictures again and compares.
void compare(const ShardRecord& record, const std::vector<Kept>& pictures, const Again& again, const Machine& here,
             Verified& result) {
  const auto fill = [&](int64_t first, int64_t rows, std::vector<Tensor>& batch) {
    for (int64_t row = 0; row < rows; ++row) {
      const Kept& picture = pictures[static_cast<size_t>(first + row)];
      for (size_t i = 0; i < batch.size(); ++i) {
        if (i > 0) {
          if (!picture.label) fail("{}: picture {} has no label", record.file, picture.index);
          batch[i].indices()[row] = *picture.label;
          continue;
        }
        Tensor one(again.inputs[i]->type().shape);
        again.inputs[i]->fill(picture.index, 1, one);
        std::copy_n(one.data(), one.numel(), batch[i].data() + row * one.numel());
      }
    }
  };
  std::vector<char> differs(pictures.size());
  const auto finish = [&](int64_t first, int64_t rows, const Tensor& batch) {
    for (int64_t row = 0; row < rows; ++row) {
      const auto at = static_cast<size_t>(first + row);
      differs[at] = encode(batch, row, again.encoding) != text_of(pictures[at].file);
    }
    return std::string();
  };
  again.painter.paint(0, static_cast<int64_t>(pictures.size()), fill, finish, [](int64_t, std::string_view) {});
  for (size_t i = 0; i < pictures.size(); ++i)
    if (differs[i]) result.wrong.push_back(difference(record, pictures[i], here));
  result.painted += static_cast<int64_t>(pictures.size());
}

}  // namespace

Verified verify(const Manifest& manifest, double sample, const Again& again,
                const std::function<void(int64_t shards)>& progress) {
  Verified result;
  const Machine here = machine_of(again.painter.program());
  for (const ShardRecord& record : manifest.shards) {
    ++result.shards;
    result.pictures += record.count;
    progress(1);
    std::error_code missing;
    const uint64_t bytes = std::filesystem::file_size(record.file, missing);
    if (missing) {
      result.wrong.push_back(fmt::format("{}: is not there", record.file));
    } else if (bytes != record.bytes || sha256_of(std::filesystem::path(record.file)) != record.sha256) {
      result.wrong.push_back(fmt::format("{}: is not the file that was written", record.file));
    } else if (const MappedFile file = map_file(record.file); !has_these(file.bytes, record)) {
      result.wrong.push_back(
          fmt::format("{}: has not {} pictures from {} on", record.file, record.count, record.first));
    } else if (record.count > 0) {
      compare(record, kept(file.bytes, record, manifest.format, sampled(record, sample)), again, here, result);
    }
  }
  return result;
}

}  // namespace upconv::datasets
