#pragma once
// The matrices of F(m, T): m outputs of a T-tap sum y[i] = sum_t g[t] d[i + t] from n = m + T - 1 products instead of
// m * T:  y = AT ((G g) * (BT d)), in two dimensions Y = AT ((G g GT) * (BT d B)) A  (Lavin and Gray, 2015).
// Where G is G' diag(f) with a G' of small numbers, weights stored as f[i] g[i][j] f[j] become those of any point by a
// few additions (struct LeanProducts).
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
  static constexpr double f[T] = {1, 1};
  static constexpr float AT[m][n] = {{1, 1, 0}, {0, 1, 1}};
};

/// Points 0, 1, -1, infinity.
template <>
struct Winograd<3, 2> {
  static constexpr int m = 3, T = 2, n = 4;
  static constexpr float BT[n][n] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}};
  static constexpr double G[n][T] = {{1, 0}, {0.5, 0.5}, {0.5, -0.5}, {0, 1}};
  static constexpr double f[T] = {0.5, 0.5};
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

/// Points a, -a, b = 3 a, -b, infinity, for a = 7/16: half the rms error of 0, 1, -1, 2, infinity, the best of some
/// thousand sets of small fractions but for a few percent; and their signs leave zeros in the middle of the matrices.
/// What the definition asks for beside f is in BT. All of BT, AT and G' is exact.
template <>
struct Winograd<4, 2> {
  static constexpr int m = 4, T = 2, n = 5;
  static constexpr float a = 0.4375f, b = 3 * a, aa = a * a, bb = b * b;
  static constexpr double f[T] = {1 / (48.0 * aa * a), 1 / (48.0 * aa)};
  static constexpr float infinity = 48 * aa;
  static constexpr float BT[n][n] = {{3 * a * bb, 3 * bb, -3 * a, -3, 0},
                                     {3 * a * bb, -3 * bb, -3 * a, 3, 0},
                                     {-b * aa, -aa, b, 1, 0},
                                     {-b * aa, aa, b, -1, 0},
                                     {infinity * aa * bb, 0, -infinity*(aa + bb), 0, infinity}};
  static constexpr double G[n][T] = {{f[0], f[1]}, {f[0], -f[1]}, {f[0], 3 * f[1]}, {f[0], -3 * f[1]}, {0, f[1]}};
  static constexpr float AT[m][n] = {
      {1, 1, 1, 1, 0}, {a, -a, b, -b, 0}, {aa, aa, bb, bb, 0}, {a * aa, -a* aa, b* bb, -b* bb, 1}};
};

/// The matrices of F(m, T) from its finite points; the last one is infinity.
template <int m, int T>
struct Matrices {
  static constexpr int n = m + T - 1;
  float BT[n][n] = {};
  double G[n][T] = {};
  float AT[m][n] = {};

  /// Row i of BT has the coefficients of the product of (x - p) over the other points, that of infinity over all.
  constexpr explicit Matrices(const double (&points)[n - 1]) {
    for (int i = 0; i < n; ++i) {
      double product[n] = {1};
      int degree = 0;
      double value = 1;  // of the product at point i
      for (int j = 0; j < n - 1; ++j) {
        if (j == i) continue;
        ++degree;
        for (int k = degree; k >= 0; --k) product[k] = (k > 0 ? product[k - 1] : 0) - points[j] * product[k];
        if (i < n - 1) value *= points[i] - points[j];
      }
      for (int k = 0; k < n; ++k) BT[i][k] = static_cast<float>(product[k]);
      if (i == n - 1) break;
      double power = 1;
      for (int k = 0; k < (m > T ? m : T); ++k, power *= points[i]) {
        if (k < T) G[i][k] = power / value;
        if (k < m) AT[k][i] = static_cast<float>(power);
      }
    }
    G[n - 1][T - 1] = 1;
    AT[m - 1][n - 1] = 1;
  }
};

/// Points 0, 5/8, -5/8, 3/2, -3/2, infinity: half the rms error of 0, 1, -1, 2, -2. All of BT and AT is exact.
template <>
struct Winograd<4, 3> {
  static constexpr int m = 4, T = 3, n = 6;
  static constexpr Matrices<m, T> of{{0, 0.625, -0.625, 1.5, -1.5}};
  static constexpr const auto& BT = of.BT;
  static constexpr const auto& AT = of.AT;
  static constexpr const auto& G = of.G;
};

/// Points 0, 1/2, -1/2, 1, -1, 2, -2, infinity: no set of small fractions has a smaller rms error.
template <>
struct Winograd<6, 3> {
  static constexpr int m = 6, T = 3, n = 8;
  static constexpr Matrices<m, T> of{{0, 0.5, -0.5, 1, -1, 2, -2}};
  static constexpr const auto& BT = of.BT;
  static constexpr const auto& AT = of.AT;
  static constexpr const auto& G = of.G;
};

/// Points 1/4, -1/4, 7/8, -7/8, 7/4, -7/4, infinity: of all sets of three pairs of eighths that with the least rms
/// error, 0.84 of 0 with two pairs and one more. All of BT and AT is exact.
template <>
struct Winograd<4, 4> {
  static constexpr int m = 4, T = 4, n = 7;
  static constexpr Matrices<m, T> of{{0.25, -0.25, 0.875, -0.875, 1.75, -1.75}};
  static constexpr const auto& BT = of.BT;
  static constexpr const auto& AT = of.AT;
  static constexpr const auto& G = of.G;
};

/// The points of F(4,4), as there are as many.
template <>
struct Winograd<3, 5> {
  static constexpr int m = 3, T = 5, n = 7;
  static constexpr Matrices<m, T> of{{0.25, -0.25, 0.875, -0.875, 1.75, -1.75}};
  static constexpr const auto& BT = of.BT;
  static constexpr const auto& AT = of.AT;
  static constexpr const auto& G = of.G;
};

/// What takes the place of a scheme where transformed inputs and weights are rounded, to bfloat16. Their roundings then
/// are all the error there is, and it is for the points to keep small: that of an output is the sum over its products
/// of AT[i][j]^2 |BT[j]|^2 |G[j]|^2, in one direction.
template <class W>
struct ForRounded {
  using type = W;
};

/// Points 5/8, -5/8, infinity: 1.15 times the rms error of direct sums, where 0, 1, infinity has 2.0; of all triples of
/// sixteenths the least but for a thousandth. F(3,2) and F(2,3) have the best of theirs, 0, 1, -1, with 1.67.
template <>
struct ForRounded<Winograd<2, 2>> {
  struct type {
    static constexpr int m = 2, T = 2, n = 3;
    static constexpr Matrices<m, T> of{{0.625, -0.625}};
    static constexpr const auto& BT = of.BT;
    static constexpr const auto& AT = of.AT;
    static constexpr const auto& G = of.G;
  };
};

/// Whether a scheme is ever rounded: F(6,3) would be off by a tenth.
template <class W>
constexpr bool is_for_rounded = W::m <= 4;

/// Whether a scheme is taken in both directions at once: F(4,4) and F(3,5) are not, as errors of the two multiply.
template <class W>
constexpr bool is_for_pictures = W::T <= 3;

/// Whether a scheme is taken along rows alone: fewer points save too little in one direction, and F(6,3) errs too much.
template <class W>
constexpr bool is_for_along = W::n >= 6 && W::n <= 7;

/// Whether a scheme has a G'.
template <class W>
constexpr bool is_lean = requires { W::f; };

/// The schemes that kernels exist for. This list is the only one: the tables of kernels, the candidates of the compiler
/// and what tests and benchmarks sweep over are expanded from it, in this order.
template <class... Ws>
struct SchemeList {
  static constexpr int count = sizeof...(Ws);
};
using Schemes = SchemeList<Winograd<2, 2>, Winograd<3, 2>, Winograd<2, 3>, Winograd<4, 2>, Winograd<4, 3>,
                           Winograd<6, 3>, Winograd<4, 4>, Winograd<3, 5>>;

/// A scheme's place in the list.
enum class Scheme : int32_t {};
constexpr int schemes = Schemes::count;

/// Calls f(Winograd<m, T>()) for the scheme.
template <class F, class First, class... Rest>
constexpr auto with_scheme(Scheme scheme, F f, SchemeList<First, Rest...>) {
  if constexpr (sizeof...(Rest) == 0) {
    return f(First());
  } else {
    if (scheme == Scheme{}) return f(First());
    return with_scheme(Scheme{static_cast<int32_t>(scheme) - 1}, f, SchemeList<Rest...>());
  }
}
template <class F>
constexpr auto with_scheme(Scheme scheme, F f) {
  return with_scheme(scheme, f, Schemes());
}

/// The same with what takes the scheme's place where it is rounded.
template <class F>
constexpr auto with_scheme(Scheme scheme, bool rounded, F f) {
  return with_scheme(scheme, [&](auto s) {
    using W = decltype(s);
    return rounded ? f(typename ForRounded<W>::type()) : f(W());
  });
}

/// Calls f(scheme) for all of them in their order.
template <class F>
constexpr void each_scheme(F f) {
  for (int32_t place = 0; place < schemes; ++place) f(Scheme{place});
}

/// The place of F(m, T).
template <int m, int T>
constexpr Scheme scheme_of() {
  int32_t found = -1;
  each_scheme([&](Scheme scheme) {
    const bool same = with_scheme(scheme, [](auto s) { return decltype(s)::m == m && decltype(s)::T == T; });
    if (same) found = static_cast<int32_t>(scheme);
  });
  return Scheme{found};
}

/// n * n of the largest.
constexpr int most_points = [] {
  int most = 0;
  each_scheme([&](Scheme scheme) {
    const int points = with_scheme(scheme, [](auto s) { return decltype(s)::n * decltype(s)::n; });
    if (points > most) most = points;
  });
  return most;
}();

}  // namespace upconv::kernels
