#include "tests/kernels/vec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

/// Calls body.operator()<I>() for every compiled instruction set this machine has.
template <class Body, size_t... i>
void for_each_isa(Body body, std::index_sequence<i...>) {
  const auto one = [&]<Isa I>() {
    INFO("instruction set " << name_of(I));
    if (supported(I)) body.template operator()<I>();
  };
  (one.template operator()<compiled_isas[i]>(), ...);
}
template <class Body>
void for_each_isa(Body body) {
  for_each_isa(body, std::make_index_sequence<compiled_isas.size()>{});
}

/// Distance from the true value in units in the last place of float there; infinite where only one is NaN or
/// inf.
double ulps(float got, double want) {
  const float rounded = static_cast<float>(want);
  if (std::isnan(want) && std::isnan(got)) return 0;
  if (std::isnan(want) || std::isnan(got)) return inf;
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : inf;
  int exponent = 0;
  std::frexp(want, &exponent);
  return std::fabs(got - want) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

struct Function {
  VecFunction id;
  const char* name;
  double (*truth)(double);
  double bound;  ///< ulp
};

const Function functions[] = {
    {VecFunction::exp, "exp", [](double x) { return std::exp(x); }, 1.1},
    {VecFunction::log, "log", [](double x) { return std::log(x); }, 1.05},
    {VecFunction::tanh, "tanh", [](double x) { return std::tanh(x); }, 2.5},
    {VecFunction::sigmoid, "sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 2.8},
    {VecFunction::sigmoid_slope, "sigmoid'",
     [](double x) {
       const double e = std::exp(-std::fabs(x));
       return e / ((1 + e) * (1 + e));
     },
     5.2},
    {VecFunction::normal_cdf, "normal cdf",
     [](double x) { return std::erfc(-x * std::numbers::sqrt2 / 2) / 2; }, 6.5},
    {VecFunction::normal_density, "normal density",
     [](double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2; }, 2.8},
};

/// The worst error over every `step`-th of the 2^32 floats, starting at `start`.
template <Isa I>
void sweep(const Function& f, uint32_t start, uint64_t step) {
  const int lanes = vec_lanes<I>();
  std::vector<float> x(static_cast<size_t>(lanes)), y(x);
  double worst = 0;
  float worst_x = 0;
  for (uint64_t bits = start; bits < (uint64_t{1} << 32); bits += step * static_cast<uint64_t>(lanes)) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::bit_cast<float>(static_cast<uint32_t>(bits + i * step));
    vec_apply<I>(f.id, x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      const double error = ulps(y[i], f.truth(x[i]));
      if (!(error <= worst)) worst = error, worst_x = x[i];
    }
  }
  INFO(f.name << ": " << worst << " ulp at x = " << worst_x);
  CHECK(worst <= f.bound);
}

}  // namespace

TEST_CASE("vector functions are as accurate as stated, over floats of every exponent", "[vec]") {
  const uint64_t step = full() ? 101 : 2003;
  const auto start = static_cast<uint32_t>(Random("vec").integer(0, static_cast<int64_t>(step) - 1));
  for_each_isa([&]<Isa I>() {
    for (const Function& f : functions) sweep<I>(f, start, step);
  });
}

TEST_CASE("vector functions at their special points", "[vec]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float special[] = {
      0.0f, -0.0f, inf,      -inf,     nan,      1e-45f,   -1e-45f, 1.17549435e-38f, -1.17549435e-38f,
      1.0f, -1.0f, 88.7228f, 88.7229f, -103.97f, -103.98f, 3e38f,   -3e38f,          -87.4f,
      0.5f, 2.0f};
  for_each_isa([&]<Isa I>() {
    const auto apply = [](VecFunction f, float x) {
      std::vector<float> in(static_cast<size_t>(vec_lanes<I>()), x), out(in);
      vec_apply<I>(f, in.data(), out.data());
      return out.back();
    };
    for (const Function& f : functions)
      for (const float x : special) {
        INFO(f.name << " of " << x);
        CHECK(ulps(apply(f.id, x), f.truth(x)) <= f.bound);
      }
    CHECK(apply(VecFunction::exp, -inf) == 0);
    CHECK(apply(VecFunction::exp, 0) == 1);
    CHECK(apply(VecFunction::log, 1) == 0);
    CHECK(std::signbit(apply(VecFunction::tanh, -0.0f)));
  });
}

TEST_CASE("partial loads and stores touch their lanes only; lanes are summed in full", "[vec]") {
  for_each_isa([&]<Isa I>() {
    const int lanes = vec_lanes<I>();
    Random random("lanes");
    for (int64_t n = 0; n <= lanes; ++n) {
      const std::vector<float> x = random.normals(n);  // just n: a sanitizer sees reading too far
      std::vector<float> y(static_cast<size_t>(lanes) + 1, 7.0f);
      double results[3];
      vec_parts<I>(x.data(), n, -2.0f, y.data(), results);
      double sum = -2.0 * static_cast<double>(lanes - n), largest = n < lanes ? -2.0 : -inf,
             sum_of_doubles = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        sum += x[i];
        largest = std::max<double>(largest, x[i]);
        if (i < static_cast<size_t>(lanes) / 2) sum_of_doubles += x[i];
      }
      INFO("n = " << n);
      CHECK(std::equal(x.begin(), x.end(), y.begin()));
      CHECK(std::all_of(y.begin() + n, y.end(), [](float v) { return v == 7.0f; }));
      CHECK(std::fabs(results[0] - sum) <= 1e-5);
      CHECK(results[1] == largest);
      CHECK(std::fabs(results[2] - sum_of_doubles) <= 1e-14);
    }
  });
}

}  // namespace hewn::test
