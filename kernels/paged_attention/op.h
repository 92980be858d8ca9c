#pragma once

#include <span>

#include "core/tape.h"
#include "kernels/paged_attention/abi.h"

namespace hewn {

/// The number of tokens of a sequence so far, and its pages: u8 tensors, each with a page at the same offset.
struct PagedSequence {
  int64_t length;
  std::span<const Tensor> pages;
};

struct PagedOptions {
  PageLayout layout;
  int64_t n_head;
  int64_t offset = 0;  ///< bytes from the start of each tensor to its page, a multiple of page_unit
  int64_t window = 0;  ///< keys that a query attends to; 0: all
};

/// Appends keys and values of T tokens to the pages of B sequences, and attends: qkv [B, T, (H + 2 Hkv) D],
/// float32 on a CPU, contiguous -> y [B, T, H D]. Each sequence has pages for length + T tokens; those from
/// token `length` on must not be shared with other sequences. The y of a token does not depend on the other
/// tokens of the call. No gradient.
Tensor paged_attention(const Tensor& qkv, const PagedOptions& options,
                       std::span<const PagedSequence> sequences);

}  // namespace hewn
