#pragma once

#include <string>
#include <vector>

#include "model/json.h"

namespace hewn::cli {

struct Figure {
  std::string name;  ///< "losses", of a file NAME.svg
  std::string svg;
};

/// The pictures of a report as drawings: curves of all its runs, the others of its first run. Rows without data have
/// none. Throws nlohmann's exceptions for JSON of another form.
std::vector<Figure> report_figures(const Json& report);

}  // namespace hewn::cli
