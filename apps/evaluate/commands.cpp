// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_eval(const Settings& settings);

namespace {

Sections eval_sections() {
  using namespace keys;
  Section several = described("eval", {integer("ranks", "0", 0, 1024)});
  several.options[0].once = true;
  return {
      reading(),
      described("eval", {text("dataset", "WHAT"), text("val", "FILE"), integer("stride", "0", 0, most_size),
                         text("against", "RUN"), flag("per_token"), text("tasks", "FILE|DIR"),
                         text("generate", "FILE"), text("responses", "FILE"), integer("shots", "0", 0, 1000),
                         text("delimiter", "TEXT", " "), text("methods", "NAME,...", "greedy"),
                         text("answers", "FILE"), special(""), flag("csv"), flag("md")}),
      several,
      ranks("hosts rank_timeout"),
      generating("batch_size beam length_penalty"),
      computing("device matmul_precision dtype threads").with({training_key("seed")})};
}

}  // namespace

Commands evaluate_commands() {
  return {
      {.name = "eval",
       .arguments = "[RUN [RUN2]]",
       .purpose = Purpose::measure,
       .common =
           "val dataset stride against per_token tasks shots generate methods responses answers md device "
           "dtype threads",
       .sections = eval_sections,
       .run = run_eval}};
}

}  // namespace hewn::cli
