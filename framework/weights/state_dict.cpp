#include "framework/weights/state_dict.h"

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/names.h"
#include "framework/weights/npz.h"
#include "framework/weights/packed_cache.h"
#include "framework/weights/pt2.h"
#include "framework/weights/pytorch.h"
#include "framework/weights/readers.h"
#include "framework/weights/refusals.h"
#include "framework/weights/shards.h"
#include "framework/weights/zip.h"

namespace upconv {

using namespace internal;

namespace {

StateDict read_zip(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner) {
  const ZipArchive archive(bytes, name, std::move(owner));
  if (looks_like_pt2(archive)) return read_pt2(archive, name);
  if (looks_like_pytorch(archive)) return read_pytorch_zip(archive, name);
  refuse_archive(archive, name);
  return read_npz(archive, name);
}

StateDict read(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
               const LoadOptions& options) {
  if (looks_like_zip(bytes)) return read_zip(bytes, name, std::move(owner));
  if (looks_like_npy(bytes)) {
    StateDict one;
    one.add("weight", read_npy(bytes, name, std::move(owner)));
    return one;
  }
  if (looks_like_safetensors(bytes))
    return read_safetensors(bytes, name, std::move(owner), {.lenient = options.lenient});
  if (looks_like_pytorch_legacy(bytes)) return read_pytorch_legacy(bytes, name, std::move(owner));
  if (looks_like_shard_index(bytes)) fail("{}: names files beside it: load the index by its path", name);
  refuse_bytes(bytes, name);
}

}  // namespace

void StateDict::add(std::string name, Stored value) {
  const auto [position, is_new] = index_.try_emplace(name, entries_.size());
  if (!is_new) fail("there is a tensor named {} already", position->first);
  entries_.emplace_back(std::move(name), std::move(value));
}

void StateDict::add_alias(std::string name, Stored value) {
  aliases_.insert(name);
  add(std::move(name), std::move(value));
}

const Stored* StateDict::find(const std::string& name) const {
  const auto position = index_.find(name);
  return position == index_.end() ? nullptr : &entries_[position->second].second;
}

const Stored& StateDict::at(const std::string& name) const {
  const Stored* stored = find(name);
  if (stored == nullptr) fail("there is no tensor named {} among the {} loaded", name, size());
  return *stored;
}

StateDict load_state_dict(const std::filesystem::path& path, const LoadOptions& options) {
  refuse_part(path);
  MappedFile file = map_or_read(path);
  StateDict loaded = looks_like_shard_index(file.bytes)
                         ? renamed(read_shards(file.bytes, path, options), options, path.string())
                         : load_state_dict(file.bytes, path.string(), std::move(file.owner), options);
  PackedCache::look_in(loaded, PackedCache::beside(path));
  return loaded;
}

StateDict load_state_dict(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
                          const LoadOptions& options) {
  if (bytes.empty()) fail("{}: there are no bytes to read", name);
  return renamed(read(bytes, name, std::move(owner), options), options, name);
}

}  // namespace upconv
