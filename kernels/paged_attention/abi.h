#pragma once

#include <string_view>

#include "kernels/attention/abi.h"

namespace hewn {

/// Tokens per page: the number of keys that attention's tiles process at a time.
inline constexpr int64_t page_tokens = 64;
/// Every page begins at a multiple of this many bytes.
inline constexpr int64_t page_unit = 64;

/// How keys and values are stored. q8_0: whole numbers from -127 to 127, and a float32 factor for each 32 (or
/// the last few) elements of a row.
enum class KvFormat : uint8_t { f32, bf16, q8_0 };
constexpr std::string_view names_of(KvFormat) { return "f32|bf16|q8_0"; }

/// A page holds 64 tokens of every head of keys and values, head after head. Each head has the keys [D][64],
/// so that a vector instruction multiplies one query element by many keys; their factors [blocks][64]; the
/// values [64][D]; their factors [64][blocks].
struct PageLayout {
  KvFormat format;
  int64_t Hkv, D;

  static constexpr int64_t block = 32;  ///< elements that share a factor
  int64_t blocks() const { return (D + block - 1) / block; }
  int64_t element() const { return format == KvFormat::f32 ? 4 : format == KvFormat::bf16 ? 2 : 1; }
  int64_t numbers() const { return page_tokens * D * element(); }
  int64_t factors() const { return format == KvFormat::q8_0 ? page_tokens * blocks() * 4 : 0; }
  /// Bytes of one head, or from the start of a head to its values; multiples of 64.
  int64_t of_values() const { return numbers() + factors(); }
  int64_t head_bytes() const { return 2 * of_values(); }
  int64_t bytes() const { return Hkv * head_bytes(); }
};

/// The pages of B sequences: the one with token t of sequence b begins places[b * columns + t / 64] bytes
/// after a launch's `base`. Pages may be in different allocations.
struct PageTable {
  PageLayout layout;
  const int64_t* places;  ///< [B, columns]
  int64_t columns;
  const int64_t* length;  ///< [B]: tokens of each sequence before those of this launch
};

/// Writes keys and values of T further tokens of each sequence; float32 is rounded to the format.
struct AppendToPages {
  PageTable pages;
  void* base;
  int64_t B, T;
  Heads k, v;  ///< float32 [B, Hkv, T, D]
};

/// Causal attention as in AttentionForward, without dropout, for T queries per sequence, its last tokens,
/// whose keys and values are already in the pages. A query's result does not depend on the others in the
/// launch: it has the same bits as AttentionForward's on the same float32 keys and values and instruction
/// set.
struct PagedAttention {
  PageTable pages;
  const void* base;
  int64_t B, H, T;  ///< Hkv divides H
  int64_t window;   ///< > 0: keys that a query attends to
  double scale;
  Heads q;     ///< float32 [B, H, T, D]
  HeadsOut y;  ///< float32 [B, H, T, D]

  /// The number of keys of the longest sequence, or an upper bound, for costs.
  int64_t most_keys;
};

const Ladder<AppendToPages>& ladder_of(const AppendToPages&);
const Ladder<PagedAttention>& ladder_of(const PagedAttention&);

}  // namespace hewn
