# What upconv stands on: the system's packages where there are any, else the pinned sources. None of it shows in a public
# header.
include(FetchContent)

function(upconv_dependency name repository tag)
  FetchContent_Declare(${name} GIT_REPOSITORY https://github.com/${repository} GIT_TAG ${tag} GIT_SHALLOW ON
    FIND_PACKAGE_ARGS ${ARGN})
  FetchContent_MakeAvailable(${name})
endfunction()

# A fetched component is built as a part of ours: without its own tests, and without a shared library.
set(BUILD_SHARED_LIBS OFF)
set(TBB_TEST OFF)
set(PNG_TESTS OFF)
set(PNG_SHARED OFF)
set(LIBDEFLATE_BUILD_SHARED_LIB OFF)
set(LIBDEFLATE_BUILD_GZIP OFF)
set(BENCHMARK_ENABLE_TESTING OFF)
set(BENCHMARK_ENABLE_GTEST_TESTS OFF)

upconv_dependency(xsimd xtensor-stack/xsimd 8.1.0)
upconv_dependency(TBB oneapi-src/oneTBB v2021.8.0)
upconv_dependency(fmt fmtlib/fmt 9.1.0)
upconv_dependency(nlohmann_json nlohmann/json v3.11.2)
upconv_dependency(PNG pnggroup/libpng v1.6.39)
if(NOT TARGET PNG::PNG)
  add_library(PNG::PNG ALIAS png_static)
endif()
# Before 1.15 it came without a CMake package, and with two targets since.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
upconv_dependency(libdeflate ebiggers/libdeflate v1.19)
if(NOT TARGET libdeflate::libdeflate)
  add_library(libdeflate::libdeflate ALIAS libdeflate_static)
endif()
# Of its headers alone: it is compiled in.
upconv_dependency(xxHash Cyan4973/xxHash v0.8.1)
if(NOT TARGET xxHash::xxhash)
  add_library(xxHash::xxhash INTERFACE IMPORTED)
  set_target_properties(xxHash::xxhash PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${xxhash_SOURCE_DIR})
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
