// Kernels of lessons on the emulator: mistakes that it finds although results may be right, and what it counts.

#include "apps/learn/judge/kernel_run.h"

#include <vector>

#include "tests/support/catch.h"

using namespace hewn::cli::learn;

namespace {

namespace lesson = hewn::lesson;

template <auto f>
const lesson::Entry& kernel_entry() {
  static const lesson::Entry entry = {lesson::version, "kernel", lesson::letters_of(f),
                                      [](const lesson::Operand* operands) { lesson::call(f, operands); },
                                      &lesson::gpu};
  return entry;
}

/// Runs a kernel with a and c [32, 64] and a tile [32, cols].
template <auto f>
KernelReport run(const hewn::Grid& grid = {{1, 1}, {32, 2}}, int cols = 32) {
  std::vector<double> a(32 * 64, 1.0), c(32 * 64, 0.0);
  const auto operand = [](const char* name, int columns, double* values) {
    return lesson::Operand{name, 32, columns, values, nullptr, 0, nullptr, nullptr};
  };
  const lesson::Operand operands[] = {operand("a", 64, a.data()), operand("c", 64, c.data()),
                                      operand("s", cols, nullptr)};
  const KernelMemory memories[] = {{MemoryKind::input, &operands[0]},
                                   {MemoryKind::output, &operands[1]},
                                   {MemoryKind::shared, &operands[2]}};
  return run_kernel(kernel_entry<f>(), operands, memories, grid);
}

template <auto f>
Remark misuse_of() {
  try {
    run<f>();
  } catch (const Misuse& misuse) {
    return misuse.remark();
  }
  return {"none", ""};
}

void two_barriers(Global a, Global c, Shared s) {
  const int x = threadIdx.x, y = threadIdx.y;
  float sum = 0;
  for (int k = 0; k < 64; k += 32) {
    s.set(y, x, a(y, k + x));
    __syncthreads();
    for (int t = 0; t < 32; ++t) sum += s(y, t);
    __syncthreads();
  }
  c.set(y, x, sum);
}
void first_barrier(Global a, Global c, Shared s) {
  const int x = threadIdx.x, y = threadIdx.y;
  for (int k = 0; k < 64; k += 32) {
    s.set(y, x, a(y, k + x));
    __syncthreads();
    for (int t = 0; t < 32; ++t) c.set(y, x, s(y, t));
  }
}
void second_barrier(Global a, Global c, Shared s) {
  const int x = threadIdx.x, y = threadIdx.y;
  for (int k = 0; k < 64; k += 32) {
    s.set(y, x, a(y, k + x));
    for (int t = 0; t < 32; ++t) c.set(y, x, s(y, t));
    __syncthreads();
  }
}
void backwards(Global a, Global c, Shared s) {  // the reader runs before the writer
  const int x = threadIdx.x, y = threadIdx.y;
  s.set(y, x, a(y, x));
  c.set(y, x, s(y, 31 - x));
}
void own_elements(Global a, Global c, Shared s) {
  const int x = threadIdx.x, y = threadIdx.y;
  s.set(y, x, a(y, x));
  s.set(y, x, s(y, x) + 1);
  c.set(y, x, s(y, x));
}
void one_element(Global, Global, Shared s) { s.set(0, 0, 1); }
void never_set(Global, Global c, Shared s) {
  if (threadIdx.x == 0) s.set(threadIdx.y, 0, 1);
  __syncthreads();
  c.set(threadIdx.y, threadIdx.x, s(threadIdx.y, threadIdx.x));
}
void reads_outside(Global a, Global c, Shared) { c.set(threadIdx.y, threadIdx.x, a(31, 33 + threadIdx.x)); }
void sets_outside(Global, Global c, Shared) { c.set(-1, threadIdx.x, 0); }
void tile_outside(Global, Global, Shared s) { s.set(threadIdx.x, 32, 0); }
void reads_output(Global, Global c, Shared) { c.set(0, 0, c(0, threadIdx.x)); }
void sets_together(Global, Global c, Shared) { c.set(0, 0, 1); }
void leaves(Global, Global c, Shared) {
  if (threadIdx.y == 1) return;
  __syncthreads();
  c.set(0, threadIdx.x, 0);
}
void blocks_together(Global, Global c, Shared) { c.set(threadIdx.y, threadIdx.x, 1); }
void own_blocks(Global, Global c, Shared) {
  c.set(threadIdx.y + blockDim.y * blockIdx.y, threadIdx.x + blockDim.x * blockIdx.x,
        static_cast<float>(gridDim.x));
}
void column(Global a, Global c, Shared) { c.set(threadIdx.y, threadIdx.x, a(threadIdx.x, threadIdx.y)); }
void shifted_row(Global a, Global c, Shared) { c.set(threadIdx.y, threadIdx.x, a(3, 7 + threadIdx.x)); }
void tile_column(Global, Global c, Shared s) {
  if (threadIdx.y == 0) s.set(threadIdx.x, 0, 1);
  __syncthreads();
  c.set(threadIdx.y, threadIdx.x, s(threadIdx.x, 0));
}
void again(Global, Global c, Shared) {
  c.set(threadIdx.y, threadIdx.x, 1);
  c.set(threadIdx.y, threadIdx.x, c(threadIdx.y, threadIdx.x));
}

}  // namespace

TEST_CASE("kernels: missing barriers are told apart") {
  CHECK(misuse_of<two_barriers>().kind == "none");
  CHECK(misuse_of<own_elements>().kind == "none");
  CHECK(misuse_of<first_barrier>().kind == "a barrier is missing before an element is overwritten");
  const Remark second = misuse_of<second_barrier>();
  CHECK(second.kind == "a barrier is missing before a read");
  CHECK(second.text.find("thread (0, 0) reads s(0, 1), which thread (1, 0) sets in line ") !=
        std::string::npos);
  CHECK(misuse_of<backwards>().kind == "a barrier is missing before a read");
  CHECK(misuse_of<one_element>().kind == "two threads set the same element");
  const Remark left = misuse_of<leaves>();
  CHECK(left.kind == "a barrier that some threads never reach");
  CHECK(left.text.find("__syncthreads") != std::string::npos);
}

TEST_CASE("kernels: elements that are outside, or that nobody has set") {
  const Remark read = misuse_of<reads_outside>();
  CHECK(read.kind == "a is read outside");
  CHECK(read.text.find("thread (31, 0) of block (0, 0): a(31, 64) is outside: a has 32 rows (0 to 31) and 64 "
                       "columns (0 to 63)") != std::string::npos);
  CHECK(misuse_of<sets_outside>().kind == "c is set outside");
  CHECK(misuse_of<tile_outside>().kind == "s is set outside");
  CHECK(misuse_of<reads_output>().kind == "c is read before it is set");
  CHECK(misuse_of<sets_together>().kind == "two threads set the same element");
  const Remark never = misuse_of<never_set>();
  CHECK(never.kind == "an element is read that nobody has set");
  CHECK(never.text.find("thread (1, 0) reads s(0, 1)") != std::string::npos);
}

TEST_CASE("kernels: threads of several blocks") {
  CHECK(!run<own_blocks>({{2, 4}, {32, 8}}).remark);
  CHECK_THROWS_AS(run<blocks_together>({{2, 1}, {32, 2}}), Misuse);
  CHECK(run<own_blocks>({{0, 4}, {32, 8}}).loads == 0);
}

TEST_CASE("kernels: loads, scattered accesses and bank conflicts are counted") {
  const KernelReport report = run<two_barriers>();
  CHECK(!report.remark);
  CHECK(report.loads == 128);
  CHECK(!run<shifted_row>().remark);
  const auto scattered = run<column>().remark;
  REQUIRE(scattered);
  CHECK(scattered->kind == "scattered accesses");
  CHECK(scattered->text.find("read a in 32 separate lines") != std::string::npos);
  const auto conflict = run<tile_column>().remark;
  REQUIRE(conflict);
  CHECK(conflict->kind == "bank conflicts");
  CHECK(conflict->text.find("32 different elements of s") != std::string::npos);
  const auto half = run<tile_column>({{1, 1}, {32, 2}}, 16).remark;
  REQUIRE(half);
  CHECK(half->text.find("16 different elements of s") != std::string::npos);
  CHECK(!run<tile_column>({{1, 1}, {32, 2}}, 33).remark);  // rows begin in other banks
  const auto repeated = run<again>().remark;
  REQUIRE(repeated);
  CHECK(repeated->kind == "an element is set again");
}
