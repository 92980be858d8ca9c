#include "apps/sweep/keys.h"

#include "apps/cli/make.h"
#include "train/sweep/grid.h"

namespace hewn::cli::keys {
namespace {

Option repeatable(Option option) {
  option.repeats = true;
  return option;
}

Option this_call(Option option) {
  option.once = true;
  return option;
}

}  // namespace

std::vector<Option> sweep_options() {
  return {
      repeatable(text("grid", "KEY=VALUE,VALUE...", "", takes::sweep,
                      "a key of `hewn train` and the values to try; may be given several times, for all "
                      "combinations. Values are separated by commas, or by | if they contain commas",
                      "one run with the values of CONFIG.toml")),
      integer("seeds", "1", 1, most_sweep_runs, takes::sweep,
              "runs per combination, with the seeds seed, seed + 1, ..."),
      this_call(integer("at_once", "1", 1, 1024, takes::sweep,
                        "runs that train at the same time, each with threads / at_once threads")),
      flag("final_eval", "true", takes::sweep,
           "score the best checkpoint of each run on its whole validation split, as `hewn eval` does, and "
           "rank by this loss; false: by the best loss seen during training"),
  };
}

}  // namespace hewn::cli::keys
