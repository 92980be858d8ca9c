#include "apps/finetune/keys.h"

#include "apps/cli/make.h"
#include "model/config.h"
#include "train/config.h"

namespace hewn::cli::keys {
namespace {

constexpr CommandSet talks = takes::finetune_instruct | takes::finetune_prefer;

Option kept(Option option) {
  option.change = Change::new_run;
  return option;
}

Option this_time(Option option) {
  option.once = true;
  return option;
}

// A real number that is not 0.
Option positive(Option option) {
  std::get<Reals>(option.range).least_excluded = true;
  return option;
}

}  // namespace

std::vector<Option> finetune_options() {
  return {
      kept(text("data", "FILE", "", finetunes,
                "rows to learn from: CSV, TSV, JSON or JSON Lines, recognised by content", "required")),
      kept(text("val", "FILE", "", finetunes, "rows for validation, instead of a part of data",
                "a part of data")),
      kept(text("test", "FILE", "", finetunes, "rows for the test at the end, instead of a part of data",
                "a part of data")),
      kept(
          text("split", "A/B/C", "70/10/20", finetunes,
               "percentages of data for training, validation and test, drawn by seed, each with its share of "
               "every label, rows with the same text on the same side; A/B: training and test",
               "70/10/20; with val or test, these parts are not taken from data")),
      text("text", "COLUMN", "text", takes::finetune_classify,
           "column of the texts, by name or by number from 1"),
      text("text", "COLUMN", "", takes::classify, "column of the texts in FILE, by name or by number from 1",
           "the column that the run was trained on"),
      text("label", "COLUMN", "label", takes::finetune_classify, "column of the labels, by name or number"),
      kept(text("labels", "A,B,...", "", takes::finetune_classify, "the labels in the order of their numbers",
                "those in data, sorted")),
      kept(choice(
          "balance", "none|weight|sample", "none", takes::finetune_classify,
          "for labels of unequal frequency: weight rows by the inverse frequency of their label, or sample "
          "the rows of rarer labels several times in each epoch")),
      kept(choice("position", names_of(LabelPosition{}), "last", takes::finetune_classify,
                  "what the classifier reads of a text: the state of its last token, or the mean of all its "
                  "tokens' states")),
      text("messages", "COLUMN", "", takes::finetune_instruct,
           "column with a list of messages, each {\"role\": ..., \"content\": ...}",
           "messages, if there is one"),
      text("prompt", "COLUMN", "", takes::finetune_instruct, "column of the instructions, by name or number",
           "instruction, or the first of two columns"),
      text("input", "COLUMN", "", takes::finetune_instruct,
           "column of inputs to the instructions; rows may lack it", "input, if there is one"),
      text("answer", "COLUMN", "", takes::finetune_instruct, "column of the answers, by name or number",
           "output, or the second of two columns"),
      text("prompt", "COLUMN", "", takes::finetune_prefer, "column of the prompts, by name or number",
           "prompt, or instruction"),
      text("input", "COLUMN", "", takes::finetune_prefer, "column of inputs to the prompts; rows may lack it",
           "input beside instruction, if there is one"),
      text("chosen", "COLUMN", "chosen", takes::finetune_prefer,
           "column of the better answers, by name or number"),
      text("rejected", "COLUMN", "rejected", takes::finetune_prefer,
           "column of the worse answers, by name or number"),
      kept(text("template", "NAME|FILE", "", talks,
                "the text around messages: alpaca, phi, chatml or plain, or a JSON file with such a text; "
                "the run keeps it, and sample --instruct, chat and export use it",
                "that of the run in init_from, else alpaca")),
      kept(choice("mask", "prompt|none", "prompt", takes::finetune_instruct,
                  "what is not learned: everything but the answers and what ends them, or nothing")),
      this_time(
          integer("show", "0", 0, 1'000'000, talks,
                  "print the first N training rows as the model sees them, token by token, marking what is "
                  "masked, and stop (0: train)")),
      integer("max_new_tokens", "256", 1, 1'000'000, takes::finetune_instruct,
              "number of tokens to generate for an answer in responses.json, at most"),
      integer("sample_interval", "0", 0, most_steps, takes::finetune_instruct,
              "steps between answers to the test rows, in responses.json (0: only at the end)"),
      kept(integer("max_length", "", 1, 1 << 24, finetunes, "longest row in tokens; longer ones are cut",
                   "block_size")),
      positive(real("epochs", "5", 0, 1e6, finetunes & ~takes::finetune_prefer,
                    "passes over the training rows", "5, unless max_iters is given")),
      positive(real("epochs", "1", 0, 1e6, takes::finetune_prefer, "passes over the training rows",
                    "1, unless max_iters is given")),
      integer("max_iters", "", 0, most_steps, finetunes, "number of optimizer steps", "that of the epochs"),
      integer("batch_size", "16", 1, 1 << 20, finetunes, "rows per micro-step"),
      real("learning_rate", "3e-4", 0, 1e6, finetunes & ~takes::finetune_prefer, "peak learning rate"),
      real("learning_rate", "1e-5", 0, 1e6, takes::finetune_prefer, "peak learning rate"),
      integer("eval_interval", "", 1, most_steps, finetunes, "steps between validations and checkpoints",
              "an epoch"),
      this_time(flag("csv", "false", takes::classify,
                     "print the table of FILE as it is, with added columns: the label and the probability of "
                     "each label")),
      integer("batch_size", "256", 1, 1 << 20, takes::classify, "number of texts read at a time"),
  };
}

}  // namespace hewn::cli::keys
