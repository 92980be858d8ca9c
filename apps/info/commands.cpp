// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_info(const Settings& settings);

Commands info_commands() {
  return {{.name = "info",
           .arguments = "[RUN|FILE]",
           .purpose = Purpose::measure,
           .sections = [] { return Sections{keys::reading("out_dir base")}; },
           .run = run_info}};
}

}  // namespace hewn::cli
