#pragma once
// `hewn bench kernels --plot=FILE.html`: charts of a result.

#include "apps/bench/report/report.h"

namespace hewn::cli {

/// A self-contained page: the roofline of this machine (from the ceilings among the rows) with the kernels
/// under it, the rungs of every ladder as bars, and all rows as a table. Requires `has_charts`.
std::string charts_page(const std::vector<BenchRow>& rows);

}  // namespace hewn::cli
