#include "datasets/shards.h"

#include <algorithm>

#include "datasets/asked.h"
#include "datasets/digest.h"
#include "datasets/tar.h"
#include "framework/fail.h"
#include "framework/version.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"

namespace upconv::datasets {

using namespace internal;
using Json = nlohmann::ordered_json;

namespace {

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string key_of(int64_t index) { return fmt::format("{:09}", index); }

Shards::Shards(Job job, Painter& painter) : job_(std::move(job)), painter_(painter) {
  const std::vector<Type>& types = painter.program().inputs();
  bool fits = types.size() == job_.inputs.size();
  for (size_t i = 0; fits && i < types.size(); ++i) {
    Type expected = job_.inputs[i]->type();
    expected.shape.at(0) = painter.batch();
    fits = types[i] == expected;
  }
  if (!fits) fail("expected a network of other inputs: of these {} were compiled", types.size());
  const Machine machine = machine_of(painter.program());
  common_ = {{"network", job_.network},
             {"weights", job_.weights},
             {"upconv", UPCONV_VERSION},
             {"isa", machine.isa},
             {"algorithms", machine.algorithms}};
  // What is as it mostly is needs no word.
  if (job_.encoding.format == Format::jpeg) common_["quality"] = job_.encoding.quality;
  if (job_.encoding.format != Format::npy && job_.encoding.value_range != Encoding().value_range)
    common_["value_range"] = job_.encoding.value_range;
  common_.update(asked_of(painter.options()));
  common_text_ = dumped(common_);
}

/// What is said of a picture beside it: first what is its own, then what all have in common.
std::string Shards::about(int64_t index) const {
  Json own = {{"index", index}};
  for (const auto& input : job_.inputs) input->describe(index, own);
  std::string text = dumped(own);
  text.back() = ',';
  return text.append(common_text_, 1);
}

/// The files of a batch's pictures.
std::string Shards::members(int64_t first, int64_t rows, const Tensor& pictures) const {
  std::string archive;
  // About as many bytes as the first has, or a string that grows is copied over and over.
  for (int64_t row = 0; row < rows; ++row) {
    const std::string key = key_of(first + row);
    append_member(archive, fmt::format("{}.{}", key, name(job_.encoding.format)),
                  [&](std::string& to) { append_encoded(to, pictures, row, job_.encoding); });
    append_member(archive, key + ".json", about(first + row));
    if (row == 0) archive.reserve(archive.size() * static_cast<size_t>(rows) * 5 / 4);
  }
  return archive;
}

/// Throws Error where `text`, of a shard, says something else of a picture than would be said here.
void Shards::expect_same(const std::string& file, std::string_view text, int64_t index) const {
  const Json found = Json::parse(text, nullptr, false), expected = Json::parse(about(index));
  if (!found.is_object()) fail("{}: is no shard that upconv wrote: remove it, or give another --out", file);
  Json keys = expected;
  keys.update(found);
  for (const auto& [key, either] : keys.items()) {
    if (!job_.is_pinned && (key == "isa" || key == "algorithms")) continue;
    const Json other = found.value(key, Json()), value = expected.value(key, Json());
    if (other != value)
      fail("{}: holds other pictures, of {} {} in the place of {}: remove it, or give another name", file,
           printable(key), dumped(other), dumped(value));
  }
}

bool Shards::is_there(int64_t shard) const {
  const std::string file = job_.names.name(shard);
  remove_left_behind(file);
  remove_left_behind(record_path(file));
  std::error_code missing;
  if (const auto bytes = std::filesystem::file_size(file, missing); missing || bytes == 0) return false;
  const Range pictures = range(shard);
  const MappedFile mapped = map_file(file);
  if (pictures.count == 0) return text_of(mapped.bytes) == end_of_archive();
  const std::optional<Member> last = last_member(mapped.bytes);
  if (!last) return false;
  TarReader reader(mapped.bytes, file);
  const std::optional<Member> picture = reader.next(), first = reader.next();
  if (!picture || !first) fail("{}: is no shard that upconv wrote: remove it, or give another name", file);
  expect_same(file, text_of(first->content), pictures.first);
  expect_same(file, text_of(last->content), pictures.first + pictures.count - 1);
  if (const auto expected = fmt::format("{}.{}", key_of(pictures.first), name(job_.encoding.format));
      picture->name != expected)
    fail("{}: holds other pictures, {} in the place of {}: remove it, or give another name", file,
         printable(picture->name), expected);
  return true;
}

Shards::Painted Shards::paint(int64_t shard, const std::function<void(int64_t pictures)>& progress) const {
  const std::string name = job_.names.name(shard);
  const Range pictures = range(shard);
  Painted painted{std::make_unique<TemporaryFile>(name, TemporaryFile::Options{.streamed = true}),
                  {.file = name,
                   .shard = shard,
                   .first = pictures.first,
                   .count = pictures.count,
                   .bytes = 0,
                   .sha256 = "",
                   .machine = machine_of(painter_.program())}};
  Sha256 digest;
  const auto write = [&](std::string_view bytes) {
    digest.add(bytes.data(), bytes.size());
    painted.file->write(bytes.data(), bytes.size());
    painted.record.bytes += bytes.size();
  };
  painter_.paint(
      pictures.first, pictures.count,
      [&](int64_t first, int64_t rows, std::vector<Tensor>& batch) {
        for (size_t i = 0; i < batch.size(); ++i) job_.inputs[i]->fill(first, rows, batch[i]);
      },
      [&](int64_t first, int64_t rows, const Tensor& batch) { return members(first, rows, batch); },
      [&](int64_t rows, std::string_view bytes) {
        write(bytes);
        if (progress) progress(rows);
      });
  write(end_of_archive());
  painted.record.sha256 = digest.hex();
  return painted;
}

void Shards::commit(Painted painted) {
  // The record first: a shard that has its name has its record too.
  TemporaryFile record(record_path(painted.record.file));
  const std::string text = str(painted.record);
  record.write(text.data(), text.size());
  record.commit();
  painted.file->commit();
}

ShardRecord Shards::record(int64_t shard) const {
  const Range pictures = range(shard);
  return record_of(job_.names.name(shard), shard, pictures.first, pictures.count);
}

Manifest Shards::manifest(const std::vector<int64_t>& shards) const {
  Manifest manifest{.upconv = UPCONV_VERSION,
                    .network = job_.network,
                    .weights = job_.weights,
                    .format = std::string(name(job_.encoding.format)),
                    .seed = job_.seed,
                    .quality = job_.encoding.quality,
                    .value_range = job_.encoding.value_range,
                    .asked = asked_of(painter_.options()),
                    .names = job_.names.pattern(),
                    .all = job_.shards,
                    .shards = {}};
  for (const int64_t shard : shards) manifest.shards.push_back(record(shard));
  return manifest;
}

}  // namespace upconv::datasets
