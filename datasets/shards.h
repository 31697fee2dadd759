#pragma once
// Shards: tars of pictures, each written as a whole or not at all.
#include <memory>
#include <optional>
#include <string>

#include "datasets/encode.h"
#include "datasets/inputs.h"
#include "datasets/names.h"
#include "datasets/painter.h"
#include "datasets/record.h"
#include "framework/weights/temporary_file.h"

namespace upconv::datasets {

/// All that the bytes of shards depend on, but for the program.
struct Job {
  std::string network;           ///< how records name it
  std::string weights;           ///< sha256_of(module)
  Inputs inputs;                 ///< of the network
  std::optional<uint64_t> seed;  ///< of its latents, if it has any
  Encoding encoding;
  Range pictures;          ///< of all shards
  ShardNames names;        ///< with their folder
  int64_t shards;          ///< how many there are in all
  bool is_pinned = false;  ///< whether instruction set and algorithms were asked for, so that others are wrong
};

/// A job, and the network that does it.
class Shards {
 public:
  /// Throws Error where painter and inputs do not fit.
  Shards(Job job, Painter& painter);

  /// Whether a shard is there and whole; what was left behind of it by those that were killed is removed. Throws Error
  /// where a file of its name holds other pictures: of another seed, other weights, another version.
  [[nodiscard]] bool is_there(int64_t shard) const;

  /// A shard that is painted and has yet to get its name.
  struct Painted {
    std::unique_ptr<internal::TemporaryFile> file;
    ShardRecord record;
  };
  [[nodiscard]] Painted paint(int64_t shard, const std::function<void(int64_t pictures)>& progress = {}) const;
  /// Waits for the disk, writes the record, and gives the shard its name. Of several threads at once.
  static void commit(Painted painted);

  /// What is known of a shard that is there.
  [[nodiscard]] ShardRecord record(int64_t shard) const;
  /// The manifest of these shards, which must all be there.
  [[nodiscard]] Manifest manifest(const std::vector<int64_t>& shards) const;

  [[nodiscard]] const Job& job() const { return job_; }
  [[nodiscard]] Range range(int64_t shard) const { return part_of(job_.pictures, shard, job_.shards); }

 private:
  [[nodiscard]] std::string about(int64_t index) const;
  void expect_same(const std::string& file, std::string_view text, int64_t index) const;
  [[nodiscard]] std::string members(int64_t first, int64_t rows, const Tensor& pictures) const;

  Job job_;
  Painter& painter_;
  nlohmann::ordered_json common_;  // of what is said of each picture
  std::string common_text_;
};

/// "000000042", what the files of picture 42 are called.
std::string key_of(int64_t index);

}  // namespace upconv::datasets
