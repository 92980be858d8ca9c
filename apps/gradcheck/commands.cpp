// The commands of this room and their options.

#include "apps/run/keys.h"
#include "core/text.h"
#include "train/inspect/gradcheck/deliberate.h"

namespace hewn::cli {

int run_gradcheck(const Settings& settings);

namespace {

Sections gradcheck_sections() {
  using namespace keys;
  Section own = described(
      "gradcheck", {also("text", text("prompt", "TEXT")), integer("batch_size", "2", 1, 1024),
                    integer("length", "16", 1, 1 << 20), integer("gradient_accumulation_steps", "1", 1, 64),
                    flag("recompute"), real("seconds", "60", 0, 1e6), integer("entries", "64", 1, 1 << 20),
                    choice("vs", "f32|bf16|emulated|cuda"), integer("seed", "1337", 0, INT64_MAX),
                    flag("wide"), sized("vocab_size", "65"), text("break", "NAME[@SCOPE],...")});
  own.options.back().help += join("; NAME is all, ", list_text(mistakes(), ", ", &Mistake::name));
  return {own, model(), computing("threads")};
}

}  // namespace

Commands gradcheck_commands() {
  return {{.name = "gradcheck",
           .arguments = "[RUN]",
           .purpose = Purpose::learn,
           .common =
               "prompt batch_size length seconds entries vs break recompute n_layer n_head n_embd block_size "
               "seed threads",
           .sections = gradcheck_sections,
           .run = run_gradcheck}};
}

}  // namespace hewn::cli
