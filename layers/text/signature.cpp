#include "layers/text/signature.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/suggestion.h"
#include "layers/text/scanner.h"

namespace upconv::internal::text {

Signature::Signature(std::string_view text) : text_(text) {
  Scanner scan(text);
  bool by_name_only = false;
  for (; !scan.at_end(); scan.accept(',')) {
    if (scan.accept('*')) {
      by_name_only = true;
      continue;
    }
    slots_.push_back({scan.word("a name"), {}});
    if (scan.accept('=')) {
      slots_.back().value = scan.literal();
      slots_.back().value->is_default = true;
    }
    if (!by_name_only) ++positional_;
  }
}

Slot& Signature::slot_for(std::string_view layer, std::string_view keyword, size_t position) {
  if (keyword.empty()) {
    if (position < positional_) return slots_[position];
    fail("{}: more than {} arguments by position; it takes ({})", layer, positional_, text_);
  }
  std::vector<std::string_view> names;
  for (Slot& slot : slots_) {
    if (slot.name == keyword) return slot;
    names.push_back(slot.name);
  }
  const std::string hint = suggestion(keyword, names);
  fail("{}: unknown argument \"{}\"{}", layer, shown(keyword),
       hint.empty() ? fmt::format("; it takes ({})", text_) : hint);
}

void Signature::give(std::string_view layer, std::string_view keyword, size_t position, Literal value) {
  Slot& slot = slot_for(layer, keyword, position);
  if (slot.value && !slot.value->is_default) fail("{}: {} is given twice", layer, slot.name);
  slot.value = std::move(value);
}

Arguments Signature::arguments(std::string_view layer) const {
  Arguments::Values values;
  for (const Slot& slot : slots_) {
    if (!slot.value) fail("{}: {} is missing; it takes ({})", layer, slot.name, text_);
    values.emplace(slot.name, *slot.value);
  }
  return Arguments(layer, std::move(values));
}

}  // namespace upconv::internal::text
