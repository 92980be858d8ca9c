// The commands of this room and their options.

#include "apps/run/keys.h"
#include "train/sweep/definition.h"

namespace hewn::cli {

int run_sweep(const Settings& settings);

namespace {

Sections sweep_sections() {
  using namespace keys;
  return {
      described("sweep", {text("out_dir", "SWEEP", "sweep"), repeated(text("grid", "KEY=VALUE,VALUE...")),
                          integer("seeds", "1", 1, most_sweep_runs), once(integer("at_once", "1", 1, 1024)),
                          flag("final_eval", "true"), flag("md")}),
      data("dataset tokenizer unknown special vocab_size val_fraction val stride epochs"),
      model(),
      training(),
      watching("dry_run"),
      computing("device cuda_graph matmul_precision threads").with({training_key("dtype")})};
}

}  // namespace

Commands sweep_commands() {
  return {{.name = "sweep",
           .purpose = Purpose::train,
           .common =
               "grid seeds out_dir at_once final_eval dry_run md dataset n_layer n_head n_embd batch_size "
               "max_iters learning_rate threads",
           .sections = sweep_sections,
           .run = run_sweep}};
}

}  // namespace hewn::cli
