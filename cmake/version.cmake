# The version stands in a header too, for the preprocessor.
set(version_header ${PROJECT_SOURCE_DIR}/framework/version.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${version_header})
file(STRINGS ${version_header} said REGEX "^#define UPCONV_VERSION")
set(expected "#define UPCONV_VERSION_MAJOR ${PROJECT_VERSION_MAJOR};#define UPCONV_VERSION_MINOR ${PROJECT_VERSION_MINOR}"
  "#define UPCONV_VERSION_PATCH ${PROJECT_VERSION_PATCH};#define UPCONV_VERSION \"${PROJECT_VERSION}\"")
if(NOT said STREQUAL expected)
  message(FATAL_ERROR "framework/version.h does not say ${PROJECT_VERSION}, which CMakeLists.txt does")
endif()
