# Linux on ARM64, built on another machine with Debian's cross compiler (g++-aarch64-linux-gnu). What upconv stands on is
# found in build/aarch64-libraries, where `./dev test aarch64` unpacks ARM64's packages, and nowhere else. xsimd is among
# them: it is headers alone, but the package of this machine says that it is of this machine's architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

cmake_path(SET root NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-libraries/root)
# What the caller installed elsewhere, and says so, is found there.
set(CMAKE_FIND_ROOT_PATH ${root} ${CMAKE_PREFIX_PATH})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Where the libraries' own libraries are, such as libpng's zlib.
set(libraries ${root}/lib/aarch64-linux-gnu:${root}/usr/lib/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,-rpath-link,${libraries})
set(CMAKE_SHARED_LINKER_FLAGS_INIT -Wl,-rpath-link,${libraries})

# Tests, and what a build runs of itself. The environment variable QEMU_CPU says which processor that is.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=${libraries})
