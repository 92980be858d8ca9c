#pragma once

#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/contract/isa.h"
#include "tests/support/catch.h"

namespace hewn {

template <class Args>
void run_code(const Rung<Args>& rung, KernelFn<Args> code, const Args& a, int threads) {
  std::vector<char> scratch(rung.scratch_bytes ? rung.scratch_bytes(a, threads) : 0);
  code({.threads = threads, .scratch = scratch.data(), .scratch_bytes = scratch.size()}, a);
}

/// Calls check(isa, run) for every rung that accepts these arguments, on every instruction set of this machine, with
/// run(args, threads) to run it.
template <class Args, class Check>
void for_each_rung(const Args& a, const Check& check) {
  for (const Rung<Args>& rung : ladder_of(a).rungs) {
    if (rung.why_not && rung.why_not(a)) continue;
    for (int i = 0; i < n_isas; ++i) {
      const auto isa = static_cast<Isa>(i);
      const KernelFn<Args> code = rung.run[static_cast<size_t>(i)];
      if (!code || !supported(isa)) continue;
      INFO(rung.name << " on " << name_of(isa));
      check(isa, [&](const Args& args, int threads) { run_code(rung, code, args, threads); });
    }
  }
}

}  // namespace hewn
