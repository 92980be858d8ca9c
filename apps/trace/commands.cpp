// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_trace(const Settings& settings);

namespace {

Sections trace_sections() {
  using namespace keys;
  return {described("trace", {text("expr", "FORMULA"), also("text", text("prompt", "TEXT")),
                              text("node", "NODE[I,...]"), flag("step"), text("diff", "RUN|TYPE|DEVICE"),
                              flag("unfold"), flag("update"), text("watch", "PARAMETER[I,...]"),
                              integer("iters", "20", 1, 1'000'000), flag("roof"), flag("dot"), flag("page"),
                              text("out", "FILE"), integer("values", "4096", 0, 1 << 24),
                              text("dataset", "DIR"), text("tokenizer", "KIND|FILE"), sized("vocab_size")}),
          reading(), model(),
          computing("device matmul_precision dtype threads").with({training_key("seed")})};
}

}  // namespace

Commands trace_commands() {
  return {{.name = "trace",
           .arguments = "[RUN | lesson | NAME=VALUE...]",
           .purpose = Purpose::learn,
           .common = "expr prompt node step page out unfold diff watch iters dot dtype device",
           .sections = trace_sections,
           .run = run_trace,
           .words = "lesson"}};
}

}  // namespace hewn::cli
