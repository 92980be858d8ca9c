#pragma once
// `hewn bench kernels --asm`: the instructions of a kernel's hottest loop.

#include <functional>
#include <string>
#include <vector>

namespace hewn::cli {

/// Throws unless the disassembler objdump can be run; the message names its package (binutils).
void require_disassembler();

/// The innermost loop with most of the samples.
struct HotLoop {
  std::string
      text{};  ///< one line per instruction, with its address in the file and its share of the samples
  std::vector<std::string> instructions{};  ///< empty if the samples are outside of loops
};

/// Whether objdump can be run.
bool has_disassembler();

/// Runs `work` for a while, and finds the function in which the calling thread spends most of its time, and its
/// hottest loop. Works without symbols: exception tables mark the start of functions.
HotLoop hot_loop(const std::function<void()>& work);

}  // namespace hewn::cli
