// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_report(const Settings& settings);

namespace {

Sections report_sections() {
  using namespace keys;
  return {described("report", {text("out", "FILE"), text("text", "TEXT"),
                               also("start", text("prompt", "TEXT|FILE:path|-")), text("figures", "DIR"),
                               flag("inspect", "true")}),
          reading("base"), computing("device matmul_precision dtype threads").with({training_key("seed")})};
}

}  // namespace

Commands report_commands() {
  return {{.name = "report",
           .arguments = "[RUN...]",
           .purpose = Purpose::measure,
           .sections = report_sections,
           .run = run_report}};
}

}  // namespace hewn::cli
