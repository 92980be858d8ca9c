// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_train(const Settings& settings);

namespace {

Sections train_sections() {
  using namespace keys;
  Section several =
      described("train", {integer("ranks", "0", 0, 1024), integer("restarts", "0", 0, 1'000'000)});
  for (Option& option : several.options) option.once = true;
  return {data("out_dir dataset tokenizer unknown special vocab_size val_fraction val stride epochs"),
          reading("base"),
          model(),
          training(),
          several,
          ranks("hosts rank_timeout"),
          watching("eval_only profile report dry_run force"),
          computing("device cuda_graph matmul_precision threads").with({training_key("dtype")})};
}

}  // namespace

Commands train_commands() {
  return {{.name = "train",
           .purpose = Purpose::train,
           .common =
               "dataset out_dir init_from tokenizer n_layer n_head n_embd block_size batch_size max_iters "
               "learning_rate dropout eval_interval dtype device",
           .sections = train_sections,
           .run = run_train}};
}

}  // namespace hewn::cli
