#include "kernels/contract/parallel.h"

#include <atomic>
#include <cstdlib>
#include <string_view>

#include "core/error.h"
#include "kernels/contract/parallel_backends.h"

namespace hewn {
namespace {

constexpr Parallelism known[] = {Parallelism::openmp, Parallelism::team};
constexpr int undecided = -1;

std::atomic<int> chosen{undecided};
std::atomic_flag busy;  // while a region runs

Parallelism asked_for() {
  const char* const asked = std::getenv("HEWN_PARALLEL");
  if (!asked || !*asked) return Parallelism::openmp;
  for (const Parallelism one : known)
    if (name_of(one) == std::string_view(asked)) return one;
  fail(ErrorCode::usage, "HEWN_PARALLEL=", asked, " is unknown; expected openmp or team");
}

}  // namespace

const char* name_of(Parallelism parallelism) { return parallelism == Parallelism::team ? "team" : "openmp"; }

Parallelism parallelism() {
  int choice = chosen.load(std::memory_order_relaxed);
  if (choice == undecided) set_parallelism(static_cast<Parallelism>(choice = static_cast<int>(asked_for())));
  return static_cast<Parallelism>(choice);
}

void set_parallelism(Parallelism parallelism) {
  chosen.store(static_cast<int>(parallelism), std::memory_order_relaxed);
}

void parallel_region(int threads, int parts, void (*body)(void* context, int part), void* context) {
  const Parallelism by = parallelism();
  if (threads > 1 && parts > 1 && !busy.test_and_set(std::memory_order_acquire)) {
    if (by == Parallelism::team)
      team_region(parts, body, context);
    else
      openmp_region(threads, parts, body, context);
    busy.clear(std::memory_order_release);
    return;
  }
  for (int part = 0; part < parts; ++part) body(context, part);
}

}  // namespace hewn
