# Clang and its own C++ library, which macOS has, in place of GCC's. A file of this kind, and not flags, so that projects that
# the tests configure get them too.
set(CMAKE_C_COMPILER clang-16)
set(CMAKE_CXX_COMPILER clang++-16)
set(CMAKE_CXX_FLAGS_INIT -stdlib=libc++)
