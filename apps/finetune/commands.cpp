// The commands of this room and their options.

#include "apps/run/keys.h"
#include "core/text.h"
#include "model/config.h"
#include "train/config.h"

namespace hewn::cli {

int run_finetune_classify(const Settings& settings);
int run_finetune_instruct(const Settings& settings);
int run_finetune_prefer(const Settings& settings);
int run_classify(const Settings& settings);
int run_merge(const Settings& settings);

namespace {

using namespace keys;

// Keys of `hewn train` that fine-tuning does not have, because it scores all rows and generates no text, or has its own.
constexpr auto not_of_tuning =
    "init_from batch_size max_iters learning_rate eval_interval eval_iters sample_interval";

// What all three have, with the options of one's own rows and the defaults of its steps.
Sections tuning(const Section& rows, std::string_view epochs, std::string_view learning_rate,
                const Options& loss = {}, bool talks = false) {
  Section tuned =
      described("finetune",
                {once(text("init_from", "RUN|resume")), kept(text("data", "FILE")), kept(text("val", "FILE")),
                 kept(text("test", "FILE")), kept(text("split", "A/B/C", "70/10/20")),
                 kept(integer("max_length", "", 1, 1 << 24)), above("epochs", epochs, 0, 1e6),
                 integer("max_iters", "", 0, most_steps), integer("batch_size", "16", 1, 1 << 20),
                 real("learning_rate", learning_rate, 0, 1e6), integer("eval_interval", "", 1, most_steps)});
  for (Option& option : tuned.options)
    if (option.name == "epochs") option.derived = join(epochs, ", unless max_iters is given");
  if (talks)
    tuned = tuned.with(
        described("finetune", {kept(text("template", "NAME|FILE")), once(integer("show", "0", 0, 1'000'000))})
            .options);
  return {data("out_dir unknown"),
          reading("base"),
          tuned,
          rows,
          model(),
          training().without(not_of_tuning).with(loss),
          watching("profile report dry_run force").without(not_of_tuning),
          computing("device cuda_graph matmul_precision threads").with({training_key("dtype")})};
}

Sections classify_sections() {
  return tuning(
      described("finetune_classify",
                {text("text", "COLUMN", "text"), text("label", "COLUMN", "label"),
                 kept(text("labels", "A,B,...")), kept(choice("balance", "none|weight|sample", "none")),
                 kept(choice("position", names_of(LabelPosition{}), "last"))}),
      "5", "3e-4");
}

Sections instruct_sections() {
  return tuning(described("finetune_instruct",
                          {text("messages", "COLUMN"), text("prompt", "COLUMN"), text("input", "COLUMN"),
                           text("answer", "COLUMN"), kept(choice("mask", "prompt|none", "prompt")),
                           integer("max_new_tokens", "256", 1, 1'000'000),
                           integer("sample_interval", "0", 0, most_steps)}),
                "5", "3e-4", {}, true);
}

Sections prefer_sections() {
  return tuning(described("finetune_prefer",
                          {text("prompt", "COLUMN"), text("input", "COLUMN"),
                           text("chosen", "COLUMN", "chosen"), text("rejected", "COLUMN", "rejected")}),
                "1", "1e-5", options_of_keys(preference_keys), true);
}

Sections apply_sections() {
  return {reading(),
          described("classify",
                    {text("text", "COLUMN"), once(flag("csv")), integer("batch_size", "256", 1, 1 << 20)}),
          computing("device matmul_precision dtype threads")};
}

Sections merge_sections() {
  return {reading(), described("merge", {text("out", "RUN"), once(flag("force"))})};
}

}  // namespace

Commands finetune_commands() {
  constexpr auto common =
      "data init_from out_dir text label prompt answer chosen rejected template epochs max_iters "
      "batch_size learning_rate train max_length val test device";
  return {{.name = "finetune classify",
           .purpose = Purpose::train,
           .common = common,
           .sections = classify_sections,
           .run = run_finetune_classify},
          {.name = "finetune instruct",
           .purpose = Purpose::train,
           .common = common,
           .sections = instruct_sections,
           .run = run_finetune_instruct},
          {.name = "finetune prefer",
           .purpose = Purpose::train,
           .common = common,
           .sections = prefer_sections,
           .run = run_finetune_prefer},
          {.name = "merge",
           .arguments = "[RUN]",
           .purpose = Purpose::exchange,
           .sections = merge_sections,
           .run = run_merge},
          {.name = "classify",
           .arguments = "RUN [TEXT...|FILE|-]",
           .purpose = Purpose::write,
           .sections = apply_sections,
           .run = run_classify}};
}

}  // namespace hewn::cli
