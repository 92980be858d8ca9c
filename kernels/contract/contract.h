#pragma once
// The kernel contract: every operation is a ladder of rungs over one argument struct, on every device.
//
// A room (folder) declares in its abi.h an argument struct `A` and `const Ladder<A>& ladder_of(const A&)`. Its files
// define kernels by name (`kernel` in launch.h), and its list.cpp lists these names as rungs, the naive one first, the
// preferred one last. `run(device, args)` takes the last rung that accepts the arguments on the device. Production
// code, the teaching ladder, conformance tests and benchmarks all walk the same list.

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "core/device.h"
#include "core/error.h"
#include "core/memory.h"
#include "kernels/contract/isa.h"
#include "kernels/contract/launch.h"
#include "kernels/contract/parallel.h"
#include "kernels/contract/sizes_of.h"

namespace hewn {

template <class A>
using KernelFn = void (*)(const Launch&, const A&);

/// The kernel of a rung for each instruction set; null where there is none.
template <class A>
using KernelTable = std::array<KernelFn<A>, n_isas>;

/// How a rung names its kernel: `kernel<name, isa>` (launch.h) for each of these instruction sets.
template <RungName name, const auto& isas>
struct NamedKernel {
  static constexpr const char* text = name.text;

  template <class A>
  static constexpr KernelTable<A> table() {
    KernelTable<A> table{};
    [&]<size_t... N>(std::index_sequence<N...>) {
      ((table[static_cast<size_t>(isas[N])] = code<A, isas[N]>()), ...);
    }
    (std::make_index_sequence<isas.size()>());
    return table;
  }

 private:
  /// GPU code that is not part of this build is listed nonetheless, so that `meta` can plan with it; calling it fails.
  template <class A, Isa isa>
  static constexpr KernelFn<A> code() {
    if constexpr ((isa == Isa::emulated && !emulator_compiled) || (isa == Isa::cuda && !cuda_compiled))
      return [](const Launch&, const A&) {
        fail(ErrorCode::failed, "this build contains no GPU code; configure it with -DHEWN_CUDA=ON");
      };
    else
      return kernel<name, isa, A>;
  }
};

/// `scalar<"online">`: plain C++ for every processor.
inline constexpr std::array scalar_isas{Isa::scalar};
template <RungName name>
inline constexpr NamedKernel<name, scalar_isas> scalar;

/// `per_isa<"simd">`: a simd*.cpp. `per_isa<"pairs", bf16_isas>`: a simd*bf16.cpp; vnni_isas and amx_isas accordingly.
template <RungName name, const auto& isas = compiled_isas>
inline constexpr NamedKernel<name, isas> per_isa;

/// `per_gpu<"cuda">`: a *.cu file.
inline constexpr std::array gpu_isas{Isa::emulated, Isa::cuda};
template <RungName name>
inline constexpr NamedKernel<name, gpu_isas> per_gpu;

/// One way to do the work.
template <class A>
struct Rung {
  using WhyNot = const char* (*)(const A&);
  using ScratchBytes = size_t (*)(const A&, int threads);

  const char* name;  ///< "online"
  const char* idea;  ///< one line: the difference from the previous rung and why it helps
  KernelTable<A> run;
  WhyNot why_not;              ///< a reason to decline, or null; absent: accepts all
  ScratchBytes scratch_bytes;  ///< scratch required; absent: none
  // Where the rung is listed, as in OpInfo (core/scope.h); `hewn bench kernels --ladder` finds the kernel from there.
  const char* file;  ///< "kernels/matmul/list.cpp"
  int line;

  template <class Kernel>
  constexpr Rung(Kernel, const char* the_idea, WhyNot declines = nullptr, ScratchBytes scratch = nullptr,
                 const char* in = __builtin_FILE(), int at = __builtin_LINE())
      : name(Kernel::text),
        idea(the_idea),
        run(Kernel::template table<A>()),
        why_not(declines),
        scratch_bytes(scratch),
        file(in),
        line(at) {}
  template <class Kernel>
  constexpr Rung(Kernel kernel, const char* the_idea, ScratchBytes scratch, const char* in = __builtin_FILE(),
                 int at = __builtin_LINE())
      : Rung(kernel, the_idea, nullptr, scratch, in, at) {}

  /// The best variant for a processor of this level: scalar code runs on all of them, sse2 < avx2 < avx512 <
  /// avx512vnni < avx512bf16 < amx. A GPU only runs its own code.
  KernelFn<A> on(Isa isa) const {
    if (on_gpu(isa)) return run[static_cast<size_t>(isa)];
    for (auto i = static_cast<size_t>(isa);; --i) {
      if (run[i] && (i == 0 || isa == Isa::neon || i != static_cast<size_t>(Isa::neon))) return run[i];
      if (i == 0) return nullptr;
    }
  }
};

/// Bounds on the speed of some work beyond its cost.
struct Needs {
  double exps = 0, tanhs = 0;  ///< evaluations of elementary functions
  double updated =
      -1;  ///< bytes of results read before they are written; negative: derived from the operands
};

template <class A>
struct Ladder {
  const char* op;                  ///< "softmax.forward"
  std::span<const Rung<A>> rungs;  ///< rung 0 is the reference: plain loops, accumulating in double
  Cost (*cost)(const A&);
  Needs (*needs)(const A&) = nullptr;  ///< absent: no further bounds
  const char* why_no_gpu = nullptr;    ///< the reason why there is no GPU rung; absent: there is one
};

/// A `why_not` for rungs that support float32 only.
template <class A>
const char* f32_only(const A& args) {
  return args.dtype == DType::f32 ? nullptr : "f32 only";
}

/// Notified of every kernel that runs on a device; `hewn bench train` and profiles are built on it. To time
/// kernels, record events on the device (kernels/devices/moments.h).
class Profiler {
 public:
  virtual ~Profiler() = default;
  /// Called before each launch with its arguments, of the type that belongs to the ladder's op.
  virtual void launching(const char* op, const void* args) { (void)op, (void)args; }
  /// Called after each launch with the ladder's op, the rung and its cost. A GPU may not have started yet.
  virtual void launched(const char* op, const char* rung, const Cost& cost) = 0;
};

class GpuRuntime;

/// A device that runs kernels: what the contract adds to core's Device.
class Executor : public Device {
 public:
  /// The instruction set to choose rungs for; on `meta`, the one it impersonates.
  virtual Isa isa() const = 0;
  virtual int threads() const = 0;
  /// False on `meta`, which provides scratch and reports costs like any other device but runs no kernel.
  virtual bool runs() const = 0;
  /// Bytes of a GPU's memory; on `meta`, of the GPU that it impersonates. 0 on a CPU, and if unknown.
  virtual size_t memory_bytes() const { return 0; }
  /// The value of `Launch::stream`: the stream that orders kernels.
  virtual void* stream() const { return nullptr; }
  /// The driver of a GPU: pinned memory, events, graphs (kernels/gpu/runtime/runtime.h); null on other
  /// devices.
  virtual GpuRuntime* gpu() { return nullptr; }
  /// A buffer of at least this size, valid until the next call; it grows and never shrinks.
  void* scratch(size_t bytes);
  void profile(Profiler* profiler) { profiler_ = profiler; }
  Profiler* profiler() const { return profiler_; }

 protected:
  /// Releases scratch and cached memory; called by the derived destructor.
  void drop_memory();

 private:
  void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
  Profiler* profiler_ = nullptr;
};

/// All devices of the project are made by kernels/ and are Executors.
inline Executor& executor(Device& device) { return static_cast<Executor&>(device); }

/// Runs work() within a long region (parallel.h) of the device's threads, if it is a CPU.
template <class Work>
void long_region(Device& device, Work&& work) {
  Executor& on = executor(device);
  long_region(on.gpu() || !on.runs() ? 1 : on.threads(), work);
}

/// The last rung that accepts these arguments on this device; null if none does.
template <class A>
const Rung<A>* choose(const Executor& device, const A& args) {
  const auto rungs = ladder_of(args).rungs;
  for (auto rung = rungs.rbegin(); rung != rungs.rend(); ++rung)
    if (rung->on(device.isa()) && !(rung->why_not && rung->why_not(args))) return &*rung;
  return nullptr;
}

/// The number of threads for some work: 1 if one core finishes it within 10 microseconds, else all `threads`.
/// Starting and ending a parallel region takes 1 to 2 microseconds, or a time slice of some milliseconds if
/// another program occupies one of the cores. The rates are those of one core with its data in the
/// second-level cache.
inline int threads_for(const Cost& cost, int threads) {
  constexpr double flops_per_us = 50e3, bytes_per_us = 50e3;
  return std::max(cost.flops / flops_per_us, cost.bytes / bytes_per_us) < 10 ? 1 : threads;
}

/// Calls the rung's code for an instruction set. If a GPU refuses a launch or a kernel fails, the error names the
/// operation, its sizes and the rung.
template <class A>
void call(const Rung<A>& rung, KernelFn<A> code, const Launch& launch, const A& args) {
  try {
    code(launch, args);
  } catch (const Error& error) {
    throw Error(error.code(),
                join(ladder_of(args).op, " ", sizes_of(args), ", rung ", rung.name, ": ", error.what()));
  }
}

/// Does the work on the device with the best rung.
template <class A>
void run(Device& on, const A& args) {
  Executor& device = executor(on);
  const Rung<A>* rung = choose(device, args);
  if (!rung)
    fail(ErrorCode::failed, ladder_of(args).op, ": device ", device.name(),
         " has no kernel for these arguments");
  const Cost cost = ladder_of(args).cost(args);
  Launch launch{.threads = threads_for(cost, device.threads()), .stream = device.stream()};
  if (rung->scratch_bytes) {
    launch.scratch_bytes = rung->scratch_bytes(args, launch.threads);
    launch.scratch = device.scratch(launch.scratch_bytes);
  }
  if (device.profiler()) device.profiler()->launching(ladder_of(args).op, &args);
  if (device.runs()) call(*rung, rung->on(device.isa()), launch, args);
  if (device.profiler()) device.profiler()->launched(ladder_of(args).op, rung->name, cost);
}

}  // namespace hewn
