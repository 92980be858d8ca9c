#pragma once
// `hewn bench kernels --ladder --guess`: a ladder as a lesson, with a question before each rung.

#include <functional>
#include <vector>

#include "apps/bench/measure.h"

namespace hewn::cli {

/// Prints the lesson: to standard output, or to standard error if standard output holds only JSON or CSV.
using Tell = std::function<void(const std::string&)>;
using MakeRow = std::function<BenchRow(const Measured&, const Measurement&)>;

/// Walks the rungs of a case. For each rung, prints its idea, its place and the difference from the previous
/// rung's source; reads a guess of its speed-up from standard input (an empty line skips the question, the
/// end of input skips all); times it together with the previous rung; and prints its bottleneck. Finally
/// prints guesses and times side by side. `row_of` makes the row of a measurement; the result is the rows of
/// all rungs.
std::vector<BenchRow> walk_ladder(Case& c, const BenchPlan& plan, Measurer& measurer, const Tell& tell,
                                  const MakeRow& row_of);

}  // namespace hewn::cli
