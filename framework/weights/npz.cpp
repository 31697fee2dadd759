#include "framework/weights/npz.h"

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/readers.h"

namespace upconv::internal {

StateDict read_npz(const ZipArchive& archive, const std::string& name) {
  constexpr std::string_view ending = ".npy";
  if (archive.entries().empty()) fail("{}: an empty zip archive", name);
  StateDict weights;
  for (const ZipEntry& entry : archive.entries()) {
    const std::string where = fmt::format("{}: entry {}", name, shown(entry.name));
    if (!entry.name.ends_with(ending) || !is_utf8(entry.name))
      fail("{}: expected PyTorch's data.pkl in the archive, or NAME.npy only", where);
    Bytes content = archive.read(entry);
    Stored stored;
    try {
      stored = read_npy(content.span, where, std::move(content.owner));
    } catch (const UnreadableArray& array) {
      stored = unreadable_tensor(array.reason);
    }
    weights.add(std::string(entry.name.substr(0, entry.name.size() - ending.size())), std::move(stored));
  }
  return weights;
}

}  // namespace upconv::internal
