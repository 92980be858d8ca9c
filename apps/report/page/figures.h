#pragma once

#include <string>
#include <vector>

#include "model/json.h"

namespace hewn::cli {

struct Figure {
  const char* picture;  ///< of the page, where it stands: "losses"; "" if it is only a file
  std::string name;     ///< of a file NAME.svg
  std::string svg;
  size_t run = 0;
  bool of_all = false;  ///< shows all runs
};

/// The pictures of a report as drawings, in the colours of one page. Rows without data, and those of another form than
/// expected, have none.
std::vector<Figure> report_figures(const Json& report);

}  // namespace hewn::cli
