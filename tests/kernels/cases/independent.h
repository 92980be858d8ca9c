#pragma once
// Independent formulas for references. A rung is checked against its reference. If the reference is the
// only rung of its ladder, it is checked against an independent formula, because otherwise no test would
// find its mistakes.

#include <functional>
#include <map>
#include <string>

#include "kernels/contract/case.h"

namespace hewn::test {

/// By op: a function that computes the outputs of a case.
using Formulas = std::map<std::string, std::function<void(Case&)>>;

/// All formulas that this program defines.
Formulas& independent_formulas();

/// Defines `compute` as the independent formula of the op with the arguments A. It writes the outputs to
/// which the arguments point, with a formula different from the reference's and in long double:
/// `const IndependentFormula<SoftplusForward> forward([](const SoftplusForward& a) { ... });`
template <class A>
struct IndependentFormula {
  explicit IndependentFormula(void (*compute)(const A&)) {
    independent_formulas()[ladder_of(A{}).op] = [compute](Case& c) {
      compute(static_cast<CaseOf<A>&>(c).args());
    };
  }
};

}  // namespace hewn::test
