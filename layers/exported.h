#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../framework/module.h"

namespace upconv {

class Exported;
struct ExportedOptions;

namespace internal {
struct ExportedProgram;
class ExportedRunner;
class PackedCache;
/// load_exported; what is packed of the weights is looked for in `packed`, unless that is nullptr.
Exported load_exported_with(std::span<const std::byte> bytes, const std::string& name,
                            std::shared_ptr<const void> owner, const ExportedOptions& options,
                            const std::shared_ptr<PackedCache>& packed);
}  // namespace internal

/// How a program of torch.export is read.
struct ExportedOptions {
  /// Of an archive that holds several programs, the one to read; "" where there is one.
  std::string program = "";
  /// Whether calls that break a guard or leave a range of the archive are run all the same. Guards often ask for more
  /// than the program needs, and as often they are all that keeps a wrong result away: compare with PyTorch first.
  /// And whether a program is run that does not use an input where it uses another of the same type: torch.export,
  /// where it was given one tensor for both, writes one's name for either, and the archive does not tell that from an
  /// input that is not used.
  bool ignore_guards = false;
};

/// A size of an input: fixed, or within a range that calls may choose from.
struct ExportedDim {
  std::optional<int64_t> size;  ///< nothing where calls choose
  std::string symbol;           ///< what the archive calls it then: "s77"; equal ones are equal sizes
  int64_t least = 0;            ///< the smallest size
  std::optional<int64_t> most;  ///< the largest, or nothing
};

/// A tensor that a program is given or gives.
struct ExportedTensorInfo {
  std::string name;               ///< as forward() calls it: "x"; of an output "" where it is no tensor of its own
  std::vector<ExportedDim> dims;  ///< its sizes
  DType dtype;                    ///< as PyTorch has it: int32 is given as int64, boolean as float32 of 0 and 1
};

/// A network that torch.export.save wrote, which runs as it is. A module with the parameters and buffers, the names and
/// the tree of the one that was exported: other weights can be loaded into it, and it may be a child of another module.
/// Calls take the tensors that forward() took, in its order, and give those that it gave.
///
///     Exported net = load_exported("net.pt2");
///     Tensor picture = net(noise);
class Exported : public AnyModule {
 public:
  /// What forward() does, written down for the shapes of `xs`. Throws Error where there are more or fewer than
  /// inputs(), where a size is none that the program was exported for, and where a guard of the archive fails, naming
  /// it and both sides.
  [[nodiscard]] Values forward(const Values& xs) const;
  /// What a call takes.
  [[nodiscard]] const std::vector<ExportedTensorInfo>& inputs() const;
  /// What it gives.
  [[nodiscard]] const std::vector<ExportedTensorInfo>& outputs() const;
  /// The class that was exported: "Generator".
  [[nodiscard]] std::string type_name() const override;

 private:
  friend Exported internal::load_exported_with(std::span<const std::byte>, const std::string&,
                                               std::shared_ptr<const void>, const ExportedOptions&,
                                               const std::shared_ptr<internal::PackedCache>&);
  explicit Exported(std::shared_ptr<const internal::ExportedProgram> program, const ExportedOptions& options);
  void add_modules(const std::shared_ptr<const internal::ExportedProgram>& program);
  Values forward_all(const Values& xs) const final { return forward(xs); }
  std::shared_ptr<const internal::FixedForward> fixed_forward() const final;

  std::shared_ptr<const internal::ExportedRunner> runner_;
};

/// Reads an archive of torch.export.save (.pt2), as exported or after run_decompositions({}); after
/// run_decompositions() as far as its operations are known. Its weights are mapped, not copied. Safe for files from
/// strangers. Throws Error naming the file, and every operation that cannot be run with the module that it came from.
[[nodiscard]] Exported load_exported(const std::filesystem::path& path, const ExportedOptions& options = {});
/// The same of an archive that lies in memory. `name` stands for the file in messages; `owner` keeps the bytes alive
/// (without it the caller does).
[[nodiscard]] Exported load_exported(std::span<const std::byte> bytes, const std::string& name,
                                     std::shared_ptr<const void> owner = nullptr, const ExportedOptions& options = {});

}  // namespace upconv
