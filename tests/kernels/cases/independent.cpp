#include "tests/kernels/cases/independent.h"

#include <set>

#include "kernels/contract/rooms.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn::test {

Formulas& independent_formulas() {
  static Formulas formulas;
  return formulas;
}

}  // namespace hewn::test

namespace hewn {

/// An op with a ladder of one rung: y = 2 x.
struct Doubled {
  DType dtype;
  int64_t n;
  const float* x;
  float* y;
};

template <>
void kernel<"reference">(const Launch&, const Doubled& a) {
  for (int64_t i = 0; i < a.n; ++i) a.y[i] = 2 * a.x[i];
}

const Ladder<Doubled>& ladder_of(const Doubled&) {
  static constexpr Rung<Doubled> rungs[] = {{scalar<"reference">, ""}};
  static constexpr Ladder<Doubled> ladder{"doubled", rungs, [](const Doubled&) { return Cost{}; }};
  return ladder;
}

namespace {

Cases doubled_cases(const CaseRequest& request) {
  Cases cases;
  if (request.dtype != DType::f32) return cases;
  const auto fill = [](CaseMemory& m, Doubled& a) {
    a.x = m.input("x", DType::f32, a.n);
    a.y = m.output("y", DType::f32, a.n, 1e-6);
  };
  cases.push_back(sketch_of<Doubled>({DType::f32, 5, {}, {}}, DType::f32, "5", fill).make(request));
  return cases;
}

/// References without further rungs that have no formula, and references that differ from their formulas.
std::set<std::string> unproved(std::span<const Room> all, const test::Formulas& formulas) {
  std::set<std::string> problems;
  for (const Room& room : all)
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
      for (const auto& c : room.cases({.dtype = dtype, .seed = test::run_seed(), .width = 4})) {
        const auto formula = formulas.find(c->op());
        if (formula == formulas.end()) {
          if (c->rungs() == 1)
            problems.insert(std::string(c->op()) + " has only a reference; define an IndependentFormula in " +
                            "tests/kernels/cases/" + room.name + ".cpp");
          continue;
        }
        const Reference reference = c->reference(1);
        c->reset();
        formula->second(*c);
        const std::string difference = c->difference(reference);
        if (!difference.empty())
          problems.insert(std::string(c->op()) + " " + c->shape() + " " + std::string(name_of(dtype)) + ": " +
                          difference);
      }
  return problems;
}

}  // namespace

TEST_CASE("a reference without another rung equals an independent formula") {
  CHECK(unproved(rooms(), test::independent_formulas()) == std::set<std::string>{});
}

TEST_CASE("a missing or different independent formula is detected") {
  const Room room{"doubled", doubled_cases, nullptr};
  const auto formula = [](float factor) {
    return test::Formulas{{"doubled", [factor](Case& c) {
                             const Doubled& a = static_cast<CaseOf<Doubled>&>(c).args();
                             for (int64_t i = 0; i < a.n; ++i) a.y[i] = a.x[i] * factor;
                           }}};
  };
  CHECK(unproved({&room, 1}, {}) ==
        std::set<std::string>{"doubled has only a reference; define an IndependentFormula in "
                              "tests/kernels/cases/doubled.cpp"});
  CHECK(unproved({&room, 1}, formula(2)).empty());
  const auto different = unproved({&room, 1}, formula(3));
  REQUIRE(different.size() == 1);
  CHECK_THAT(*different.begin(), Catch::StartsWith("doubled 5 f32: y"));
}

}  // namespace hewn
