#pragma once
// `hewn bench kernels --rung=FILE.so`: compares a plug-in rung with the ladder.

#include <string>
#include <vector>

#include "apps/bench/plan.h"
#include "kernels/contract/plugin.h"

namespace hewn::cli {

/// Loads a library with a rung (kernels/contract/plugin.h); a name without '/' is a file in the working
/// directory. Throws input if it is not such a library, was built for other headers, or has an unknown op.
/// The library stays loaded.
const RungPlugin& load_rung(const std::string& file);
/// Runs the rung once, with scratch of the case.
void run_rung(const RungPlugin& rung, Case& c, int threads);
/// Whether the case belongs to the rung's op, and the rung does not decline it.
bool accepts(const RungPlugin& rung, const Case& c);
/// Compares the rung with the reference on a case, with 1 to 4 threads; results for any number of threads must have the
/// same bits. Returns the first error, or "".
std::string fault_of(const RungPlugin& rung, Case& c);
/// Compares the rung with the reference on the small odd sizes of the conformance tests, as `fault_of` does. Throws
/// numerical, naming the difference.
void check_rung(const RungPlugin& rung, DType dtype);
/// The rung on this case for each number of threads; empty if the case belongs to another op or the rung
/// declines it.
std::vector<Contender> contenders(const RungPlugin& rung, const Case& c, const BenchPlan& plan);

}  // namespace hewn::cli
