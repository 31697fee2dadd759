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

/// The schemes that kernels exist for, in the order of Table::winograd_input and winograd_output.
enum class Scheme : int32_t { f22, f32, f23 };
constexpr int schemes = 3;
constexpr int most_points = 16;  ///< n * n of the largest

/// Calls f(Winograd<m, T>()) for the scheme.
template <class F>
constexpr auto with_scheme(Scheme scheme, F f) {
  switch (scheme) {
    case Scheme::f22:
      return f(Winograd<2, 2>());
    case Scheme::f32:
      return f(Winograd<3, 2>());
    default:
      return f(Winograd<2, 3>());
  }
}

}  // namespace upconv::kernels
