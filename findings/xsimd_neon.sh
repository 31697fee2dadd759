#!/usr/bin/env bash
# xsimd 8.1 on ARM64: floats are divided by an approximate reciprocal and two steps of Newton's, and roots come of an
# approximate reciprocal root and one and a half, although the processor has instructions for both that round once. So
# quotients and roots are up to two units in the last place off, and the root of infinity is NaN. float64 is divided
# exactly. GCC 12 also leaves functions of the header out of line, weak ones, which the linker may take from any other
# xsimd in the program. Wants Debian 12 with g++-aarch64-linux-gnu and qemu-user; fails where nothing is rounded otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download libxsimd-dev=8.1.0-7 && dpkg -x ./*.deb package)
ln -s package/usr/include/xsimd "$folder/xsimd"  # headers alone, of any architecture
aarch64-linux-gnu-g++ --version | head -n 1
cat >"$folder/main.cpp" <<'CPP'
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <xsimd/xsimd.hpp>

using Batch = xsimd::batch<float, xsimd::neon64>;

int main() {
  int64_t wrong_quotients = 0, wrong_roots = 0, count = 0, far_quotient = 0, far_root = 0;
  const auto apart = [](float a, float b) { return std::abs(int64_t{std::bit_cast<int32_t>(a)} - std::bit_cast<int32_t>(b)); };
  for (float x = 1; x < 4; x += 0x1p-18f) {
    const float quotient = (Batch(1.7f) / Batch(x)).get(0), root = xsimd::sqrt(Batch(x)).get(0);
    ++count;
    wrong_quotients += quotient != 1.7f / x;
    wrong_roots += root != std::sqrt(x);
    far_quotient = std::max(far_quotient, apart(quotient, 1.7f / x));
    far_root = std::max(far_root, apart(root, std::sqrt(x)));
  }
  std::printf("xsimd %d.%d.%d, of %lld numbers in [1, 4)\n", XSIMD_VERSION_MAJOR, XSIMD_VERSION_MINOR, XSIMD_VERSION_PATCH,
              static_cast<long long>(count));
  std::printf("1.7 / x: %lld rounded otherwise, up to %lld units in the last place\n",
              static_cast<long long>(wrong_quotients), static_cast<long long>(far_quotient));
  std::printf("sqrt(x): %lld rounded otherwise, up to %lld units in the last place\n", static_cast<long long>(wrong_roots),
              static_cast<long long>(far_root));
  const float infinity = std::numeric_limits<float>::infinity();
  std::printf("sqrt(infinity) = %g\n", static_cast<double>(xsimd::sqrt(Batch(infinity)).get(0)));
  const bool as_seen = wrong_quotients > 0 && far_quotient == 2 && wrong_roots > 0 && far_root == 2;
  return as_seen && std::isnan(xsimd::sqrt(Batch(infinity)).get(0)) ? 0 : 1;
}
CPP
aarch64-linux-gnu-g++ -std=c++20 -O2 -ffp-contract=off -I "$folder" -o "$folder/main" "$folder/main.cpp"
cat >"$folder/exp.cpp" <<'CPP'
#include <xsimd/xsimd.hpp>
using Batch = xsimd::batch<float, xsimd::neon64>;
void run(float* x) {
  for (int i = 0; i < 1024; i += 4) xsimd::exp(Batch::load_unaligned(x + i)).store_unaligned(x + i);
}
CPP
aarch64-linux-gnu-g++ -std=c++20 -O2 -I "$folder" -c -o "$folder/exp.o" "$folder/exp.cpp"
weak=$(aarch64-linux-gnu-nm --defined-only "$folder/exp.o" | grep -c ' W ')  # fails where there is none
echo "weak functions beside one that calls exp: $weak"
qemu-aarch64 -L /usr/aarch64-linux-gnu "$folder/main"
echo
echo "xsimd's quotients and roots of floats on NEON are approximations."
