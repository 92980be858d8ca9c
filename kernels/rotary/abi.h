#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

/// Which two elements of a row of D are rotated together, for i < D / 2: i and i + D / 2 (GPT-NeoX, and Llama
/// as Hugging Face stores it), or 2i and 2i + 1 (the paper, and Llama as Meta stores it).
enum class RotaryPairs : uint8_t { half, interleaved };

/// Rotates pair i of row t of every head by the angle a = direction (start + t) base^(-2i / D): with x1,
/// x2 its elements, y1 = x1 cos a - x2 sin a, y2 = x2 cos a + x1 sin a (set or add). Heads from
/// `rotated` on are copied.
struct Rotary {
  RotaryPairs pairs;
  DType dtype;         ///< f32, f64 or bf16
  int64_t B, T, H, D;  ///< D is even
  int64_t rotated;     ///< <= H
  int64_t start;       ///< position of row 0
  double base;
  double direction;  ///< 1 forward, -1 backward
  Heads x;           ///< [B, H, T, D]
  HeadsOut y;        ///< [B, H, T, D], distinct from x
  Write to_y;
  /// `start` in device memory, or null: GPU kernels read it there, so that a captured launch can be replayed.
  const int32_t* position = nullptr;
};

/// The number of positions that share a table of sines and cosines in vector code; a block belongs to one thread.
inline constexpr int64_t rotary_block = 16;

const Ladder<Rotary>& ladder_of(const Rotary&);

}  // namespace hewn
