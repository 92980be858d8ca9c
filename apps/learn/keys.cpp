#include "apps/learn/keys.h"

#include "apps/cli/make.h"

namespace hewn::cli::keys {

std::vector<Option> learn_options() {
  return {
      text("out", "FILE", "", takes::learn,
           "write all chapters as one HTML page, which needs no network; an existing file is replaced",
           "none"),
      flag("watch", "false", takes::learn,
           "with check, check again whenever the file is saved, until it is right"),
      flag("training", "true", takes::learn,
           "with check, train a small model with a right answer in the place of the engine's, or time it if "
           "it is a kernel"),
      text("out_dir", "RUN", "", takes::learn, "with check, keep that model as a run in this new directory",
           "not kept"),
  };
}

}  // namespace hewn::cli::keys
