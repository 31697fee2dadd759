#include "framework/weights/state_dict.h"

#include "framework/fail.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/names.h"
#include "framework/weights/npy.h"
#include "framework/weights/safetensors.h"
#include "framework/weights/shards.h"

namespace upconv {
namespace {

/// A format that others write weights in, and the Python that makes a dictionary of tensors of such a file.
struct ForeignFormat {
  std::string_view magic;
  std::string_view words;
  std::string_view python;
};

constexpr std::string_view torch_load = "torch.load(\"{}\", map_location=\"cpu\", weights_only=True)";
constexpr ForeignFormat foreign_formats[] = {
    {"PK\x03\x04", "a zip archive (a PyTorch .pt or .pth file, or an .npz)", torch_load},
    {"PK\x05\x06", "an empty zip archive", torch_load},
    {"\x80\x02", "a Python pickle (a PyTorch .pt or .pth file of before 1.6)", torch_load},
    {"\x80\x03", "a Python pickle of protocol 3", torch_load},
    {"\x80\x04", "a Python pickle of protocol 4", torch_load},
    {"\x80\x05", "a Python pickle of protocol 5", torch_load},
};

[[noreturn]] void refuse(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const ForeignFormat& format : foreign_formats) {
    if (!text.starts_with(format.magic)) continue;
    fail(
        "{}: expected safetensors, the one format that this version reads, got {}; convert it in Python: "
        "safetensors.torch.save_file({}, \"weights.safetensors\")",
        name, format.words, fmt::format(fmt::runtime(format.python), name));
  }
  fail("{}: not a weights file: expected safetensors, got something that does not begin as one", name);
}

StateDict read(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
               const LoadOptions& options) {
  if (looks_like_safetensors(bytes))
    return read_safetensors(bytes, name, std::move(owner), {.lenient = options.lenient});
  if (looks_like_npy(bytes)) {
    StateDict one;
    one.add("", read_npy(bytes, name, std::move(owner)));
    return one;
  }
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
  MappedFile file = map_file(path);
  if (looks_like_shard_index(file.bytes))
    return renamed(read_shards(file.bytes, path, options), options, path.string());
  return load_state_dict(file.bytes, path.string(), std::move(file.owner), options);
}

StateDict load_state_dict(std::span<const std::byte> bytes, const std::string& name, std::shared_ptr<const void> owner,
                          const LoadOptions& options) {
  if (bytes.empty()) fail("{}: there are no bytes to read", name);
  return renamed(read(bytes, name, std::move(owner), options), options, name);
}

}  // namespace upconv
