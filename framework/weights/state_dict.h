#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../parameter.h"

namespace upconv {

/// Names and values in the order in which they were saved (or, from Module::state_dict, PyTorch's order).
class StateDict {
 public:
  using Entry = std::pair<std::string, Stored>;

  /// Throws Error if `name` is there already.
  void add(std::string name, Stored value);
  /// nullptr where there is none.
  const Stored* find(const std::string& name) const;
  /// Throws Error, naming the key, where there is none.
  const Stored& at(const std::string& name) const;
  size_t size() const { return entries_.size(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

  /// What the file said of itself (safetensors' `__metadata__`).
  std::map<std::string, std::string> metadata;
  /// The keys of a PyTorch file's dictionary under which no tensor is, but an epoch, or a dictionary such as "netG",
  /// whose tensors are here as "netG.main.0.weight".
  std::vector<std::string> outer_keys;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
};

/// Reads a file of weights. The format is told by its first bytes, never by its name. The file is mapped, not copied:
/// it must not be shortened while any of its tensors is alive. Throws Error naming file, tensor, expected and got.
StateDict load_state_dict(const std::filesystem::path& path);

/// Reads weights that lie in memory. `name` stands for the file in messages; `owner` keeps the bytes alive (without it
/// the caller does).
StateDict load_state_dict(std::span<const std::byte> bytes, const std::string& name,
                          std::shared_ptr<const void> owner = nullptr);

}  // namespace upconv
