// Checks the stated accuracy of the functions of kernels/simd/vec_math.h and activation/curves.h on every
// instruction set: over a sample of the floats or, on request, over all 2^32.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/contract/parallel.h"
#include "tests/kernels/vec.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double sigmoid_slope(double x) {
  const double e = std::exp(-std::fabs(x));
  return e / ((1 + e) * (1 + e));
}
double cdf(double x) { return std::erfc(-x * std::numbers::sqrt2 / 2) / 2; }
double density(double x) { return std::exp(-x * x / 2) * std::numbers::inv_sqrtpi * std::numbers::sqrt2 / 2; }

/// A vector function of kernels/simd/vec_math.h, or the curve of an activation.
struct Function {
  std::string name;
  double (*truth)(double);
  VecFunction id{};
  double least = 0;  ///< errors are relative to the true value or to this if it is larger: slopes cross 0
  bool vanishes = false;  ///< may be 0 where the true value is subnormal
  Activation kind = Activation::count;
  CurvePart part = CurvePart::value;

  template <Isa I>
  void apply(const float* x, float* y, int64_t n) const {
    kind == Activation::count ? vec_apply<I>(id, x, y, n) : curve_apply<I>(kind, part, x, y, n);
  }
  template <Isa I>
  double ulp() const {
    return kind == Activation::count ? vec_ulp<I>(id) : curve_ulp<I>(kind, part);
  }
};

/// Where a power of two would be subnormal, any value of at most this size is accepted.
constexpr double subnormal = 1e-31;

const std::vector<Function>& functions() {
  static const std::vector<Function> all = [] {
    std::vector<Function> list = {{"exp", [](double x) { return std::exp(x); }, VecFunction::exp, 0, true},
                                  {"exp below 0", [](double x) { return std::exp(-std::fabs(x)); },
                                   VecFunction::exp_below_0, subnormal},
                                  {"log", [](double x) { return std::log(x); }, VecFunction::log},
                                  {"tanh", [](double x) { return std::tanh(x); }, VecFunction::tanh},
                                  {"sigmoid", sigmoid, VecFunction::sigmoid, 0, true},
                                  {"sigmoid'", sigmoid_slope, VecFunction::sigmoid_slope, 0, true},
                                  {"normal cdf", cdf, VecFunction::normal_cdf, 0, true},
                                  {"normal density", density, VecFunction::normal_density, 0, true}};
    // An activation's factor may already be 0 where the value is less than a unit in the last place of 1e-29.
    for (const ActivationRow& row : activation_table) {
      const std::string name = row.name;
      list.push_back({.name = name, .truth = row.value, .least = 1e-29, .kind = row.kind});
      list.push_back(
          {.name = name + "'", .truth = row.slope, .least = 0.5, .kind = row.kind, .part = CurvePart::slope});
    }
    return list;
  }();
  return all;
}

/// Distance from the true value f(x) in units in the last place of float there, or at `least` if the true
/// value is smaller; infinite if only one of them is NaN or inf. Any result is accepted for inf times 0.
double ulps(const Function& f, float x, float got, double want) {
  if (std::isinf(x) && std::isnan(want)) return 0;
  if (f.vanishes && got == 0 && std::fabs(want) < std::numeric_limits<float>::min()) return 0;
  const float rounded = static_cast<float>(want);
  if (std::isnan(want) && std::isnan(got)) return 0;
  if (std::isnan(want) || std::isnan(got)) return inf;
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : inf;
  const auto biased = std::bit_cast<uint64_t>(std::max(std::fabs(want), f.least)) >> 52;
  const int exponent = std::max(static_cast<int>(biased) - 1023 - 23, -149);
  const auto per_ulp = std::bit_cast<double>(static_cast<uint64_t>(1023 - exponent) << 52);
  return std::fabs(static_cast<double>(got) - want) * per_ulp;
}

struct Worst {
  double ulp = 0;
  float x = 0;
  void take(double error, float at) {
    if (!(error <= ulp)) ulp = error, x = at;
  }
};
using WorstByIsa = std::array<Worst, n_isas>;

constexpr int64_t block = 4096;

/// A block of floats, their true values, and the results of each instruction set.
class Sweep {
 public:
  Sweep(const Function& f, uint32_t start, uint64_t step) : f_(f), start_(start), step_(step) {}

  /// Runs floats b block to (b + 1) block - 1 of the sample.
  void run(int64_t b) {
    const auto first = static_cast<uint64_t>(b * block);
    for (size_t i = 0; i < block; ++i) {
      x_[i] = std::bit_cast<float>(static_cast<uint32_t>(start_ + (first + i) * step_));
      want_[i] = f_.truth(static_cast<double>(x_[i]));
      rounded_[i] = static_cast<float>(want_[i]);
    }
    for_each_isa([&]<Isa I>() {
      f_.template apply<I>(x_.data(), got_.data(), block);
      compare(worst[static_cast<size_t>(I)]);
    });
  }

  WorstByIsa worst{};

 private:
  /// Skips runs of results that equal the rounded true values, which are frequent.
  void compare(Worst& worst_here) const {
    constexpr size_t run = 64;
    for (size_t i = 0; i < block; i += run) {
      if (std::memcmp(&got_[i], &rounded_[i], run * sizeof(float)) == 0) {
        worst_here.take(0.5, x_[i]);
        continue;
      }
      for (size_t k = i; k < i + run; ++k) worst_here.take(ulps(f_, x_[k], got_[k], want_[k]), x_[k]);
    }
  }

  const Function& f_;
  uint32_t start_;
  uint64_t step_;
  std::array<float, block> x_{}, got_{}, rounded_{};
  std::array<double, block> want_{};
};

/// The worst error over every `step`-th of the 2^32 floats, on all cores.
WorstByIsa sweep(const Function& f, uint32_t start, uint64_t step) {
  const auto blocks = static_cast<int64_t>((uint64_t{1} << 32) / step / block);
  std::vector<WorstByIsa> worst(static_cast<size_t>(available_cores()));
  parallel_for(Launch{.threads = available_cores()}, blocks, [&](int64_t begin, int64_t end, int worker) {
    const auto part = std::make_unique<Sweep>(f, start, step);
    for (int64_t b = begin; b < end; ++b) part->run(b);
    worst[static_cast<size_t>(worker)] = part->worst;
  });
  WorstByIsa all{};
  for (const WorstByIsa& part : worst)
    for (size_t isa = 0; isa < n_isas; ++isa) all[isa].take(part[isa].ulp, part[isa].x);
  return all;
}

void check_accuracy(uint64_t step) {
  for (const Function& f : functions()) {
    const auto start = static_cast<uint32_t>(Random("vec").integer(0, static_cast<int64_t>(step) - 1));
    const WorstByIsa worst = sweep(f, start, step);
    for_each_isa([&]<Isa I>() {
      const Worst& w = worst[static_cast<size_t>(I)];
      INFO(f.name << " on " << name_of(I) << ": " << w.ulp << " ulp at x = " << w.x);
      CHECK(w.ulp <= f.template ulp<I>());
    });
  }
}

}  // namespace

TEST_CASE("vector functions are as accurate as stated: a sample of floats", "[vec]") {
  check_accuracy(full() ? 307 : 2003);
}

TEST_CASE("vector functions are as accurate as stated: all floats", "[vec][.all_floats]") {
  check_accuracy(1);
}

TEST_CASE("the exponential of doubles is as accurate as stated", "[vec]") {
  constexpr size_t n = 1 << 16;
  constexpr double least_normal = -708.39;
  Random random("exp of doubles");
  std::vector<double> x(n), y(n);
  for (size_t i = 0; i < n; ++i) x[i] = random.uniform(i % 2 == 0 ? -1 : least_normal, 0);
  const double special[] = {0,       -0.0,   -std::numeric_limits<double>::infinity(), -709, -1e300,
                            -5e-324, -1e-17, std::numeric_limits<double>::quiet_NaN()};
  std::copy(std::begin(special), std::end(special), x.begin());
  for_each_isa([&]<Isa I>() {
    INFO("instruction set " << name_of(I));
    const double most = vec_exp_of_doubles<I>(x.data(), y.data(), n);
    CHECK((y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 0 && y[5] == 1 && y[6] == 1));
    CHECK(std::isnan(y[7]));
    double worst = 0;
    for (size_t i = std::size(special); i < n; ++i) {
      const long double want = std::exp(static_cast<long double>(x[i]));
      const auto ulp = static_cast<long double>(std::ldexp(1.0, std::ilogb(static_cast<double>(want)) - 52));
      worst = std::max(worst, static_cast<double>(std::fabs(static_cast<long double>(y[i]) - want) / ulp));
    }
    INFO(worst << " ulp");
    CHECK(worst <= most);
    CHECK(worst > 0);
  });
}

TEST_CASE("vector functions at special values", "[vec]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float special[] = {
      0.0f, -0.0f, inf,      -inf,     nan,      1e-45f,   -1e-45f, 1.17549435e-38f, -1.17549435e-38f,
      1.0f, -1.0f, 88.7228f, 88.7229f, -103.97f, -103.98f, 3e38f,   -3e38f,          -87.4f,
      0.5f, 2.0f};
  for_each_isa([&]<Isa I>() {
    INFO("instruction set " << name_of(I));
    const auto last = [](float x, auto run) {
      std::vector<float> in(static_cast<size_t>(vec_lanes<I>()), x), out(in);
      run(in.data(), out.data(), vec_lanes<I>());
      return out.back();
    };
    const auto apply = [&](VecFunction f, float at) {
      return last(at, [f](const float* x, float* y, int64_t n) { vec_apply<I>(f, x, y, n); });
    };
    for (const Function& f : functions())
      for (const float x : special) {
        INFO(f.name << " of " << x);
        const float got =
            last(x, [&f](const float* in, float* out, int64_t n) { f.template apply<I>(in, out, n); });
        CHECK(ulps(f, x, got, f.truth(static_cast<double>(x))) <= f.template ulp<I>());
      }
    CHECK(apply(VecFunction::exp, -inf) == 0);
    CHECK(apply(VecFunction::exp_below_0, -inf) == 0);
    CHECK(apply(VecFunction::exp_below_0, 0) == 1);
    CHECK(apply(VecFunction::exp, 0) == 1);
    CHECK(apply(VecFunction::log, 1) == 0);
    CHECK(std::isnan(apply(VecFunction::log, -inf)));
    CHECK(std::signbit(apply(VecFunction::tanh, -0.0f)));
  });
}

}  // namespace hewn::test
