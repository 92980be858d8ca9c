// Every rung on every instruction set present agrees with its room's reference, leaves memory around its
// operands unchanged, and produces the same bits for any number of threads.

#include <algorithm>
#include <map>

#include "kernels/contract/rooms.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

std::vector<Isa> present() {
  std::vector<Isa> isas{Isa::scalar};
  for (const Isa isa : known_isas)
    if (supported(isa)) isas.push_back(isa);
  return isas;
}

int width_of(Isa isa, DType dtype) {
  const bool wide = isa >= Isa::avx512 && isa <= Isa::amx;
  const int bytes = wide ? 64 : isa == Isa::avx2 ? 32 : 16;
  return bytes / static_cast<int>(size_of(dtype));
}

/// Bits of all outputs after a run.
std::vector<std::vector<uint8_t>> bits_of(Case& c) {
  std::vector<std::vector<uint8_t>> bits;
  for (Operand& o : c.operands())
    if (o.output) bits.emplace_back(o.data(), o.data() + static_cast<size_t>(o.n) * size_of(o.dtype));
  return bits;
}

/// The last rung with code for this instruction set that accepts the case.
size_t preferred(const Case& c, Isa isa) {
  size_t rung = c.rungs() - 1;
  while (rung > 0 && (!c.has(rung, isa) || c.why_not(rung))) --rung;
  return rung;
}

void check_rung(Case& c, size_t rung, Isa isa, const Reference& reference) {
  INFO(c.op() << " " << c.shape() << " " << name_of(c.dtype()) << ", rung " << c.rung_name(rung) << " on "
              << name_of(isa));
  std::vector<std::vector<uint8_t>> first;
  for (const int threads : {1, 2, 3, 4}) {
    c.reset();
    c.run(rung, isa, threads);
    if (threads == 1) {
      CHECK(c.difference(reference) == "");
      first = bits_of(c);
    } else {
      INFO(threads << " threads");
      CHECK((bits_of(c) == first));
    }
    CHECK(c.damage() == "");
  }
}

}  // namespace

TEST_CASE("every rung equals the reference") {
  for (const Room& room : rooms()) {
    SECTION(room.name) {
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
        for (const Isa isa : present()) {
          CaseRequest request{.dtype = dtype, .seed = test::run_seed(), .width = width_of(isa, dtype)};
          for (const auto& c : room.cases(request)) {
            if (!test::in_sample()) continue;
            const Reference reference = c->reference(1);
            for (size_t rung = 0; rung < c->rungs(); ++rung)
              if (c->has(rung, isa) && !c->why_not(rung)) check_rung(*c, rung, isa, reference);
          }
        }
      }
    }
  }
}

TEST_CASE("every ladder has a rung for GPUs or a reason why not") {
  for (const Room& room : rooms())
    for (const auto& c : room.cases({.width = 4})) {
      INFO(room.name << ", " << c->op() << ": add a rung for GPUs or set why_no_gpu in list.cpp, not both");
      bool on_gpu = false;
      for (size_t rung = 0; rung < c->rungs(); ++rung) on_gpu |= c->has(rung, Isa::cuda);
      CHECK(on_gpu == (c->why_no_gpu() == nullptr));
    }
}

namespace {

/// Checks the preferred rung of every instruction set for these shapes of these rooms.
void check_preferred(const std::multimap<std::string, const char*>& shapes) {
  for (const Room& room : rooms()) {
    const auto [first, last] = shapes.equal_range(room.name);
    for (auto at = first; at != last; ++at)
      for (const auto& c : room.cases({.seed = test::run_seed(), .shape = at->second})) {
        const Reference reference = c->reference(1);
        for (const Isa isa : present())
          if (const size_t rung = preferred(*c, isa); rung > 0) check_rung(*c, rung, isa, reference);
      }
  }
}

}  // namespace

TEST_CASE("results that bypass the caches are the same") {
  if (test::left_out()) return;
  // Different kinds of rows: of one piece, of many pieces, and no rows at all. Without HEWN_SLOW, one
  // of the first three.
  const std::multimap<std::string, const char*> shapes[] = {
      {{"softmax", "8401x1008"}, {"layernorm", "8301x1021"}, {"rmsnorm", "8301x1021"}},
      {{"softmax", "181x46351"}, {"cross_entropy", "181x46351"}},
      {{"layernorm", "181x46351"}, {"rmsnorm", "181x46351"}, {"activation", "8301x1021"}},
      {{"activation", "8389999"}},
  };
  const auto kind = static_cast<size_t>(test::run_seed() % 3);
  for (size_t k = 0; k < std::size(shapes); ++k) {
    if (!test::full() && k != kind) continue;
    check_preferred(shapes[k]);
  }
}

}  // namespace hewn
