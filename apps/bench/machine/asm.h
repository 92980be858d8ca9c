#pragma once
// `hewn bench kernels --asm`: the instructions of a kernel's hottest loop.

#include <functional>
#include <string>

namespace hewn::cli {

/// Throws unless the disassembler objdump can be run; the message names its package (binutils).
void require_disassembler();

/// Runs `work` for a while, finds the function in which the calling thread spends most of its time, and in it
/// the innermost loop with most of the samples. Returns one line per instruction, with its address in the
/// file and its share of the samples. Works without symbols: exception tables mark the start of functions.
std::string hot_loop(const std::function<void()>& work);

}  // namespace hewn::cli
