#pragma once
// `hewn bench kernels --plot FILE.html`: charts of a result.

#include "apps/bench/report/report.h"

namespace hewn::cli {

/// Fails unless this build holds Chart.js, which the charts are drawn by.
void require_charts();

/// A page that needs no other file: the roofline of this machine (from the ceilings among the rows) with the
/// kernels under it, the rungs of every ladder as bars, and all rows as a table.
std::string charts_page(const std::vector<BenchRow>& rows);

}  // namespace hewn::cli
