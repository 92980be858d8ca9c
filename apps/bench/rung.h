#pragma once
// `hewn bench kernels --rung FILE.so`: a rung from elsewhere beside the ladder.

#include <string>
#include <vector>

#include "apps/bench/plan.h"
#include "kernels/contract/plugin.h"

namespace hewn::cli {

/// Loads a library with a rung (kernels/contract/plugin.h), a file in the working directory where it has no '/'. Input
/// error when it is no such library, was built for other headers, or its op does not exist. The library stays
/// loaded.
const RungPlugin& load_rung(const std::string& file);
/// Holds the rung against the reference on the small odd sizes of the conformance tests, with 1 to 4 threads,
/// whose results must have the same bits. Throws numerical, saying what is wrong.
void check_rung(const RungPlugin& rung, DType dtype);
/// The rung on this case for each number of threads; none when the case is of another op or it declines.
std::vector<Contender> contenders(const RungPlugin& rung, const Case& c, const BenchPlan& plan);

}  // namespace hewn::cli
