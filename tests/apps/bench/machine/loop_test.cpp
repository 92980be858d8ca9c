// What the machine code of a loop does, counted.

#include "apps/bench/machine/loop.h"

#include "tests/support/catch.h"

namespace hewn::cli {

TEST_CASE("loop: a fused multiply-add that adds to one register is a chain") {
  const auto f = loop_figures({"vbroadcastss (%rax),%ymm1", "add $0x4,%rax",
                               "vfmadd231ps (%rdx,%rcx,4),%ymm1,%ymm0", "cmp %rax,%rdi", "jne 401000"});
  REQUIRE(f);
  CHECK(f->multiply_adds == 1);
  CHECK(f->elements == 8);
  CHECK(f->arithmetic == 1);
  CHECK(f->loads == 2);
  CHECK(f->stores == 0);
  CHECK(f->chain == 1);
}

TEST_CASE("loop: a vector of C that is loaded, added to and stored is no chain") {
  const auto f = loop_figures(
      {"movups (%rcx,%rax,1),%xmm0", "mulps %xmm1,%xmm0", "movups (%rdx,%rax,1),%xmm2", "addps %xmm2,%xmm0",
       "movups %xmm0,(%rdx,%rax,1)", "add $0x10,%rax", "cmp %rsi,%rax", "jne 401000"});
  REQUIRE(f);
  CHECK(f->multiply_adds == 1);
  CHECK(f->elements == 4);
  CHECK(f->arithmetic == 2);
  CHECK(f->loads == 2);
  CHECK(f->stores == 1);
  CHECK(f->chain == 0);
}

TEST_CASE("loop: the longest chain counts, with everything in it; doubles are half as many") {
  const auto f =
      loop_figures({"vmulpd %zmm3,%zmm0,%zmm0", "vaddpd (%rax){1to8},%zmm0,%zmm0",
                    "vfmadd231pd %zmm4,%zmm5,%zmm1", "vxorps %xmm2,%xmm2,%xmm2", "vaddpd %zmm2,%zmm1,%zmm7",
                    "prefetcht0 0x40(%rax)", "nopw 0x0(%rax,%rax,1)", "lea 0x8(%rax),%rax"});
  REQUIRE(f);
  CHECK(f->chain == 2);
  CHECK(f->multiply_adds == 2);
  CHECK(f->elements == 16);
  CHECK(f->arithmetic == 4);
  CHECK(f->loads == 1);
}

TEST_CASE("loop: what has no multiply-adds, or is not x86-64, has no figures") {
  CHECK_FALSE(loop_figures({}));
  CHECK_FALSE(loop_figures({"mov (%rax),%rdx", "jne 401000"}));
  CHECK_FALSE(loop_figures({"ldr q1, [x0], #16", "fmla v0.4s, v1.4s, v2.4s", "b.ne 401000"}));
}

}  // namespace hewn::cli
