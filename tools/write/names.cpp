#include "tools/write/names.h"

#include <algorithm>
#include <cctype>

#include "layers/text/registry.h"

namespace upconv::tools {
namespace {

// Words with a space behind each.
constexpr std::string_view words_of_cpp =
    "alignas alignof and asm auto bool break case catch char class concept const continue default delete do "
    "double else enum explicit export extern false float for friend goto if inline int int64_t long mutable "
    "namespace new not operator or private protected public register requires return short signed sizeof "
    "static std struct switch template this throw true try typedef typename union unsigned upconv using "
    "virtual void volatile while xor ";
constexpr std::string_view members_of_modules =
    "add_buffer add_child add_parameter apply check_count child child_at child_count child_named extra_repr "
    "forward forward_all list_str load load_state_dict named_buffers named_children named_modules "
    "named_parameters output_dim parameter run scoped set_options shared_child_at state_dict str type_name ";
constexpr std::string_view classes_of_the_library =
    "AnyModule DType Ends Error Exported Graph Module ModuleDict ModuleList ModuleOf Options Pair Parameter "
    "Program Sequential Shape Sides Tensor Value Values ";

bool is_among(std::string_view name, std::string_view words) {
  while (!words.empty()) {
    const size_t end = words.find(' ');
    if (words.substr(0, end) == name) return true;
    words.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

bool is_free_name(const std::string& name) {
  return !is_among(name, words_of_cpp) && !is_among(name, members_of_modules) &&
         !is_among(name, classes_of_the_library) && internal::find_row(name) == nullptr;
}

std::string identifier_of(const std::string& name, const std::string& otherwise) {
  std::string made;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    made += byte < 128 && (std::isalnum(byte) || c == '_') ? c : '_';
  }
  while (made.starts_with('_')) made.erase(0, 1);
  // Two underscores, and one before a capital letter, are the compiler's.
  for (size_t at = made.find("__"); at != made.npos; at = made.find("__")) made.erase(at, 1);
  if (made.empty() || std::isdigit(static_cast<unsigned char>(made[0]))) made = otherwise + made;
  while (!is_free_name(made)) made += '_';
  return made;
}

}  // namespace upconv::tools
