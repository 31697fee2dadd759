#include "framework/fingerprint.h"

namespace upconv {

bool Fingerprint::outdated() const {
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].version() != versions_[i]) return true;
  return false;
}

void Fingerprint::add_bytes(const void* bytes, size_t count) { bytes_.append(static_cast<const char*>(bytes), count); }

void Fingerprint::add(std::string_view text) {
  add(text.size());
  add_bytes(text.data(), text.size());
}

void Fingerprint::add(const Parameter& parameter) {
  parameters_.push_back(parameter);
  versions_.push_back(parameter.version());
  add(parameter.identity());
  add(versions_.back());
}

}  // namespace upconv
