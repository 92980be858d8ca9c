#pragma once
// `hewn bench kernels --ladder --guess`: a ladder as a lesson, with a question before each rung.

#include <functional>
#include <vector>

#include "apps/bench/measure.h"

namespace hewn::cli {

/// Where the lesson is printed: to standard output, or to standard error if that is to hold JSON or CSV only.
using Tell = std::function<void(const std::string&)>;
using MakeRow = std::function<BenchRow(const Measured&, const Measurement&)>;

/// Walks the rungs of a case: prints the idea of each, where it is defined and how its source differs from that of the
/// previous rung, reads from standard input how many times as fast it will be (an empty line skips the question, the end
/// of the input all of them), times it beside the previous rung, and prints what it waits for. In the end, the guesses
/// stand beside the times. `row_of` makes the row of a measurement; the result is the rows of all rungs.
std::vector<BenchRow> walk_ladder(Case& c, const BenchPlan& plan, Measurer& measurer, const Tell& tell,
                                  const MakeRow& row_of);

}  // namespace hewn::cli
