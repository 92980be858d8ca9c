#pragma once
// Matrix products with Hopper's instructions (sm_90a). One thread requests a whole tile, which the copy
// engine (TMA) writes to shared memory asynchronously; a barrier in shared memory counts the bytes that have
// arrived. A warpgroup of four warps multiplies 64 rows directly from shared memory (wgmma), also
// asynchronously. Constexpr functions define where each element lies; the emulator is built on them and tests
// check them. Formats: PTX ISA 8.0, "Asynchronous Warpgroup Level Matrix Instructions", "Parallel
// Synchronization and Communication: mbarrier", "Tensors: swizzling modes".

#include "kernels/gpu/runtime/tensor_map.h"
#include "kernels/gpu/tiles/tile.cuh"

#ifndef __CUDACC__
#include <vector>

#include "core/error.h"
#endif

namespace hewn {
namespace {

/// Whether the current compilation pass targets these instructions: sm_90a or the emulator. Kernels use them
/// inside `if constexpr` and trap elsewhere.
#if !defined(__CUDACC__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool hopper_code = true;
#else
inline constexpr bool hopper_code = false;
#endif

/// Offset of byte `at` in swizzled rows of 128 bytes: the 16-byte chunks of a row are permuted so that those
/// of eight consecutive rows fall into different banks. The pattern starts at multiples of 1024.
__host__ __device__ constexpr uint32_t swizzled_byte(uint32_t at) { return at ^ ((at >> 7 & 7) << 4); }

/// A wgmma operand of 16 terms in shared memory; offsets in bytes from its start, before swizzling.
struct SharedOperand {
  uint32_t start;
  uint32_t leading;  ///< memory along the span: from 64 of the span to the next 64; else not used
  uint32_t stride;   ///< along the span: from eight terms to the next eight; else from eight of the span
};

/// A stage of `span` rows of A, or columns of B, by `depth` terms, in the boxes of 64 elements per row
/// that the copy engine writes. If `along`, memory rows run along the span instead of the terms: each box
/// then has 64 of the span by `depth` terms, and boxes follow each other. Otherwise one box has 64 terms
/// of the whole span.
template <bool along, int depth>
__host__ __device__ constexpr SharedOperand operand_at(uint32_t start, int term) {
  static_assert(depth % 16 == 0 && (along || depth == 64));
  if constexpr (along)
    return {start + static_cast<uint32_t>(term) * 128, depth * 128, 8 * 128};
  else
    return {start + static_cast<uint32_t>(term) * 2, 16, 8 * 128};
}

/// Swizzled position of bf16 element (s, k) of an operand, s >= 0, k < 16.
template <bool along>
__host__ __device__ constexpr uint32_t byte_of(const SharedOperand& x, int s, int k) {
  const auto span = static_cast<uint32_t>(s), term = static_cast<uint32_t>(k);
  return swizzled_byte(along ? x.start + span / 64 * x.leading + term / 8 * x.stride + term % 8 * 128 +
                                   span % 64 * 2
                             : x.start + span / 8 * x.stride + span % 8 * 128 + term * 2);
}

/// The 64-bit descriptor: offsets in units of 16 bytes, and the 128-byte swizzle mode.
__host__ __device__ constexpr uint64_t descriptor_of(const SharedOperand& x) {
  const auto field = [](uint32_t bytes) { return uint64_t{(bytes & 0x3ffff) >> 4}; };
  return field(x.start) | field(x.leading) << 16 | field(x.stride) << 32 | uint64_t{1} << 62;
}
__host__ __device__ constexpr SharedOperand operand_of(uint64_t descriptor) {
  const auto bytes = [&](int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; };
  return {bytes(0), bytes(16), bytes(32)};
}

/// Position of a thread's i-th float within the 64 rows of a warpgroup's product; every four floats move on
/// by eight columns.
__host__ __device__ constexpr Element place_in_group(int thread, int i) {
  return {thread / 32 % 4 * 16 + thread % 32 / 4 + i / 2 % 2 * 8, i / 4 * 8 + thread % 4 * 2 + i % 2};
}

/// A barrier in shared memory. Its phases alternate 0, 1, 0, ...; a phase ends when the number of threads
/// given at initialisation and all expected bytes have arrived.
struct Barrier {
  uint64_t state;
};

#ifdef __CUDACC__

using TensorMap = EncodedTensorMap;
inline TensorMap tensor_map(const TiledMatrix& matrix) { return encode_tensor_map(matrix); }

/// Ends a kernel that was compiled for another GPU.
__device__ __forceinline__ void not_hopper() { __trap(); }

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void make_barrier(Barrier& b, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&b)), "r"(arrivals) : "memory");
}
/// Makes new barriers visible to the copy engine; other threads need __syncthreads as well.
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void arrive(Barrier& b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&b)) : "memory");
}
/// Arrives and makes the phase wait for `bytes` more bytes.
__device__ __forceinline__ void arrive_expecting(Barrier& b, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&b)), "r"(bytes)
               : "memory");
}
/// Waits until the phase of this parity, the current or the previous one, has ended.
__device__ __forceinline__ void await_phase(Barrier& b, uint32_t parity) {
  uint32_t over = 0;
  while (!over)
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(over)
        : "r"(shared_address(&b)), "r"(parity)
        : "memory");
}

/// Starts the copy of the box whose first element is (row, col), swizzled, to a multiple of 1024 bytes in
/// shared memory. `arrived` counts all of its bytes, including those outside the matrix.
__device__ __forceinline__ void copy_box(void* to, const TensorMap& map, int row, int col, Barrier& arrived) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, "
      "%3}], "
      "[%4];" ::"r"(shared_address(to)),
      "l"(&map), "r"(col), "r"(row), "r"(shared_address(&arrived))
      : "memory");
}

/// Required before the first product and after other instructions have written its accumulators.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
/// Closes a batch of products.
__device__ __forceinline__ void end_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until all but the newest `n` batches have finished.
template <int n>
__device__ __forceinline__ void await_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}

/// C [64, 128] += A [64, 16] B [16, 128] by a warpgroup, all of whose threads must call it. The accumulators
/// must not be touched until the batch has been awaited.
template <bool a_along, bool b_along>
__device__ __forceinline__ void multiply_group(float (&c)[64], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18,"
      " %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35,"
      " %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52,"
      " %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, %66, %67;"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]),
        "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]),
        "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]),
        "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]),
        "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]), "+f"(c[35]), "+f"(c[36]),
        "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]), "+f"(c[42]), "+f"(c[43]),
        "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]), "+f"(c[49]), "+f"(c[50]),
        "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]), "+f"(c[56]), "+f"(c[57]),
        "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63])
      : "l"(a), "l"(b), "n"(a_along ? 1 : 0), "n"(b_along ? 1 : 0));
}

#else

using TensorMap = TiledMatrix;
inline TensorMap tensor_map(const TiledMatrix& m) {
  if (reinterpret_cast<uintptr_t>(m.data) % 16 || m.ld % 8 || m.cols < 1 || m.rows < 1 || m.box_rows > 256)
    fail(ErrorCode::failed,
         "the copy engine requires data aligned to 16 bytes, rows a multiple of 8 elements apart, and boxes "
         "of 1 to 256 rows");
  return m;
}

inline void not_hopper() {}

/// Offset from the start of the dynamic shared memory.
inline uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(static_cast<const uint8_t*>(shared) - dynamic_shared<uint8_t>());
}

/// The emulator's layout of a barrier's 64 bits.
struct BarrierState {
  int32_t bytes;    ///< expected but not yet arrived
  int16_t missing;  ///< arrivals still missing in this phase
  uint8_t arrivals, phase;
};

inline void change(Barrier& b, int arrivals, int bytes) {
  auto state = std::bit_cast<BarrierState>(b.state);
  state.missing = static_cast<int16_t>(state.missing - arrivals);
  state.bytes += bytes;
  if (state.missing < 0)
    emulator::kernel_failed("more threads arrive at a barrier than it was initialised for");
  if (state.missing == 0 && state.bytes == 0) {
    state.missing = state.arrivals;
    state.phase ^= 1;
  }
  b.state = std::bit_cast<uint64_t>(state);
}

/// Operations that have been started but not yet awaited: copies per block, products per warp.
struct InFlight {
  struct Box {
    void* to;
    TensorMap map;
    int row, col;
    Barrier* arrived;
    void perform() const;
  };
  struct Product {
    float* c[32];
    uint64_t a, b;
    int quarter;  ///< the warp's 16 rows of 64
    void (*perform)(const Product&);
    int64_t batch;
  };
  struct Warp {
    std::vector<Product> products;
    int64_t batches = 0;
  };
  std::vector<Box> boxes;
  int64_t boxes_asked = 0;
  Warp warps[32];
};
inline InFlight& in_flight() {
  static InFlight all;
  return all;
}

inline void InFlight::Box::perform() const {
  uint8_t* const base = dynamic_shared<uint8_t>();
  const auto* const from = static_cast<const bf16*>(map.data);
  for (int r = 0; r < map.box_rows; ++r)
    for (int c = 0; c < TiledMatrix::box_cols; ++c) {
      const bool there = row + r < map.rows && col + c < map.cols;
      const bf16 x = there ? from[(row + r) * map.ld + col + c] : bf16{0};
      std::memcpy(base + swizzled_byte(shared_address(to) + static_cast<uint32_t>(r * 128 + c * 2)), &x, 2);
    }
  change(*arrived, 0, -map.box_rows * 128);
}

inline void make_barrier(Barrier& b, int arrivals) {
  if (arrivals < 1 || arrivals > 255)
    emulator::kernel_failed("a barrier for this many threads is not emulated");
  b.state = std::bit_cast<uint64_t>(
      BarrierState{0, static_cast<int16_t>(arrivals), static_cast<uint8_t>(arrivals), 0});
  in_flight() = {};  // remnants of a kernel that failed
}
inline void publish_barriers() {}
inline void arrive(Barrier& b) { change(b, 1, 0); }
inline void arrive_expecting(Barrier& b, int bytes) {
  change(b, 0, bytes);
  change(b, 1, 0);
}

/// In ascending thread order, products are computed immediately, otherwise when they are awaited, which
/// exposes a stage that is released before it was read. Boxes are copied immediately, which exposes a stage
/// that is filled too early; in shuffled order, every other box is copied only when it is awaited, which
/// exposes a stage that is read too early.
inline bool late() { return emulator::options().order != 0; }

inline void copy_box(void* to, const TensorMap& map, int row, int col, Barrier& arrived) {
  if (shared_address(to) % 1024) emulator::kernel_failed("a box begins in the middle of the swizzle pattern");
  const InFlight::Box box{to, map, row, col, &arrived};
  late() && in_flight().boxes_asked++ % 2 ? in_flight().boxes.push_back(box) : box.perform();
}

inline void await_phase(Barrier& b, uint32_t parity) {
  struct Wait {
    Barrier* barrier;
    uint32_t parity;
  } const wait{&b, parity};
  emulator::wait_until(
      [](const void* subject) {
        const auto& w = *static_cast<const Wait*>(subject);
        auto& boxes = in_flight().boxes;
        const auto mine = std::stable_partition(boxes.begin(), boxes.end(),
                                                [&](const auto& x) { return x.arrived != w.barrier; });
        const std::vector<InFlight::Box> due(mine, boxes.end());
        boxes.erase(mine, boxes.end());
        for (const auto& box : due) box.perform();
        return std::bit_cast<BarrierState>(w.barrier->state).phase != (w.parity & 1);
      },
      &wait, "the end of a barrier's phase");
}

inline InFlight::Warp& products_of_this_warp() {
  const emulator::Place& p = emulator::place();
  return in_flight().warps[p.thread.x / 32];
}

inline void begin_products() { __syncwarp(); }
inline void end_products() {
  __syncwarp();
  if (threadIdx.x % 32 == 0) ++products_of_this_warp().batches;
  __syncwarp();
}

template <int n>
void await_products() {
  emulator::warp_together(0xffffffffu, "wgmma.wait_group", nullptr, [](void* const*, uint32_t) {
    InFlight::Warp& warp = products_of_this_warp();
    size_t due = 0;
    for (; due < warp.products.size() && warp.products[due].batch < warp.batches - n; ++due)
      warp.products[due].perform(warp.products[due]);
    warp.products.erase(warp.products.begin(), warp.products.begin() + static_cast<std::ptrdiff_t>(due));
  });
}

/// One warp's 16 rows of a warpgroup's product. Products of bf16 are exact in float.
template <bool a_along, bool b_along>
void multiply_quarter(const InFlight::Product& p) {
  const uint8_t* const base = dynamic_shared<uint8_t>();
  const SharedOperand a = operand_of(p.a), b = operand_of(p.b);
  const auto read = [&](uint32_t byte) {
    bf16 x;
    std::memcpy(&x, base + byte, 2);
    return to_float(x);
  };
  float left[16][16], right[128][16];
  for (int k = 0; k < 16; ++k) {
    for (int i = 0; i < 16; ++i) left[i][k] = read(byte_of<a_along>(a, 16 * p.quarter + i, k));
    for (int j = 0; j < 128; ++j) right[j][k] = read(byte_of<b_along>(b, j, k));
  }
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 64; ++i) {
      const Element e = place_in_group(lane, i);
      float& sum = p.c[lane][i];
      for (int k = 0; k < 16; ++k) sum += left[e.row][k] * right[e.col][k];
    }
}

template <bool a_along, bool b_along>
void multiply_group(float (&c)[64], uint64_t a, uint64_t b) {
  struct Lane {
    float* c;
    uint64_t a, b;
  } mine{c, a, b};
  emulator::warp_together(0xffffffffu, "wgmma", &mine, [](void* const lanes[32], uint32_t) {
    InFlight::Product p{};
    for (int lane = 0; lane < 32; ++lane) p.c[lane] = static_cast<const Lane*>(lanes[lane])->c;
    const auto& first = *static_cast<const Lane*>(lanes[0]);
    InFlight::Warp& warp = products_of_this_warp();
    p.a = first.a, p.b = first.b;
    p.quarter = static_cast<int>(threadIdx.x) / 32 % 4;
    p.perform = multiply_quarter<a_along, b_along>;
    p.batch = warp.batches;
    late() ? warp.products.push_back(p) : p.perform(p);
  });
}

#endif

}  // namespace
}  // namespace hewn
