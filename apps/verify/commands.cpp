// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_verify(const Settings& settings);

namespace {

Sections verify_sections() {
  using namespace keys;
  return {described("verify", {integer("max_iters", "20", 2, 1'000'000), flag("resume"), flag("merged"),
                               flag("texts"), text("threads", "1,2,4"), text("devices", "NAME,NAME"),
                               integer("num_samples", "200", 1, 1'000'000), once(text("ranks", "1,2,4"))}),
          data("out_dir vocab_size"),
          text_data(),
          reading("base"),
          model(),
          training().without("max_iters"),
          watching(),
          sampling("kv"),
          computing("device").with({training_key("dtype")})};
}

}  // namespace

Commands verify_commands() {
  return {
      {.name = "verify",
       .arguments = "[RUN]",
       .purpose = Purpose::measure,
       .common = "resume threads ranks devices merged texts max_iters num_samples dataset base device dtype",
       .sections = verify_sections,
       .run = run_verify}};
}

}  // namespace hewn::cli
