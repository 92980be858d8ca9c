#pragma once
// The devices: cpu and GPUs run, meta pretends.

#include <memory>
#include <string>

#include "kernels/contract/contract.h"

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

/// The GPU. Throws ErrorCode::failed with `why_no_cuda` where there is none.
std::unique_ptr<Executor> make_cuda();
/// Why this build or this machine has no usable GPU, in a few words; "" where there is one.
std::string why_no_cuda();
/// The GPU's name and compute capability, "NVIDIA H200 (sm_90)"; only where it is usable.
std::string cuda_description();

/// A GPU that is played by the host: the GPU kernels of this build on the block emulator, device memory that
/// the host cannot touch, work that is done only when its result is asked for. Slow, for tests. Throws
/// ErrorCode::failed in a build without it.
std::unique_ptr<Executor> make_emulated_gpu();

/// The process's CPU device, made at first use with `default_threads()`.
Executor& cpu();

}  // namespace hewn
