#include "datasets/inputs.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "framework/fail.h"
#include "framework/random.h"
#include "framework/weights/bytes.h"
#include "framework/weights/mapped_file.h"
#include "framework/weights/npy.h"

namespace upconv::datasets {

using namespace internal;

namespace {

class Latents : public Input {
 public:
  Latents(uint64_t seed, Shape shape) : seed_(seed), shape_(std::move(shape)) {}
  [[nodiscard]] Type type() const override { return {shape_}; }
  void fill(int64_t first, int64_t rows, Tensor& batch) const override {
    const Tensor drawn = latents(seed_, first, rows, Shape(shape_.begin() + 1, shape_.end()));
    std::copy_n(drawn.data(), drawn.numel(), batch.data());
  }
  void describe(int64_t, nlohmann::ordered_json& about) const override { about["seed"] = seed_; }

 private:
  uint64_t seed_;
  Shape shape_;
};

class Modulo : public Input {
 public:
  explicit Modulo(int64_t classes) : classes_(classes) {}
  [[nodiscard]] Type type() const override { return {{1}, DType::int64}; }
  void fill(int64_t first, int64_t rows, Tensor& batch) const override {
    for (int64_t i = 0; i < rows; ++i) batch.indices()[i] = (first + i) % classes_;
  }
  void describe(int64_t index, nlohmann::ordered_json& about) const override { about["label"] = index % classes_; }

 private:
  int64_t classes_;
};

class Listed : public Input {
 public:
  Listed(std::string file, Tensor labels) : file_(std::move(file)), labels_(std::move(labels)) {}
  [[nodiscard]] Type type() const override { return {{1}, DType::int64}; }
  void fill(int64_t first, int64_t rows, Tensor& batch) const override {
    if (first + rows > labels_.numel())
      fail("{}: has labels for {} pictures, and picture {} has none", file_, labels_.numel(), labels_.numel());
    std::copy_n(labels_.indices() + first, rows, batch.indices());
  }
  void describe(int64_t index, nlohmann::ordered_json& about) const override {
    about["label"] = labels_.indices()[index];
  }

 private:
  std::string file_;
  Tensor labels_;
};

/// A number on each line.
Tensor parse_labels(std::string_view text, const std::string& file) {
  std::vector<int64_t> labels;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    int64_t label = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), label);
    if (error != std::errc{} || end != line.data() + line.size())
      fail("{}:{}: expected a label, a whole number alone on its line, got {}", file, labels.size() + 1, shown(line));
    labels.push_back(label);
  }
  const auto count = static_cast<int64_t>(labels.size());
  return {{count}, labels};
}

}  // namespace

std::shared_ptr<const Input> latents_of(uint64_t seed, const Shape& shape) {
  return std::make_shared<Latents>(seed, shape);
}

std::shared_ptr<const Input> labels_modulo(int64_t classes) {
  if (classes < 1) fail("expected at least one class, got {}", classes);
  return std::make_shared<Modulo>(classes);
}

std::shared_ptr<const Input> labels_from(const std::filesystem::path& path) {
  const MappedFile file = map_or_read(path);
  const std::string name = path.string();
  constexpr std::string_view magic = "\x93NUMPY";
  const bool is_npy = text_of(file.bytes).starts_with(magic);
  Tensor labels = is_npy ? load_npy(path) : parse_labels(text_of(file.bytes), name);
  if (labels.dtype() != DType::int64 || labels.dim() != 1)
    fail("{}: expected labels, integers of shape (N,), got {} {}", name, upconv::name(labels.dtype()),
         str(labels.shape()));
  return std::make_shared<Listed>(name, std::move(labels));
}

}  // namespace upconv::datasets
