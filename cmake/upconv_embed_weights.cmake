# upconv_embed_weights(TARGET FILE [NAME]): compiles FILE into TARGET, byte for byte, so that a program and its model are
# one file. The target can then
#
#     #include "embedded/NAME.h"
#     net.load(upconv::embedded::NAME());  // a std::span<const std::byte>
#
# NAME is FILE's name before its first dot unless it is given, with _ for what C++ does not take. A changed FILE is
# compiled in again. The assembler copies it, so that megabytes take no time; GCC and Clang for ELF systems can do that.
function(upconv_embed_weights target file)
  cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
  if(ARGC GREATER 2)
    set(name ${ARGV2})
  else()
    cmake_path(GET file STEM name)
  endif()
  string(MAKE_C_IDENTIFIER "${name}" name)

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded)
  file(CONFIGURE OUTPUT ${folder}/embedded/${name}.h @ONLY CONTENT
[[#pragma once
// @file@
#include <cstddef>
#include <span>

extern "C" const std::byte upconv_embedded_@name@_begin[], upconv_embedded_@name@_end[];

namespace upconv::embedded {
inline std::span<const std::byte> @name@() {
  return {upconv_embedded_@name@_begin, upconv_embedded_@name@_end};
}
}  // namespace upconv::embedded
]])
  file(CONFIGURE OUTPUT ${folder}/${name}.cpp @ONLY CONTENT
[[asm(R"(
  .pushsection .rodata
  .balign 64
  .global upconv_embedded_@name@_begin, upconv_embedded_@name@_end
  .hidden upconv_embedded_@name@_begin, upconv_embedded_@name@_end
upconv_embedded_@name@_begin:
  .incbin "@file@"
upconv_embedded_@name@_end:
  .byte 0
  .popsection
)");
]])
  # Without LTO, which could put the names into another part than those who use them.
  set_source_files_properties(${folder}/${name}.cpp PROPERTIES OBJECT_DEPENDS "${file}" COMPILE_OPTIONS -fno-lto)
  target_sources(${target} PRIVATE ${folder}/${name}.cpp)
  target_include_directories(${target} PRIVATE ${folder})
endfunction()
