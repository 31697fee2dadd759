#include "framework/weights/state_dict.h"

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/names.h"
#include "framework/weights/npz.h"
#include "framework/weights/packed_cache.h"
#include "framework/weights/pytorch.h"
#include "framework/weights/readers.h"
#include "framework/weights/shards.h"
#include "framework/weights/zip.h"

namespace upconv {

using namespace internal;

namespace {

/// PyTorch's format of before 0.2: a tar archive, whose first header says so here.
bool looks_like_tar(std::span<const std::byte> bytes) {
  constexpr size_t position = 257;
  return bytes.size() > position && text_of(bytes.subspan(position)).starts_with("ustar");
}

bool looks_like_pickle(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x80} && bytes[1] >= std::byte{2} && bytes[1] <= std::byte{5};
}

StateDict read_zip(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner) {
  const ZipArchive archive(bytes, name, std::move(owner));
  return looks_like_pytorch(archive) ? read_pytorch_zip(archive, name) : read_npz(archive, name);
}

/// What people have under the name of a file of weights, by how it begins, and what they could do.
constexpr std::pair<std::string_view, std::string_view> strangers[] = {
    {"version https://git-lfs", "what Git LFS leaves in the place of a file; get it with git lfs pull"},
    {"<!DOCTYPE html", "a web page, not the file that a link was for; download it again"},
    {"<!doctype html", "a web page, not the file that a link was for; download it again"},
    {"<html", "a web page, not the file that a link was for; download it again"},
    {"\x89HDF", "an HDF5 file, as Keras writes them; save its arrays in Python: numpy.savez"},
    {"GGUF", "a GGUF file, as llama.cpp reads them; save its arrays in Python: numpy.savez"},
    {"(dp0", "a pickle of protocol 0, which no torch.save wrote; load it in Python and save its arrays: numpy.savez"},
    {"(lp0", "a pickle of protocol 0, which no torch.save wrote; load it in Python and save its arrays: numpy.savez"}};

[[noreturn]] void refuse(std::span<const std::byte> bytes, const std::string& name) {
  std::string_view text = text_of(bytes.first(std::min<size_t>(bytes.size(), 4096)));
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const auto& [beginning, words] : strangers)
    if (text.starts_with(beginning)) fail("{}: {}", name, words);
  if (looks_like_tar(bytes)) {
    fail("{}: a tar archive, as PyTorch wrote them before 0.2; load it in Python and torch.save its state_dict", name);
  }
  if (looks_like_pickle(bytes)) {
    fail(
        "{}: a pickle, but not torch.save's with its default protocol; expected torch.save(net.state_dict(), "
        "\"net.pth\")",
        name);
  }
  fail(
      "{}: not a weights file: expected safetensors, PyTorch's .pt or .pth, .npz or .npy, got something that begins as "
      "none of them",
      name);
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
  refuse(bytes, name);
}

}  // namespace

void StateDict::add(std::string name, Stored value) {
  const auto [position, is_new] = index_.try_emplace(name, entries_.size());
  if (!is_new) fail("there is a tensor named {} already", position->first);
  entries_.emplace_back(std::move(name), std::move(value));
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
