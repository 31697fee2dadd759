#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../parameter.h"

namespace upconv {

/// Names and values in the order in which they were saved (or, from Module::state_dict, PyTorch's order).
class StateDict {
 public:
  /// A name and its values.
  using Entry = std::pair<std::string, Stored>;

  /// Throws Error if `name` is there already.
  void add(std::string name, Stored value);
  /// The same for another name of a tensor that is there: who has a place for one of them needs none for the others.
  void add_alias(std::string name, Stored value);
  /// Whether `name` was added so.
  [[nodiscard]] bool is_alias(const std::string& name) const { return aliases_.contains(name); }
  /// Whether any was.
  [[nodiscard]] bool has_aliases() const { return !aliases_.empty(); }
  /// nullptr where there is none.
  [[nodiscard]] const Stored* find(const std::string& name) const;
  /// Throws Error, naming the key, where there is none.
  [[nodiscard]] const Stored& at(const std::string& name) const;
  /// How many there are.
  [[nodiscard]] size_t size() const { return entries_.size(); }
  /// The first Entry, in the order of the class.
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  /// Beyond the last one.
  [[nodiscard]] auto end() const { return entries_.end(); }

  /// What the file said of itself (safetensors' `__metadata__`).
  std::map<std::string, std::string> metadata;
  /// The keys of a PyTorch file's dictionary under which no tensor is, but an epoch, or a dictionary such as "netG",
  /// whose tensors are here as "netG.main.0.weight".
  std::vector<std::string> outer_keys;

 private:
  friend class internal::PackedCache;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
  std::set<std::string> aliases_;
};

/// What load() makes of the names in a file before it compares them with the module's: `key`, then `strip_prefix`, then
/// `rename`, then `ignore`. Each must find something to do, in every one of its entries: what fits no name is an Error
/// that says so, and so are two tensors that would get one name.
struct LoadOptions {
  /// Of a checkpoint that holds several dictionaries, the one to read: "netG" of {"netG": ..., "netD": ..., "epoch":
  /// 3}. The names below it lose "netG."; all others are left. A dictionary within one is "netG.ema".
  std::string key = "";
  /// Taken from the front of every name that has it, with the dot that would be left: "module." of DataParallel's
  /// names.
  std::string strip_prefix = "";
  /// {from, to}: `from` is a name, or its leading components ("up" is that of "up.weight" and not of "upper.weight"),
  /// or has one `*` that stands for any text and may stand in `to` as well: {"block*.conv.weight", "main.*.weight"}. ""
  /// puts `to` before every name, and a dot. Of several that fit a name the first is done, and no other after it.
  std::vector<std::pair<std::string, std::string>> rename = {};
  /// Names that are left out as if the file had not held them: whole ones, or leading components, with `*` for any text
  /// and `?` for any character: "netD", "*.running_mean".
  std::vector<std::string> ignore = {};
  /// Whether missing and unexpected names are refused. Misshapen tensors always are.
  bool strict = true;
  /// Tolerate bytes after the last tensor of a safetensors file: some published ones have them.
  bool lenient = false;
};

/// Reads a file of weights; the names are what the first four options make of them. The format is told by the first
/// bytes, never by the name: safetensors, the index of one in several files (`*.safetensors.index.json`), what
/// torch.save wrote, .npz, or .npy, whose array gets the name "weight". The file is mapped, not copied: it must not be
/// shortened while any of its tensors is alive. Throws Error naming file, tensor, expected and got.
[[nodiscard]] StateDict load_state_dict(const std::filesystem::path& path, const LoadOptions& options = {});

/// Reads weights that lie in memory. `name` stands for the file in messages; `owner` keeps the bytes alive (without it
/// the caller does).
[[nodiscard]] StateDict load_state_dict(std::span<const std::byte> bytes, const std::string& name,
                                        std::shared_ptr<const void> owner = nullptr, const LoadOptions& options = {});

}  // namespace upconv
