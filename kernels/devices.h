#pragma once
// The devices: cpu runs, meta pretends.

#include <memory>

#include "kernels/contract.h"

namespace hewn {

/// Threads used when nobody says otherwise: HEWN_THREADS, OMP_NUM_THREADS, or one per available core.
int default_threads();

/// A CPU device of its own, with its own pool. Throws usage when the machine cannot run `isa`.
std::unique_ptr<Executor> make_cpu(int threads, Isa isa);
inline std::unique_ptr<Executor> make_cpu(int threads = default_threads()) {
  return make_cpu(threads, best_isa());
}

/// A device without bytes that impersonates a CPU of this ISA and thread count: allocation arithmetic,
/// scratch and costs are the target's, kernels do not run. `hewn plan` is the real model on it.
std::unique_ptr<Executor> make_meta(int threads, Isa isa);

/// The process's CPU device, made at first use with `default_threads()`.
Executor& cpu();

}  // namespace hewn
