#pragma once
// The matrices of F(m, T): m outputs of a T-tap sum y[i] = sum_t g[t] d[i + t] from n = m + T - 1 products instead of
// m * T:  y = AT ((G g) * (BT d)), in two dimensions Y = AT ((G g GT) * (BT d B)) A  (Lavin and Gray, 2015).
#include <cstdint>

namespace upconv::kernels {

template <int outputs, int taps>
struct Winograd;

/// Points 0, 1, infinity.
template <>
struct Winograd<2, 2> {
  static constexpr int m = 2, T = 2, n = 3;
  static constexpr float BT[n][n] = {{1, -1, 0}, {0, 1, 0}, {0, -1, 1}};
  static constexpr double G[n][T] = {{1, 0}, {1, 1}, {0, 1}};
  static constexpr float AT[m][n] = {{1, 1, 0}, {0, 1, 1}};
};

/// Points 0, 1, -1, infinity.
template <>
struct Winograd<3, 2> {
  static constexpr int m = 3, T = 2, n = 4;
  static constexpr float BT[n][n] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}};
  static constexpr double G[n][T] = {{1, 0}, {0.5, 0.5}, {0.5, -0.5}, {0, 1}};
  static constexpr float AT[m][n] = {{1, 1, 1, 0}, {0, 1, -1, 0}, {0, 1, 1, 1}};
};

/// Points 0, 1, -1, infinity.
template <>
struct Winograd<2, 3> {
  static constexpr int m = 2, T = 3, n = 4;
  static constexpr float BT[n][n] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}};
  static constexpr double G[n][T] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  static constexpr float AT[m][n] = {{1, 1, 1, 0}, {0, 1, -1, 1}};
};

/// Points 3/8, -3/8, 5/4, -5/4, infinity: half the rms error of 0, 1, -1, 2, infinity, the best of some thousand sets
/// of small fractions; and their signs leave zeros in the middle of the matrices. All of BT and AT is exact.
template <>
struct Winograd<4, 2> {
  static constexpr int m = 4, T = 2, n = 5;
  static constexpr float a = 0.375f, b = 1.25f, aa = a * a, bb = b * b;
  static constexpr double N = 2.0 * (aa - bb);  // of G's row for a, over a; for b the same, negative
  static constexpr float BT[n][n] = {{-a * bb, -bb, a, 1, 0},
                                     {a * bb, -bb, -a, 1, 0},
                                     {-b * aa, -aa, b, 1, 0},
                                     {b * aa, -aa, -b, 1, 0},
                                     {aa * bb, 0, -aa - bb, 0, 1}};
  static constexpr double G[n][T] = {
      {1 / (a * N), 1 / N}, {-1 / (a * N), 1 / N}, {-1 / (b * N), -1 / N}, {1 / (b * N), -1 / N}, {0, 1}};
  static constexpr float AT[m][n] = {
      {1, 1, 1, 1, 0}, {a, -a, b, -b, 0}, {aa, aa, bb, bb, 0}, {a * aa, -a* aa, b* bb, -b* bb, 1}};
};

/// The schemes that kernels exist for, in the order of Table::winograd_input and winograd_output.
enum class Scheme : int32_t { f22, f32, f23, f42 };
constexpr int schemes = 4;
constexpr int most_points = 25;  ///< n * n of the largest

/// Calls f(Winograd<m, T>()) for the scheme.
template <class F>
constexpr auto with_scheme(Scheme scheme, F f) {
  switch (scheme) {
    case Scheme::f22:
      return f(Winograd<2, 2>());
    case Scheme::f32:
      return f(Winograd<3, 2>());
    case Scheme::f23:
      return f(Winograd<2, 3>());
    default:
      return f(Winograd<4, 2>());
  }
}

}  // namespace upconv::kernels
