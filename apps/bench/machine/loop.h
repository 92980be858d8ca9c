#pragma once
// Analyses the machine code of a hot loop.

#include <optional>
#include <string>
#include <vector>

namespace hewn::cli {

/// The figures of one iteration of a loop.
struct LoopFigures {
  double elements = 0;        ///< multiply-adds of numbers: a vector of eight counts eight times
  int multiply_adds = 0;      ///< instructions: fused ones, or pairs of a multiplication and an addition
  int arithmetic = 0;         ///< floating-point instructions
  int loads = 0, stores = 0;  ///< instructions that read or write memory; prefetching does not count
  /// The longest chain of dependent floating-point instructions through a register carried to the next
  /// iteration.
  int chain = 0;
};

/// Counts the instructions of a loop, in objdump's notation for x86-64. Empty if it is in another notation or has no
/// multiply-adds.
std::optional<LoopFigures> loop_figures(const std::vector<std::string>& instructions);

}  // namespace hewn::cli
