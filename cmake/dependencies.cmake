# What upconv stands on: the system's packages where there are any, else the pinned sources. None of it shows in a public
# header.
include(FetchContent)

function(upconv_dependency name repository tag)
  FetchContent_Declare(${name} GIT_REPOSITORY https://github.com/${repository} GIT_TAG ${tag} GIT_SHALLOW ON
    SYSTEM FIND_PACKAGE_ARGS ${ARGN})
  FetchContent_MakeAvailable(${name})
endfunction()

# For what brings no target: it is headers alone, in this folder of what was fetched.
function(upconv_headers target name folder)
  if(NOT TARGET ${target})
    FetchContent_GetProperties(${name} SOURCE_DIR fetched)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${fetched}/${folder})
  endif()
endfunction()

# C sources that are compiled without their own project's help.
function(upconv_c_library target name)
  FetchContent_GetProperties(${name} SOURCE_DIR fetched)
  list(TRANSFORM ARGN PREPEND ${fetched}/ OUTPUT_VARIABLE patterns)
  file(GLOB sources ${patterns})
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} PUBLIC ${fetched})
  target_compile_options(${target} PRIVATE -w)
endfunction()

# A fetched component is built as a part of ours: without its own tests, and without a shared library.
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
set(CMAKE_POLICY_VERSION_MINIMUM 3.5)
set(BUILD_SHARED_LIBS OFF)
set(TBB_TEST OFF)
set(TBB_STRICT OFF)
set(TBBMALLOC_BUILD OFF)
set(PNG_TESTS OFF)
set(PNG_SHARED OFF)
set(LIBDEFLATE_BUILD_SHARED_LIB OFF)
set(LIBDEFLATE_BUILD_GZIP OFF)
set(BENCHMARK_ENABLE_TESTING OFF)
set(BENCHMARK_ENABLE_GTEST_TESTS OFF)

if(UPCONV_BUNDLE)
  # Nothing of this system, be it a header: what is built here runs on older ones.
  set(FETCHCONTENT_TRY_FIND_PACKAGE_MODE NEVER)
  enable_language(C)
  FetchContent_Declare(zlib GIT_REPOSITORY https://github.com/madler/zlib GIT_TAG v1.2.13 GIT_SHALLOW ON
    SOURCE_SUBDIR none)  # its CMakeLists.txt renames its own zconf.h
  FetchContent_MakeAvailable(zlib)
  upconv_c_library(zlib_static zlib *.c)
  target_compile_definitions(zlib_static PRIVATE HAVE_UNISTD_H _LARGEFILE64_SOURCE=1)
  set(PNG_BUILD_ZLIB ON)
  set(ZLIB_LIBRARIES zlib_static)
  get_target_property(ZLIB_INCLUDE_DIRS zlib_static INCLUDE_DIRECTORIES)
  set(M_LIBRARY m CACHE INTERNAL "")  # libpng would find the file of this system's
  set(AWK "" CACHE INTERNAL "")       # libpng's ready-made configuration, which asks for no awk
  set(SKIP_INSTALL_ALL ON)
endif()

upconv_dependency(xsimd xtensor-stack/xsimd 8.1.0)
upconv_headers(xsimd xsimd include)
# Not by FIND_PACKAGE_ARGS: these set TBB_DIR for what was fetched too, which oneTBB's sources take for the wish to be tested
# with another one, and then they have no target.
if(NOT TARGET TBB::tbb AND NOT FETCHCONTENT_SOURCE_DIR_TBB AND NOT FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL NEVER)
  find_package(TBB QUIET)
endif()
if(NOT TARGET TBB::tbb)
  FetchContent_Declare(TBB GIT_REPOSITORY https://github.com/oneapi-src/oneTBB GIT_TAG v2021.8.0 GIT_SHALLOW ON SYSTEM)
  FetchContent_MakeAvailable(TBB)
endif()
upconv_dependency(fmt fmtlib/fmt 9.1.0)
upconv_dependency(nlohmann_json nlohmann/json v3.11.2)
upconv_headers(nlohmann_json::nlohmann_json nlohmann_json include)
upconv_dependency(PNG pnggroup/libpng v1.6.39)
if(NOT TARGET PNG::PNG)
  FetchContent_GetProperties(PNG SOURCE_DIR sources BINARY_DIR generated)
  target_include_directories(png_static SYSTEM INTERFACE ${sources} ${generated})
  add_library(PNG::PNG ALIAS png_static)
endif()
# Before 1.15 it came without a CMake package, and with two targets since.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
upconv_dependency(libdeflate ebiggers/libdeflate v1.19)
if(NOT TARGET libdeflate::libdeflate)
  if(NOT TARGET libdeflate_static)
    upconv_c_library(libdeflate_static libdeflate lib/*.c lib/*/*.c)
  endif()
  add_library(libdeflate::libdeflate ALIAS libdeflate_static)
endif()
# Of its headers alone: it is compiled in.
upconv_dependency(xxHash Cyan4973/xxHash v0.8.1)
upconv_headers(xxHash::xxhash xxHash .)
if(UPCONV_TOOLS OR UPCONV_PYTHON)
  # SHA-256. Nettle's licence asks much of who compiles it in, so it is the system's or none.
  if(NOT UPCONV_BUNDLE)
    find_package(Nettle QUIET)
  endif()
  if(NOT TARGET Nettle::nettle)
    enable_language(C)
    FetchContent_Declare(MbedTLS GIT_REPOSITORY https://github.com/Mbed-TLS/mbedtls GIT_TAG v2.28.3 GIT_SHALLOW ON
      SOURCE_SUBDIR none)  # its CMakeLists.txt builds its programs too
    FetchContent_MakeAvailable(MbedTLS)
    upconv_c_library(mbedtls_sha256 MbedTLS library/sha256.c library/platform_util.c)
    target_include_directories(mbedtls_sha256 SYSTEM PUBLIC ${mbedtls_SOURCE_DIR}/include)
  endif()
  # Who has it can write JPEGs; its sources want to be built alone, so they are not fetched.
  if(NOT UPCONV_BUNDLE)
    find_package(TurboJPEG QUIET)
  endif()
endif()
if(UPCONV_TOOLS)
  upconv_dependency(CLI11 CLIUtils/CLI11 v2.1.2)
endif()
if(UPCONV_TESTS)
  upconv_dependency(doctest doctest/doctest v2.4.9)
endif()
if(UPCONV_BENCHMARKS)
  upconv_dependency(benchmark google/benchmark v1.7.1)
endif()
