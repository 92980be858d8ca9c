#pragma once
// The part of hopper.cuh that is specific to the block emulator.
//
// The copy engine and wgmma access shared memory through the async proxy, which sees the writes of threads
// only after a fence. The emulator therefore keeps a second view of the dynamic shared memory. Where it
// differs from the threads' view, the async proxy reads NaN.

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/gpu/tiles/hopper_layout.cuh"

namespace hewn {
namespace {

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

/// The dynamic shared memory as the async proxy sees it, in elements of bf16.
class AsyncView final : public emulator::BlockState {
 public:
  /// Makes all writes of threads visible. A GPU publishes only writes that the calling thread has made or
  /// waited for; running the threads in another order exposes kernels that rely on more.
  void publish() { std::memcpy(seen_.data(), dynamic_shared<uint8_t>(), bytes_); }
  /// NaN if threads have written the element since the last fence.
  bf16 read(uint32_t byte) const { return written(byte) ? poison : at(seen_.data(), byte); }
  /// Stores NaN if threads have written the element since the last fence, since either value may survive.
  void write(uint32_t byte, bf16 x) {
    if (written(byte)) x = poison;
    std::memcpy(seen_.data() + byte, &x, sizeof x);
    std::memcpy(dynamic_shared<uint8_t>() + byte, &x, sizeof x);
  }

 private:
  static constexpr bf16 poison{0xffff};
  static bf16 at(const uint8_t* memory, uint32_t byte) {
    bf16 x;
    std::memcpy(&x, memory + byte, sizeof x);
    return x;
  }
  bool written(uint32_t byte) const {
    if (byte + sizeof(bf16) > bytes_)
      emulator::kernel_failed("the copy engine or wgmma accesses bytes beyond the dynamic shared memory");
    return at(seen_.data(), byte).bits != at(dynamic_shared<uint8_t>(), byte).bits;
  }

  size_t bytes_ = emulator::dynamic_shared_bytes();
  std::vector<uint8_t> seen_ = std::vector<uint8_t>(bytes_, 0xff);  // initial content of the memory
};

inline void publish_writes() { emulator::state_of_block<AsyncView>().publish(); }

/// In ascending thread order, products are computed immediately, otherwise when they are awaited, which
/// exposes a stage that is released before it was read. Boxes are copied immediately, which exposes a stage
/// that is filled too early; in shuffled order, every other box is copied only when it is awaited, which
/// exposes a stage that is read too early.
inline bool late() { return emulator::options().order != 0; }

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

/// A block's requested boxes that are not copied yet, and the barriers not yet visible to the copy engine.
struct BoxesOfBlock final : emulator::BlockState {
  struct Box {
    void* to;
    TensorMap map;
    int row, col;
    Barrier* arrived;
    void perform() const;
  };
  std::vector<Box> waiting;
  std::vector<const Barrier*> unpublished;
  int64_t requested = 0;
  void ended() override {
    if (!waiting.empty())
      emulator::kernel_failed("the block ends before a box that it requested has arrived");
  }
};
inline BoxesOfBlock& boxes_of_block() { return emulator::state_of_block<BoxesOfBlock>(); }

inline void BoxesOfBlock::Box::perform() const {
  auto& view = emulator::state_of_block<AsyncView>();
  const auto* const from = static_cast<const bf16*>(map.data);
  for (int r = 0; r < map.box_rows; ++r)
    for (int c = 0; c < TiledMatrix::box_cols; ++c) {
      const bool there = row + r < map.rows && col + c < map.cols;
      const bf16 x = there ? from[(row + r) * map.ld + col + c] : bf16{0};
      view.write(swizzled_byte(shared_address(to) + static_cast<uint32_t>(r * 128 + c * 2)), x);
    }
  change(*arrived, 0, -map.box_rows * 128);
}

inline void make_barrier(Barrier& b, int arrivals) {
  if (arrivals < 1 || arrivals > 255)
    emulator::kernel_failed("a barrier for this many threads is not emulated");
  b.state = std::bit_cast<uint64_t>(
      BarrierState{0, static_cast<int16_t>(arrivals), static_cast<uint8_t>(arrivals), 0});
  boxes_of_block().unpublished.push_back(&b);
}
inline void publish_barriers() { boxes_of_block().unpublished.clear(); }
inline void arrive(Barrier& b) { change(b, 1, 0); }
inline void arrive_expecting(Barrier& b, int bytes) {
  change(b, 0, bytes);
  change(b, 1, 0);
}

inline void copy_box(void* to, const TensorMap& map, int row, int col, Barrier& arrived) {
  if (shared_address(to) % 1024) emulator::kernel_failed("a box begins in the middle of the swizzle pattern");
  BoxesOfBlock& boxes = boxes_of_block();
  if (std::find(boxes.unpublished.begin(), boxes.unpublished.end(), &arrived) != boxes.unpublished.end())
    emulator::kernel_failed("the copy engine cannot see the barrier of a box; publish_barriers is missing");
  const BoxesOfBlock::Box box{to, map, row, col, &arrived};
  late() && boxes.requested++ % 2 ? boxes.waiting.push_back(box) : box.perform();
}

inline void await_phase(Barrier& b, uint32_t parity) {
  struct Wait {
    Barrier* barrier;
    uint32_t parity;
  } const wait{&b, parity};
  emulator::wait_until(
      [](const void* subject) {
        const auto& w = *static_cast<const Wait*>(subject);
        auto& boxes = boxes_of_block().waiting;
        const auto mine = std::stable_partition(boxes.begin(), boxes.end(),
                                                [&](const auto& x) { return x.arrived != w.barrier; });
        const std::vector<BoxesOfBlock::Box> due(mine, boxes.end());
        boxes.erase(mine, boxes.end());
        for (const auto& box : due) box.perform();
        return std::bit_cast<BarrierState>(w.barrier->state).phase != (w.parity & 1);
      },
      &wait, "the end of a barrier's phase");
}

/// A product that a warp has issued: its 16 rows of a warpgroup's 64.
struct Product {
  float* c[32];
  uint64_t a, b;
  int quarter;
  void (*perform)(const Product&);
  int64_t batch;
};

/// An instruction that all four warps of a warpgroup must issue.
struct GroupInstruction {
  const char* name;
  uint64_t a, b;                 ///< descriptors of a product
  void (*form)(const Product&);  ///< of a product; else null
  int pending;                   ///< batches that a wait leaves in flight
  bool operator==(const GroupInstruction&) const = default;
};

/// Per warpgroup, the instructions that its warps have issued and those not computed yet.
class GroupsOfBlock final : public emulator::BlockState {
 public:
  struct Warp {
    std::vector<Product> products;
    int64_t batches = 0;
    size_t issued = 0;  ///< instructions
    bool fenced = false;
  };

  static size_t warp_index() { return emulator::place().thread.x / 32; }
  Warp& this_warp() { return warps_[warp_index()]; }

  /// Issues an instruction of the running warp. It is either new to the warpgroup, or must equal the one that
  /// the group's other warps issued at this point.
  void issue(const GroupInstruction& instruction) {
    const size_t group = warp_index() / 4;
    if ((group + 1) * 128 > emulator::place().threads.x)
      emulator::kernel_failed("a warpgroup consists of four warps, and this block has fewer");
    std::vector<GroupInstruction>& issued = issued_[group];
    const size_t at = this_warp().issued++;
    if (at == issued.size()) return issued.push_back(instruction);
    if (issued[at] == instruction) return;
    const std::string difference = std::string(issued[at].name) == instruction.name
                                       ? std::string(" with other operands")
                                       : std::string(" instead of ") + issued[at].name;
    emulator::kernel_failed(
        ("a warp issues " + std::string(instruction.name) + difference +
         ", which another warp of its warpgroup has issued; the four warps must issue the same")
            .c_str());
  }

  void ended() override {
    for (size_t warp = 0; warp < warps_.size(); ++warp) {
      if (!warps_[warp].products.empty())
        emulator::kernel_failed("the block ends before its products were awaited");
      const size_t all = issued_[warp / 4].size();
      if (warps_[warp].issued != all)
        emulator::kernel_failed(("warp " + std::to_string(warp) + " has issued " +
                                 std::to_string(warps_[warp].issued) + " of the " + std::to_string(all) +
                                 " instructions of its warpgroup, up to " + issued_[warp / 4].back().name)
                                    .c_str());
    }
  }

 private:
  std::vector<Warp> warps_{32};
  std::vector<std::vector<GroupInstruction>> issued_{8};  ///< by warpgroup
};
inline GroupsOfBlock& groups_of_block() { return emulator::state_of_block<GroupsOfBlock>(); }

inline void begin_products() {
  emulator::warp_together(0xffffffffu, "wgmma.fence", nullptr, [](void* const*, uint32_t) {
    groups_of_block().issue({"wgmma.fence", 0, 0, nullptr, 0});
    groups_of_block().this_warp().fenced = true;
  });
}
inline void end_products() {
  emulator::warp_together(0xffffffffu, "wgmma.commit_group", nullptr, [](void* const*, uint32_t) {
    groups_of_block().issue({"wgmma.commit_group", 0, 0, nullptr, 0});
    GroupsOfBlock::Warp& warp = groups_of_block().this_warp();
    ++warp.batches;
    warp.fenced = false;
  });
}

template <int n>
void await_products() {
  emulator::warp_together(0xffffffffu, "wgmma.wait_group", nullptr, [](void* const*, uint32_t) {
    groups_of_block().issue({"wgmma.wait_group", 0, 0, nullptr, n});
    GroupsOfBlock::Warp& warp = groups_of_block().this_warp();
    size_t due = 0;
    for (; due < warp.products.size() && warp.products[due].batch < warp.batches - n; ++due)
      warp.products[due].perform(warp.products[due]);
    warp.products.erase(warp.products.begin(), warp.products.begin() + static_cast<std::ptrdiff_t>(due));
  });
}

/// Products of bf16 are exact in float.
template <bool a_along, bool b_along>
void multiply_quarter(const Product& p) {
  const auto& view = emulator::state_of_block<AsyncView>();
  const SharedOperand a = operand_of(p.a), b = operand_of(p.b);
  float left[16][16], right[128][16];
  for (int k = 0; k < 16; ++k) {
    for (int i = 0; i < 16; ++i) left[i][k] = to_float(view.read(byte_of<a_along>(a, 16 * p.quarter + i, k)));
    for (int j = 0; j < 128; ++j) right[j][k] = to_float(view.read(byte_of<b_along>(b, j, k)));
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
    Product p{};
    const auto& first = *static_cast<const Lane*>(lanes[0]);
    for (int lane = 0; lane < 32; ++lane) {
      const auto& other = *static_cast<const Lane*>(lanes[lane]);
      if (other.a != first.a || other.b != first.b)
        emulator::kernel_failed("the lanes of a warp pass different descriptors to wgmma");
      p.c[lane] = other.c;
    }
    GroupsOfBlock::Warp& warp = groups_of_block().this_warp();
    if (!warp.fenced) emulator::kernel_failed("wgmma without wgmma.fence before the first one of a batch");
    p.a = first.a, p.b = first.b;
    p.quarter = static_cast<int>(GroupsOfBlock::warp_index() % 4);
    p.perform = multiply_quarter<a_along, b_along>;
    p.batch = warp.batches;
    groups_of_block().issue({"wgmma.mma_async", p.a, p.b, p.perform, 0});
    late() ? warp.products.push_back(p) : p.perform(p);
  });
}

}  // namespace
}  // namespace hewn
