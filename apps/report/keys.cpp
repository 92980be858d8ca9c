#include "apps/report/keys.h"

#include "apps/cli/make.h"

namespace hewn::cli::keys {

std::vector<Option> report_options() {
  return {
      text("out", "FILE", "", takes::report, "HTML page to write; an existing file is replaced",
           "RUN/report.html, of a sweep SWEEP/runs.html; of several runs and other programs' models, "
           "report.html here"),
      text("text", "TEXT", "", takes::report,
           "text that the first run's model reads, for its attention, lens and gradient",
           "the beginning of its validation text"),
      also("start", text("prompt", "TEXT|FILE:path|-", "", takes::report,
                         "text that the first run's model continues by each decoding method", "a newline")),
      text("figures", "DIR", "", takes::report,
           "also write the pictures as SVG files into this directory; existing files are replaced", "none"),
      flag("inspect", "true", takes::report,
           "open the first run's model and show what it computes; false: only what the files of the runs "
           "hold"),
  };
}

}  // namespace hewn::cli::keys
