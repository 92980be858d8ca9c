// Features of cases that benchmarks rely on: twins, and references made of excerpts.

#include <algorithm>
#include <map>
#include <string>

#include "kernels/contract/rooms.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

size_t preferred(const Case& c) {
  size_t best = 0;
  for (size_t rung = 0; rung < c.rungs(); ++rung)
    if (!c.why_not(rung) && c.has(rung, Isa::scalar)) best = rung;
  return best;
}

}  // namespace

TEST_CASE("a twin does the same work in its own memory") {
  for (const Room& room : rooms())
    for (const auto& c : room.cases({.seed = test::run_seed(), .width = 4})) {
      INFO(c->op() << " " << c->shape());
      c->reset();
      const auto before = c->outputs();
      const auto twin = c->twin();
      const size_t rung = preferred(*c);
      twin->run(rung, Isa::scalar, 1);
      CHECK(c->damage() == "");
      CHECK((c->outputs() == before));
      c->run(rung, Isa::scalar, 1);
      CHECK(twin->difference({c->outputs(), {}}) == "");
    }
}

TEST_CASE("large cases are checked on excerpts") {
  const std::map<std::string, std::string> large = {{"matmul", "130x700x800"},
                                                    {"attention", "3x4x160x160x64"}};
  for (const Room& room : rooms()) {
    const auto shape = large.find(room.name);
    if (shape == large.end()) continue;
    Cases cases = room.cases({.seed = test::run_seed(), .bench = true, .shape = shape->second});
    for (auto& c :
         room.cases({.dtype = DType::bf16, .seed = test::run_seed(), .bench = true, .shape = shape->second}))
      cases.push_back(std::move(c));
    for (const auto& c : cases) {
      INFO(c->op() << " " << c->shape());
      const Reference excerpts = c->reference(1);
      REQUIRE(!excerpts.reached.empty());
      c->reset();
      c->run(0, Isa::scalar, 1);
      CHECK(c->difference(excerpts) == "");
      size_t which = 0;
      for (Operand& out : c->operands()) {
        if (!out.output) continue;
        const std::vector<bool>& reached = excerpts.reached.at(which++);
        const auto known = std::count(reached.begin(), reached.end(), true);
        INFO(out.name << ": " << known << " of " << out.n);
        CHECK(known > 300);
        CHECK(known < out.n / 5);
        const auto some = std::find(reached.begin(), reached.end(), true) - reached.begin();
        uint8_t* const element = out.data() + static_cast<size_t>(some) * size_of(out.dtype);
        const std::vector<uint8_t> right(element, element + size_of(out.dtype));
        std::fill_n(element, right.size(), uint8_t{0x7f});
        CHECK(c->difference(excerpts) != "");
        std::copy(right.begin(), right.end(), element);
      }
    }
  }
}

TEST_CASE("no cost exceeds reading all operands and writing all outputs") {
  for (const Room& room : rooms())
    for (const auto& c : room.cases({})) {
      double most = 0;
      for (const Operand& o : c->operands())
        most += (o.output ? 2.0 : 1.0) * static_cast<double>(o.n) * static_cast<double>(size_of(o.dtype));
      INFO(c->op() << " " << c->shape());
      CHECK(c->cost().bytes <= most);
      CHECK(c->needs().updated <= c->cost().bytes / 2);
      CHECK(c->needs().exps <= c->cost().flops / 8);
      CHECK(c->needs().tanhs <= c->cost().flops / 8);
    }
}

TEST_CASE("a case made from a launch has its sizes and its own memory") {
  for (const Room& room : rooms())
    for (const auto& c : room.cases({})) {
      const Sketch sketch = room.like(c->op(), c->arguments());
      INFO(c->op() << " " << c->shape());
      REQUIRE(sketch.make);
      const auto alike = sketch.make();
      CHECK(alike->op() == std::string(c->op()));
      CHECK(alike->shape() == sketch.shape);
      CHECK(alike->cost().flops == c->cost().flops);
      CHECK(alike->cost().bytes == c->cost().bytes);
      const Reference reference = alike->reference(1);
      for (size_t rung = 0; rung < alike->rungs(); ++rung) {
        CHECK((alike->why_not(rung) == nullptr) == (c->why_not(rung) == nullptr));
        if (alike->why_not(rung) || !alike->has(rung, Isa::scalar)) continue;
        alike->reset();
        alike->run(rung, Isa::scalar, 2);
        CHECK(alike->difference(reference) == "");
        CHECK(alike->damage() == "");
      }
    }
}

TEST_CASE("values of large inputs repeat after a million elements") {
  CaseMemory memory(test::run_seed());
  const auto* x = static_cast<const float*>(memory.input("x", DType::f32, 2'500'000));
  CHECK(x[0] == x[1'000'003]);
  CHECK(x[1'000'002] == x[2'000'005]);
  CHECK(x[499'993] == x[2'499'999]);
  CHECK(x[0] != x[1'000'002]);
}

}  // namespace hewn
