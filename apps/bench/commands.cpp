// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_bench_kernels(const Settings& settings);
int run_bench_train(const Settings& settings);
int run_bench_sample(const Settings& settings);

namespace {

using namespace keys;

Sections kernels_sections() {
  return {described("bench_kernels", {text("op", "NAME,..."),
                                      text("shape", "SIZES,..."),
                                      text("shapes_from", "RUN|CONFIG.toml"),
                                      text("threads", "N,..."),
                                      text("isa", "NAME,..."),
                                      flag("ladder"),
                                      flag("guess"),
                                      text("rung", "FILE.so"),
                                      text("compare", "NAME,..."),
                                      text("ceilings", "FILE"),
                                      choice("cache", "warm|cold|both", "both"),
                                      choice("pages", "huge|small", "huge"),
                                      flag("counters"),
                                      flag("asm"),
                                      flag("wide"),
                                      flag("csv"),
                                      flag("md"),
                                      text("plot", "FILE.html"),
                                      text("baseline", "FILE"),
                                      letter('r', integer("repeat", "5", 1, 1'000'000))}),
          computing("device").with({training_key("dtype")})};
}

Sections train_sections() {
  return {described("bench_train", {letter('r', integer("repeat", "20", 1, 1'000'000))}),
          data("out_dir"),
          text_data(),
          planned(),
          model(),
          training(),
          watching(),
          described("bench_train", {once(text("ranks", "1,2,4"))}),
          ranks("hosts rank_timeout"),
          computing("device cuda_graph matmul_precision threads").with({training_key("dtype")})};
}

Sections sample_sections() {
  return {described("bench_sample",
                    {sized("vocab_size", "65"), integer("prompt_tokens", "1", 1, most_size),
                     integer("batch_size", "1", 1, 4096), letter('r', integer("repeat", "5", 1, 1'000'000))}),
          model(), sampling("max_new_tokens kv"),
          computing("device cuda_graph matmul_precision threads")
              .with({training_key("dtype"), training_key("seed")})};
}

}  // namespace

Commands bench_commands() {
  return {
      {.name = "bench kernels",
       .purpose = Purpose::measure,
       .common = "op shape shapes_from dtype device threads isa cache ladder guess rung compare plot "
                 "baseline repeat",
       .sections = kernels_sections,
       .run = run_bench_kernels,
       .spins = true},
      {.name = "bench train",
       .purpose = Purpose::measure,
       .common =
           "n_layer n_head n_embd block_size vocab_size batch_size gradient_accumulation_steps dtype device "
           "threads ranks recompute repeat",
       .sections = train_sections,
       .run = run_bench_train},
      {.name = "bench sample",
       .arguments = "[RUN]",
       .purpose = Purpose::measure,
       .common =
           "max_new_tokens prompt_tokens batch_size kv n_layer n_head n_embd block_size vocab_size dtype "
           "device threads repeat",
       .sections = sample_sections,
       .run = run_bench_sample}};
}

}  // namespace hewn::cli
