# A fingerprint of how weights are packed: of the version, and of every source of framework/ and layers/, by name and
# content. All of them, since a list of those that matter is wrong on the day when the order of packed floats moves into a
# header that nobody put on it, and a wrong list paints wrong pictures; packing once more after a change costs seconds.
#
#     cmake -D root=FOLDER -D version=VERSION -D header=FILE -P fingerprint.cmake
#
# writes FILE, a header, where it is not already what it should be, so that nothing is compiled again for nothing.
function(upconv_packing_sources result root)
  file(GLOB_RECURSE sources ${ARGN} RELATIVE ${root} ${root}/framework/*.h ${root}/framework/*.cpp ${root}/layers/*.h
    ${root}/layers/*.cpp)
  set(${result} ${sources} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  upconv_packing_sources(sources ${root})
  set(text ${version})
  foreach(source IN LISTS sources)
    file(SHA256 ${root}/${source} hash)
    string(APPEND text " ${source} ${hash}")
  endforeach()
  string(SHA256 fingerprint "${text}")
  file(CONFIGURE OUTPUT ${header} @ONLY CONTENT
[[#pragma once

namespace upconv::internal {
inline constexpr char packing_fingerprint[] = "@fingerprint@";
}
]])
endif()
