#pragma once
// What networks are given: for picture i always the same, whoever asks, and in which order.
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "framework/graph.h"
#include "framework/tensor.h"

namespace upconv::datasets {

/// One of a network's inputs, as a function of the picture's index. Any number of threads may ask at once.
class Input {
 public:
  virtual ~Input() = default;
  /// For one picture: (1, ...).
  [[nodiscard]] virtual Type type() const = 0;
  /// Fills the first `rows` rows of a batch, for pictures first, first + 1, ... Throws Error where there are not so
  /// many.
  virtual void fill(int64_t first, int64_t rows, Tensor& batch) const = 0;
  /// Adds to what is said of a picture.
  virtual void describe(int64_t index, nlohmann::ordered_json& about) const = 0;
};
using Inputs = std::vector<std::shared_ptr<const Input>>;

/// upconv::latents(seed, first, rows, shape), where `shape` is that of a batch of one.
std::shared_ptr<const Input> latents_of(uint64_t seed, const Shape& shape);
/// Labels 0, 1, ..., classes - 1, 0, 1, ...
std::shared_ptr<const Input> labels_modulo(int64_t classes);
/// One label for each picture, from picture 0 on: int64 of a .npy, or a text with one on a line.
std::shared_ptr<const Input> labels_from(const std::filesystem::path& file);

/// The pictures of a folder, in the order of their names, or of a tar in its own order: 8-bit PNGs, or JPEGs, whose 0
/// and 255 become the ends of `range`, or .npy of float32 (C, H, W), taken as they are. All must be of one size.
class Pictures : public Input {
 public:
  Pictures(const std::filesystem::path& place, std::pair<double, double> range);
  ~Pictures() override;
  [[nodiscard]] Type type() const override { return {shape_}; }
  void fill(int64_t first, int64_t rows, Tensor& batch) const override;
  void describe(int64_t index, nlohmann::ordered_json& about) const override;
  /// How many there are.
  [[nodiscard]] int64_t count() const;

 private:
  class Files;
  [[nodiscard]] Tensor read(int64_t index) const;

  std::unique_ptr<const Files> files_;
  std::pair<double, double> range_;
  Shape shape_;
};

}  // namespace upconv::datasets
