#pragma once
// `hewn bench kernels --asm`: the hottest loop of a kernel, as the processor reads it.

#include <functional>
#include <string>

namespace hewn::cli {

/// Fails, naming the package, unless objdump (of binutils), which disassembles, can be run.
void require_disassembler();

/// Runs `work` for a while, and finds the function where the calling thread spends most of its time and there
/// the innermost loop that holds most of that: text with one instruction a line, its address in the file and
/// its share of the samples. Needs no symbols: functions begin where the tables for exceptions say.
std::string hot_loop(const std::function<void()>& work);

}  // namespace hewn::cli
