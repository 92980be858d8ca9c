#pragma once
// The part of simt.h that is specific to the block emulator: those names of CUDA that kernels use. There is no atomic
// addition of floats, on purpose: sums have a fixed order.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <new>
#include <tuple>

#include "core/dtype.h"
#include "kernels/contract/launch.h"
#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/simt/arguments_text.h"
#include "kernels/gpu/simt/grid.h"
#include "kernels/gpu/simt/parameters.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

// Vectors that a single instruction loads or stores.
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

namespace hewn {

/// Launches a kernel on the emulated stream of `on`, or runs it immediately if `on` has none. Defined in
/// runtime_emulated.cpp.
void launch_emulated(const Launch& on, const char* name, const Grid& grid, std::function<void()> body,
                     const std::string& arguments);

namespace {

/// Launches `kernel` on the stream of `on`. An empty grid does nothing.
template <class... P, class... A>
requires FitAsParameters<P...>
void launch(const Launch& on, const char* name, const Grid& grid, void (*kernel)(P...),
            const A&... arguments) {
  std::tuple<P...> values(static_cast<P>(arguments)...);
  std::string text = std::apply(
      [](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        return arguments_text<P...>(pointers);
      },
      values);
  launch_emulated(
      on, name, grid, [kernel, values] { std::apply(kernel, values); }, text);
}

/// Shared memory of the block for one T: the same address in all threads, initialised to NaN.
template <class T>
T& shared_memory() {
  static_assert(std::is_trivially_default_constructible_v<T>,
                "shared memory must hold plain data, without constructors");
  static const char key = 0;
  return *static_cast<T*>(emulator::block_shared(&key, sizeof(T)));
}

/// The dynamic shared memory requested at the launch.
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(emulator::dynamic_shared());
}

/// The V (float4, uint2, Pack, ...) at p, for one load or store. p is a multiple of V's alignment.
template <class V, class T>
SameConst<T, V>& vector_at(T* p) {
  if (reinterpret_cast<uintptr_t>(p) % alignof(V)) emulator::misaligned(p, sizeof(V), alignof(V));
  return *reinterpret_cast<SameConst<T, V>*>(p);
}

inline bf16 to_bf16(float x) { return {BFloat16(x).bits}; }
inline f16 to_f16(float x) { return {Float16(x).bits}; }
inline float to_float(f16 x) { return static_cast<float>(std::bit_cast<Float16>(x)); }

/// One lane's part in a shuffle.
template <class T>
struct Shuffle {
  T value;
  int source;  ///< lane to read from; its own if there is none
  T result;
};

template <class T>
T shuffle(uint32_t mask, const char* what, T value, int source) {
  static_assert(sizeof(T) <= 8);
  Shuffle<T> mine{value, source, value};
  emulator::warp_together(mask, what, &mine, [](void* const lanes[32], uint32_t) {
    for (int i = 0; i < 32; ++i) {
      if (!lanes[i]) continue;
      auto& lane = *static_cast<Shuffle<T>*>(lanes[i]);
      if (!lanes[lane.source]) emulator::kernel_failed("a shuffle reads a lane that is not in its mask");
      lane.result = static_cast<Shuffle<T>*>(lanes[lane.source])->value;
    }
  });
  return mine.result;
}

inline int lane_of_this_thread() {
  const emulator::Place& p = emulator::place();
  return static_cast<int>(((p.thread.z * p.threads.y + p.thread.y) * p.threads.x + p.thread.x) % 32);
}

struct Vote {
  bool value;
  uint32_t result;
};

inline uint32_t vote(uint32_t mask, const char* what, bool value) {
  Vote mine{value, 0};
  emulator::warp_together(mask, what, &mine, [](void* const lanes[32], uint32_t) {
    uint32_t all = 0;
    for (int i = 0; i < 32; ++i)
      if (lanes[i] && static_cast<Vote*>(lanes[i])->value) all |= 1u << i;
    for (int i = 0; i < 32; ++i)
      if (lanes[i]) static_cast<Vote*>(lanes[i])->result = all;
  });
  return mine.result;
}

}  // namespace
}  // namespace hewn

// CUDA declares these names in the global namespace.
namespace {

inline void __syncthreads() { hewn::emulator::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) {
  hewn::emulator::warp_together(mask, "__syncwarp", nullptr, [](void* const*, uint32_t) {});
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const int lane = hewn::lane_of_this_thread();
  return hewn::shuffle(mask, "__shfl_sync", value, lane / width * width + source % width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int lane = hewn::lane_of_this_thread(), source = lane ^ bits;
  return hewn::shuffle(mask, "__shfl_xor_sync", value, source / width > lane / width ? lane : source);
}
inline unsigned __ballot_sync(unsigned mask, int value) {
  return hewn::vote(mask, "__ballot_sync", value != 0);
}
inline int __any_sync(unsigned mask, int value) { return hewn::vote(mask, "__any_sync", value != 0) != 0; }

inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(uint64_t{a} * b >> 32); }

/// c plus the four products of signed bytes.
inline int __dp4a(int a, int b, int c) {
  for (int shift = 0; shift < 32; shift += 8)
    c += static_cast<int8_t>(a >> shift) * static_cast<int8_t>(b >> shift);
  return c;
}

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdividef(float a, float b) { return a / b; }

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline long min(long a, long b) { return b < a ? b : a; }
inline long max(long a, long b) { return a < b ? b : a; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

// Only one thread runs at a time, so every operation is atomic.
template <class T, class V>
T atomicAdd(T* p, V value) {
  static_assert(std::is_integral_v<T>,
                "sums of floats must have a fixed order, which atomic additions do not guarantee");
  const T old = *p;
  *p = old + static_cast<T>(value);
  return old;
}

}  // namespace

#define threadIdx (::hewn::emulator::place().thread)
#define blockIdx (::hewn::emulator::place().block)
#define blockDim (::hewn::emulator::place().threads)
#define gridDim (::hewn::emulator::place().blocks)
