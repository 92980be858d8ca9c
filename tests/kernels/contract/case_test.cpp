// Features of cases that benchmarks rely on: twins, and references made of excerpts.

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "kernels/activation/abi.h"
#include "kernels/contract/rooms.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/optimizer/abi.h"
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

TEST_CASE("sampled places include both ends, and the ends and insides of blocks") {
  for (const int64_t n : {1, 2, 3, 64, 100, 130, 1000, 8192, 50257})
    for (const int64_t count : {1, 20, 64, 393}) {
      INFO(count << " of " << n);
      const std::vector<int64_t> places = sampled_places(n, count);
      CHECK(places.front() == 0);
      CHECK(places.back() == n - 1);
      CHECK(std::is_sorted(places.begin(), places.end()));
      CHECK(std::adjacent_find(places.begin(), places.end()) == places.end());
      CHECK(static_cast<int64_t>(places.size()) >= std::min(n, count));
      CHECK(static_cast<int64_t>(places.size()) <= std::min(n, 2 * count + 2));
    }
  std::set<int64_t> in_tile;
  for (const int64_t place : sampled_places(8192, 64)) in_tile.insert(place % 128);
  for (const int64_t edge : {0, 127, 64, 63, 16}) CHECK(in_tile.count(edge) == 1);
}

namespace {

/// The excerpts have the values of the whole, cover at least 256 elements of each output but few of all, and an error
/// in one of them is found.
void check_excerpts(Case& c) {
  INFO(c.op() << " " << c.shape() << " " << name_of(c.dtype()));
  const Reference excerpts = c.reference(3);
  REQUIRE(!excerpts.at.empty());
  CHECK((c.reference(1).values == excerpts.values));
  c.reset();
  c.run(0, Isa::scalar, 1);
  CHECK(c.difference(excerpts) == "");
  size_t which = 0;
  for (Operand& out : c.operands()) {
    if (!out.output) continue;
    const std::vector<int64_t>& at = excerpts.at.at(which++);
    INFO(out.name << ": " << at.size() << " of " << out.n);
    CHECK(at.size() >= 256);
    CHECK(at.size() < static_cast<size_t>(out.n) / 5);
    // A result in bf16, or one that adds little, may equal the initial value, and is then left out.
    if (out.dtype != DType::bf16 && std::string_view(c.shape()).find(" add") == std::string_view::npos) {
      CHECK(at.front() == 0);
      CHECK(at.back() == out.n - 1);
    }
    const int64_t some = at[at.size() / 2];
    uint8_t* const element = out.data() + static_cast<size_t>(some) * size_of(out.dtype);
    const std::vector<uint8_t> right(element, element + size_of(out.dtype));
    std::fill_n(element, right.size(), uint8_t{0x7f});
    CHECK(c.difference(excerpts) != "");
    std::copy(right.begin(), right.end(), element);
  }
}

const Room& room_called(std::string_view name) {
  return *std::find_if(rooms().begin(), rooms().end(), [&](const Room& room) { return room.name == name; });
}

}  // namespace

TEST_CASE("large cases are checked on excerpts") {
  if (test::left_out()) return;
  for (const auto& [room, shape] : {std::pair{"matmul", "130x700x800"},
                                    {"matmul", "3x5000x1200"},
                                    {"attention", "3x4x160x160x64"},
                                    {"attention", "4x6x160x160x32x3x70"},
                                    {"attention", "2x4x300x300x64x2x200x10"},
                                    {"cross_entropy", "2048x8195"}})
    for (const DType dtype : {DType::f32, DType::bf16})
      for (const auto& c :
           room_called(room).cases({.dtype = dtype, .seed = test::run_seed(), .bench = true, .shape = shape}))
        check_excerpts(*c);
}

TEST_CASE("a reference's excerpts do not grow with the case") {
  if (test::left_out()) return;
  struct Sizes {
    const char *room, *shape;
    int64_t most;  // elements of the largest output
  };
  // 64 queries or keys of two heads, at most twice as many; 2^26 elements of operands for a product, at most four
  // times as many.
  for (const auto& [room, shape, most] : {Sizes{"attention", "1x3x16384x16384x8", 3 * 2 * 130 * 8},
                                          {"attention", "8x3x16384x16384x2x3x1000", 3 * 2 * 130 * 2},
                                          {"matmul", "1400x1600x20000", (int64_t{1} << 28) / 20000},
                                          {"matmul", "7000x3x20000", (int64_t{1} << 28) / 20000}})
    for (const auto& c : room_called(room).cases({.dtype = DType::bf16, .bench = true, .shape = shape})) {
      INFO(c->op() << " " << c->shape());
      const Reference excerpts = c->reference(2);
      REQUIRE(!excerpts.at.empty());
      for (const std::vector<int64_t>& at : excerpts.at) CHECK(static_cast<int64_t>(at.size()) <= most);
    }
}

TEST_CASE("large launches are checked on excerpts") {
  if (test::left_out()) return;
  constexpr int64_t elements = int64_t{1} << 22, parameters = int64_t{1} << 24, rows = 2048, cols = 8192;
  const DType t = DType::f32;
  const auto check = [](const char* room, const auto& args) {
    check_excerpts(*room_called(room).like(ladder_of(args).op, &args).make({.bench = true}));
  };
  check("activation", ActivationForward{Activation::gelu_tanh, t, elements, nullptr, nullptr});
  check("activation",
        ActivationBackward{Activation::gelu_tanh, t, elements, nullptr, nullptr, nullptr, Write::add});
  check("cross_entropy", CrossEntropyForward{t, rows, cols, nullptr, nullptr, nullptr, nullptr});
  check("cross_entropy", CrossEntropyBackward{t, rows, cols, nullptr, nullptr, nullptr, nullptr, nullptr,
                                              nullptr, Write::set});
  CrossEntropyFused fused{};
  fused.dtype = DType::bf16, fused.rows = rows, fused.cols = cols + 5, fused.ld = cols + 64,
  fused.gradient = true;
  check("cross_entropy", fused);
  uint16_t mixed = 0;
  check("optimizer", ParameterUpdate{UpdateRule::adamw, t, parameters, parameters / 2, nullptr, nullptr,
                                     nullptr, nullptr, 0.9, 0.99, 1e-8, 0.1, nullptr, &mixed});
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
      const auto alike = sketch.make({.bench = true});
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

TEST_CASE("all elements of large operands have initial values, and a changed input is found") {
  constexpr int64_t n = 2'500'000;
  const ActivationForward relu{Activation::relu, DType::f32, n, nullptr, nullptr};
  const auto c = room_called("activation").like(ladder_of(relu).op, &relu).make({.bench = true});
  const auto before = c->outputs();
  c->run(0, Isa::scalar, 1);
  CHECK((c->outputs() != before));
  c->reset();
  CHECK((c->outputs() == before));
  for (Operand& o : c->operands()) {
    INFO(o.name);
    CHECK(c->damage() == "");
    for (const int64_t i : {int64_t{0}, int64_t{1'000'003}, n - 1}) {
      uint8_t& byte = o.data()[static_cast<size_t>(i) * sizeof(float)];
      byte ^= 1;
      CHECK(c->damage() == (o.output ? "" : "input x was changed"));
      byte ^= 1;
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
