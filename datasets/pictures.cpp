// Pictures that networks of pictures are given.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "datasets/decode.h"
#include "datasets/inputs.h"
#include "datasets/tar.h"
#include "framework/fail.h"
#include "framework/weights/mapped_file.h"

namespace upconv::datasets {

using namespace internal;

namespace {

bool is_picture(const std::string& name) {
  for (const std::string_view ending : {".png", ".npy", ".jpg", ".jpeg"})
    if (name.ends_with(ending)) return true;
  return false;
}

}  // namespace

/// Where pictures lie: files of a folder, or members of a tar, which is mapped.
class Pictures::Files {
 public:
  explicit Files(const std::filesystem::path& place) : place_(place) {
    if (std::filesystem::is_directory(place)) {
      for (const auto& entry : std::filesystem::directory_iterator(place))
        if (is_picture(entry.path().filename().string())) names_.push_back(entry.path().filename().string());
      std::sort(names_.begin(), names_.end());
    } else {
      archive_ = map_file(place);
      TarReader reader(archive_.bytes, place.string());
      while (std::optional<Member> member = reader.next()) {
        if (!is_picture(member->name)) continue;
        names_.push_back(member->name);
        members_.push_back(member->content);
      }
    }
    if (names_.empty()) fail("{}: there is no picture in it, .png, .jpg or .npy", place.string());
  }
  [[nodiscard]] int64_t count() const { return static_cast<int64_t>(names_.size()); }
  [[nodiscard]] const std::string& name(int64_t index) const { return names_[static_cast<size_t>(index)]; }
  [[nodiscard]] std::string full_name(int64_t index) const { return (place_ / name(index)).string(); }
  [[nodiscard]] Tensor read(int64_t index, std::pair<double, double> range) const {
    if (!members_.empty()) return decode(members_[static_cast<size_t>(index)], full_name(index), range);
    const MappedFile file = map_file(place_ / name(index));
    return decode(file.bytes, full_name(index), range);
  }

 private:
  std::filesystem::path place_;
  MappedFile archive_;
  std::vector<std::string> names_;
  std::vector<std::span<const std::byte>> members_;
};

Pictures::Pictures(const std::filesystem::path& place, std::pair<double, double> range)
    : files_(std::make_unique<const Files>(place)), range_(range) {
  shape_ = files_->read(0, range_).shape();
  shape_.insert(shape_.begin(), 1);
}

Pictures::~Pictures() = default;

int64_t Pictures::count() const { return files_->count(); }

Tensor Pictures::read(int64_t index) const {
  if (index >= count()) fail("there are {} pictures, and {} were asked for", count(), index + 1);
  Tensor picture = files_->read(index, range_);
  const Shape expected(shape_.begin() + 1, shape_.end());
  if (picture.shape() != expected)
    fail("{}: expected a picture {} as the first one is, got {}", files_->full_name(index), str(expected),
         str(picture.shape()));
  return picture;
}

void Pictures::fill(int64_t first, int64_t rows, Tensor& batch) const {
  for (int64_t i = 0; i < rows; ++i) {
    const Tensor picture = read(first + i);
    std::copy_n(picture.data(), picture.numel(), batch.data() + i * picture.numel());
  }
}

void Pictures::describe(int64_t index, nlohmann::ordered_json& about) const { about["source"] = files_->name(index); }

}  // namespace upconv::datasets
