#include "tests/support/close.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace hewn::test {
namespace {

double difference(double got, double want) { return got == want ? 0.0 : std::abs(got - want); }

Closeness wrong_size(size_t got, size_t want) {
  return {false, "got " + std::to_string(got) + " values, want " + std::to_string(want)};
}

std::string at(std::span<const double> got, std::span<const double> want, size_t i) {
  std::ostringstream text;
  text.precision(17);
  text << "at " << i << " of " << want.size() << ": got " << got[i] << ", want " << want[i];
  return text.str();
}

// Every element's difference against its own bound; the first violation is reported.
template <class Bound>
Closeness each_within(std::span<const double> got, std::span<const double> want, Bound bound) {
  if (got.size() != want.size()) return wrong_size(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (!(difference(got[i], want[i]) <= bound(want[i]))) return {false, at(got, want, i)};
  }
  return {true, "close"};
}

}  // namespace

Closeness close_by_norm(std::span<const double> got, std::span<const double> want, double tol) {
  if (got.size() != want.size()) return wrong_size(got.size(), want.size());
  double gap = 0, norm = 0, largest = -1;
  size_t worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double d = difference(got[i], want[i]);
    gap += d * d;
    if (std::isfinite(want[i])) norm += want[i] * want[i];
    if (!(d <= largest)) worst = i, largest = d;
    if (std::isnan(d)) break;
  }
  const double scale = std::max(std::sqrt(norm), 1e-6 * std::sqrt(static_cast<double>(want.size())));
  const double ratio = want.empty() ? 0.0 : std::sqrt(gap) / scale;
  std::ostringstream text;
  text << "relative by norm " << ratio << ", tolerance " << tol;
  if (!want.empty()) text << "; worst " << at(got, want, worst);
  return {ratio <= tol, text.str()};
}

Closeness close_abs(std::span<const double> got, std::span<const double> want, double tol) {
  return each_within(got, want, [tol](double) { return tol; });
}

Closeness close_rel(std::span<const double> got, std::span<const double> want, double tol) {
  return each_within(got, want, [tol](double w) { return tol * std::abs(w); });
}

Closeness close_to_bf16(std::span<const double> got, std::span<const double> want, double tol) {
  // Numbers in [2^e, 2^(e+1)) are 2^(e-7) apart.
  return each_within(got, want,
                     [tol](double w) { return tol + (w == 0 ? 0 : std::ldexp(1, std::ilogb(w) - 8)); });
}

}  // namespace hewn::test
