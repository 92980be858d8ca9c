// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_plan(const Settings& settings);

namespace {

Sections plan_sections() {
  using namespace keys;
  return {data("out_dir"),
          text_data(),
          planned(),
          model(),
          training(),
          watching(),
          sampling("kv"),
          described("plan", {once(integer("ranks", "1", 1, 1024)), once(text("network", "GBIT/S|nvlink")),
                             choice("gpu", "h200|h100|a100|rtx4090|rtx3090", "h200"), flag("ops")}),
          computing("device threads").with({training_key("dtype")})};
}

}  // namespace

Commands plan_commands() {
  return {{.name = "plan",
           .arguments = "[RUN]",
           .purpose = Purpose::train,
           .common =
               "dataset vocab_size n_layer n_head n_embd block_size batch_size gradient_accumulation_steps "
               "max_iters dtype device gpu ranks ops threads",
           .sections = plan_sections,
           .run = run_plan}};
}

}  // namespace hewn::cli
