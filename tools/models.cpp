#include "tools/models.h"

#include <vector>

#include "examples/dcgan.h"
#include "framework/fail.h"

namespace upconv::tools {
namespace {

/// Beside the program where it was built or installed, whatever folder it is called from.
std::filesystem::path shipped(const std::string& file) {
  std::error_code unreadable;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  const std::vector<std::filesystem::path> places = {program / "../../examples/weights" / file,
                                                     program / "../share/upconv" / file,
                                                     std::filesystem::path(UPCONV_WEIGHTS) / file};
  for (const auto& place : places)
    if (std::filesystem::exists(place, unreadable)) return place.lexically_normal();
  fail("the shipped weights {} are not in {}, {} or {}: give --weights", file, places[0].lexically_normal().string(),
       places[1].lexically_normal().string(), places[2].string());
}

}  // namespace

Model find_model(const std::string& name) {
  if (name == "dcgan") return {std::make_shared<examples::Dcgan>(), {100, 1, 1}, shipped("dcgan.safetensors")};
  fail("unknown model \"{}\": there is dcgan", name);
}

}  // namespace upconv::tools
