#pragma once

#include <string>
#include <vector>

#include "model/json.h"

namespace hewn::cli {

struct Figure {
  const char* picture;  ///< the row of the page with the figure: "losses"; "" if it is only a file
  std::string name;     ///< of a file NAME.svg
  std::string svg;
  size_t run = 0;
  bool of_all = false;  ///< shows all runs
};

/// The pictures of a report as drawings, in the colours of one page. Rows without data or of an unexpected
/// form have no figure.
std::vector<Figure> report_figures(const Json& report);

}  // namespace hewn::cli
