#pragma once
// The devices: CPU and GPUs run kernels, meta simulates them.

#include <memory>
#include <string>

#include "kernels/contract/contract.h"

namespace hewn {

/// The default number of threads: HEWN_THREADS, else OMP_NUM_THREADS (the first entry of a list), else one
/// per available core (`available_cores`). Throws usage if a variable holds anything but a number from 1 to 1024.
int default_threads();

/// A separate CPU device with its own pool. Throws usage if the machine cannot run `isa`.
std::unique_ptr<Executor> make_cpu(int threads, Isa isa);
inline std::unique_ptr<Executor> make_cpu(int threads = default_threads()) {
  return make_cpu(threads, best_isa());
}

/// A device without memory that simulates a CPU of this ISA and thread count: it computes the target's
/// allocations, scratch sizes and costs, but runs no kernel. `hewn plan` runs the real model on it. It
/// simulates a GPU if `isa` is one of a GPU; operations then divide their work according to its memory.
std::unique_ptr<Executor> make_meta(int threads, Isa isa, size_t memory_bytes = 0);

/// The GPU with this number, modulo the number of GPUs. Throws ErrorCode::failed with the text of
/// `why_no_cuda` if it cannot be used.
std::unique_ptr<Executor> make_cuda(int number = 0);
/// Why this build or this machine has no usable GPU with this number, in a few words; "" if it has one.
std::string why_no_cuda(int number = 0);
/// The number of GPUs that CUDA finds on this machine, at least 1. Throws like `make_cuda`.
int count_cuda();
/// The GPU's name and compute capability, "NVIDIA H200 (sm_90)". Requires a usable GPU.
std::string cuda_description();

/// A GPU emulated on the host, for tests: the GPU kernels of this build on the block emulator, device memory
/// that host code cannot touch, and work that is deferred until its result is needed. Slow. Throws
/// ErrorCode::failed in a build without the emulator.
std::unique_ptr<Executor> make_emulated_gpu();

/// The process's CPU device, created at first use with `default_threads()`.
Executor& cpu();

}  // namespace hewn
