#include "framework/weights/state_dict.h"

#include "framework/fail.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/safetensors.h"

namespace upconv {
namespace {

/// A format that others write weights in, and the Python that makes a dictionary of tensors of such a file.
struct ForeignFormat {
  std::string_view magic;
  std::string_view words;
  std::string_view python;
};

constexpr std::string_view torch_load = "torch.load(\"{}\", map_location=\"cpu\", weights_only=True)";
constexpr std::string_view numpy_load = "{{\"weight\": torch.from_numpy(numpy.load(\"{}\"))}}";
constexpr ForeignFormat foreign_formats[] = {
    {"PK\x03\x04", "a zip archive (a PyTorch .pt or .pth file, or an .npz)", torch_load},
    {"PK\x05\x06", "an empty zip archive", torch_load},
    {"\x80\x02", "a Python pickle (a PyTorch .pt or .pth file of before 1.6)", torch_load},
    {"\x80\x03", "a Python pickle of protocol 3", torch_load},
    {"\x80\x04", "a Python pickle of protocol 4", torch_load},
    {"\x80\x05", "a Python pickle of protocol 5", torch_load},
    {"\x93NUMPY", "a NumPy array (.npy)", numpy_load},
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

StateDict load_state_dict(const std::filesystem::path& path) {
  MappedFile file = map_file(path);
  return load_state_dict(file.bytes, path.string(), std::move(file.owner));
}

StateDict load_state_dict(std::span<const std::byte> bytes, const std::string& name,
                          std::shared_ptr<const void> owner) {
  if (bytes.empty()) fail("{}: there are no bytes to read", name);
  if (looks_like_safetensors(bytes)) return read_safetensors(bytes, name, std::move(owner));
  refuse(bytes, name);
}

}  // namespace upconv
