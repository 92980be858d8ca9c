#include "apps/cli/options.h"

#include <algorithm>
#include <vector>

#include "core/text.h"
#include "train/config.h"

namespace hewn::cli {
namespace {

constexpr int64_t most_size = 1 << 20;

// Commands that build the model and the data of a configuration.
constexpr CommandSet run = takes::train | takes::plan | takes::verify | takes::bench_train;
constexpr CommandSet model = run | takes::bench_sample;
constexpr CommandSet computes = takes::train | takes::sample | takes::chat | takes::eval | takes::plan |
                                takes::bench_train | takes::bench_sample;

constexpr CommandSet writes = takes::sample | takes::chat;
constexpr CommandSet reads_run =
    writes | takes::eval | takes::info | takes::export_model;  // verify: see `run`

Option flag(std::string_view name, std::string_view initial, CommandSet commands, std::string_view help,
            std::string_view derived = "") {
  return {name, Kind::flag, std::string(initial), std::string(derived), Switch{}, "", help, commands};
}
Option integer(std::string_view name, std::string_view initial, int64_t least, int64_t most,
               CommandSet commands, std::string_view help, std::string_view derived = "") {
  const Integers range{least, most};
  return {name, Kind::integer, std::string(initial), std::string(derived), range, "N", help, commands};
}
Option real(std::string_view name, std::string_view initial, double least, double most, CommandSet commands,
            std::string_view help, std::string_view derived = "") {
  const Reals range{least, most};
  return {name, Kind::real, std::string(initial), std::string(derived), range, "X", help, commands};
}
Option choice(std::string_view name, std::string_view choices, std::string_view initial, CommandSet commands,
              std::string_view help, std::string_view derived = "") {
  return {name, Kind::choice, std::string(initial), std::string(derived), Switch{}, choices, help, commands};
}
Option text(std::string_view name, std::string_view placeholder, std::string_view initial,
            CommandSet commands, std::string_view help, std::string_view derived = "") {
  return {name, Kind::text, std::string(initial), std::string(derived), Switch{}, placeholder,
          help, commands};
}

Option short_form(char letter, Option option) {
  option.letter = letter;
  return option;
}
Option this_time(Option option) {
  option.once = true;
  return option;
}
// A run that is resumed keeps its value.
Option kept(Option option) {
  option.change = Change::new_run;
  return option;
}

// A number with the name and the range of a model's key.
Option sized(std::string_view name, std::string_view initial, CommandSet commands, std::string_view help,
             std::string_view derived = "") {
  Option option = integer(name, initial, 0, 0, commands, help, derived);
  for (const auto& key : model_keys)
    if (key.name == name) option.range = key.domain;
  return option;
}

// The option of a key that a configuration has.
template <class Config>
Option option_of(const Key<Config>& key, CommandSet commands) {
  const std::string initial = text_of(key.get(Config{}));
  Option option;
  option.name = key.name;
  option.help = key.help;
  option.commands = commands;
  option.change = key.change;
  if (key.derive)
    option.derived = key.follows;
  else
    option.initial = initial;
  if (!key.derive && !key.follows.empty()) option.derived = initial + ", or " + std::string(key.follows);
  option.range = key.domain;
  if (const auto* choices = std::get_if<Choices>(&key.domain)) {
    option.kind = Kind::choice;
    option.choices = choices->names;
  } else if (std::holds_alternative<Integers>(key.domain)) {
    option.kind = Kind::integer;
    option.choices = "N";
  } else if (std::holds_alternative<Reals>(key.domain)) {
    option.kind = Kind::real;
    option.choices = "X";
  }
  return option;
}

using Options = std::vector<Option>;

// Which commands take a training key: those that train or plan to, with these exceptions.
CommandSet takers_of(std::string_view training_key) {
  if (training_key == "max_iters") return run & ~takes::verify;  // it has one of its own
  if (training_key == "seed") return model | writes | takes::data_corpus;
  if (training_key == "dtype") return {};  // under "Machine"
  return run;
}

CommandSet takers_of_dtype(std::string_view key) {
  return key == "dtype" ? model | takes::bench_kernels : CommandSet();
}

// Adds the options of the keys of a table that any command takes.
template <class Keys>
void add_keys(Options& options, const Keys& keys, CommandSet (*takers)(std::string_view)) {
  for (const auto& key : keys)
    if (const CommandSet commands = takers(key.name); commands && !key.from_data)
      options.push_back(option_of(key, commands));
}

const Option data[] = {
    text("out_dir", "DIR", "out", run, "where the run is kept; if not empty, see init_from and force"),
    text("out_dir", "RUN", "", reads_run, "the run to read, instead of the argument RUN",
         "out, if it is a run"),
    text("out_dir", "DIR", "data", takes::data_prepare,
         "where train.bin, val.bin and tokenizer.json are written"),
    text("dataset", "WHAT", "", takes::eval, "score the last part of this instead", "the run's"),
    text("val", "FILE", "", takes::eval, "score all of this text instead", "the run's"),
    integer(
        "stride", "0", 0, most_size, takes::eval,
        "windows begin this many tokens apart and overlap, and in each only the tokens that are new count: "
        "closer to what the model can do, slower (0: windows that do not overlap)"),
    flag("per_token", "false", takes::eval,
         "a line of JSON for each token instead: its text, its natural log probability, whether it was found "
         "likeliest"),
    text("dataset", "WHAT", "tales", run,
         "a text file, a directory made by `hewn data prepare`, `tales` (the built-in corpus), or several "
         "mixed by "
         "weight: A:0.7,B:0.3"),
    kept(text("tokenizer", "KIND|FILE", "", run | takes::data_prepare,
              "how text becomes tokens: char, byte, word, regex or bpe, learnt from the text; or a "
              "tokenizer.json, or GPT-2's encoder.json or vocab.json with its merges beside it",
              "the dataset's own, else char")),
    choice("type", "char|byte|word|regex|bpe", "", takes::tokenizer_train, "the kind to learn",
           "that of tokenizer"),
    choice("tokenizer", "char|byte|word|regex|bpe", "char", takes::tokenizer_train,
           "the same, by the name it has for `hewn train`"),
    text("text", "TEXT", "", takes::tokenizer_compare, "compare on this text instead of a FILE", "FILE"),
    integer("pieces", "40", 0, 1'000'000, takes::tokenizer_compare,
            "how many tokens of each to show (0: none)"),
    text("tokenizer", "FILE", "", takes::tokenizer_encode | takes::tokenizer_decode,
         "tokenizer.json, a run or data directory that holds one, or GPT-2's encoder.json or vocab.json",
         "required"),
    choice("special", "text|allow|refuse", "text", takes::tokenizer_encode,
           "the text of a special token, such as <|endoftext|>, is text like any other, that token, or an "
           "error"),
    text("out", "FILE", "tokenizer.json", takes::tokenizer_train, "the file to write"),
    text("out", "RUN", "", takes::import_model, "the run to make; if not empty, see force", "required"),
    text(
        "tokenizer", "FILE", "", takes::import_model,
        "tokenizer.json, a directory that holds one, encoder.json or vocab.json, or llama2.c's tokenizer.bin",
        "that beside the model"),
    integer("vocab_size", "0", 0, 1 << 24, takes::tokenizer_train,
            "keep only the most frequent N tokens of word or regex (0: all), or learn N of bpe (0: 4096)"),
    kept(sized("vocab_size", "", takes::train | takes::verify | takes::data_prepare,
               "learn at most N tokens: of word and regex the most frequent, of bpe by N - 257 merges",
               "all of word and regex, 4096 of bpe")),
    sized("vocab_size", "", takes::plan | takes::bench_train,
          "assume a vocabulary of this size, and read no dataset", "the dataset's"),
    sized("vocab_size", "65", takes::bench_sample, "tokens in the vocabulary"),
    real("val_fraction", "0.1", 0, 0.9, run | takes::data_prepare,
         "the part at the end of the text kept for validation"),
    text("val", "FILE", "", run | takes::data_prepare,
         "a text of its own for validation, instead of val_fraction"),
    kept(integer(
        "stride", "0", 0, most_size, run,
        "read the text in order, windows this far apart, shuffled in each epoch (0: windows at random "
        "places)")),
    real("epochs", "0", 0, 1e6, run, "stop after this many passes over the text (0: after max_iters)"),
    integer("tales", "20000", 1, 100'000'000, takes::data_corpus, "how many tales to tell"),
};

Options architecture_options() {
  Options options;
  add_keys(options, model_keys, [](std::string_view) { return model; });
  options.push_back(
      sized("block_size", "", takes::import_model, "crop the context to at most N tokens", "the model's"));
  return options;
}

Options training_options() {
  Options options{
      this_time(text(
          "init_from", "scratch|resume|RUN", "scratch", run,
          "start from scratch, resume the run in out_dir, or start from the weights of another run or of "
          "another program's model")),
  };
  add_keys(options, training_keys, takers_of);
  options.push_back(
      integer("max_iters", "20", 2, 1'000'000, takes::verify, "steps to train for each comparison"));
  return options;
}

Options watching_options() {
  Options options;
  add_keys(options, watching_keys, takers_of);
  for (const Option& option : {
           this_time(flag("eval_only", "false", takes::train, "validate once and stop")),
           this_time(flag("profile", "false", takes::train,
                          "time every kernel; tables at the end, all of it in the run's profile.json")),
           this_time(flag("dry_run", "false", takes::train,
                          "check everything, print what would be done, and stop")),
           this_time(flag("force", "false", takes::train | takes::import_model,
                          "move a run that is in the way aside (nothing is deleted)")),
           flag("force", "false", takes::data_prepare | takes::tokenizer_train, "replace files that exist"),
       })
    options.push_back(option);
  return options;
}

const Option sampling[] = {
    text("start", "TEXT|FILE:path|LINES:path|-", "", takes::sample,
         "what to go on from; - reads standard input, and LINES: takes every line of a file (or of -) as a "
         "start "
         "of its own, with \\n, \\t and \\\\ for a line end, a tab and \\",
         "a newline"),
    integer("num_samples", "1", 1, 1'000'000, takes::sample, "how many texts to write, for each start"),
    integer("batch_size", "8", 1, 1'000'000, takes::sample, "how many texts are written at a time"),
    integer("max_new_tokens", "500", 1, 1'000'000'000, writes | takes::bench_sample, "tokens to add to each"),
    real("temperature", "0.8", 0, 1e3, writes, "0 always takes the likeliest token"),
    integer("top_k", "0", 0, 1 << 24, writes, "choose among the k likeliest tokens only (0: all)"),
    real("top_p", "1", 1e-9, 1, writes,
         "choose among the fewest likeliest tokens whose probabilities add up to this (1: all)"),
    real("min_p", "0", 0, 1, writes, "only tokens at least so likely as this part of the likeliest (0: all)"),
    real("repetition_penalty", "1", 1e-3, 1e3, writes,
         "above 1 makes tokens that are already there less likely, below 1 more"),
    integer("beam", "0", 0, 4096, takes::sample,
            "search for the likeliest texts, following so many at a time, instead of drawing; num_samples "
            "are shown, the "
            "best first (0: draw)"),
    real("length_penalty", "1", -100, 100, takes::sample,
         "beams are ranked by log P / tokens^length_penalty: more favours longer texts"),
    choice("slide", "half|one", "half", writes,
           "how a text longer than block_size goes on: with its newest half each time the block is full, or "
           "without its oldest token each time, as nanoGPT does: a whole context of work for every token"),
    text("stop", "TEXT|TEXT...", "", writes,
         "end before one of these texts or special tokens; \\n, \\t, \\| and \\\\ are a line end, a tab, | "
         "and \\",
         "the tokenizer's <|endoftext|>"),
    flag("show_probs", "false", takes::sample,
         "a line for each token: how likely the model found it, and which others"),
    text("shots", "FILE.jsonl", "", writes,
         "examples to show before the start, one a line: {\"input\": ..., \"output\": ...}; the answer alone "
         "is "
         "printed, up to the line's end",
         "none"),
    text("template", "TEXT", "Input: {input}\\nOutput: {output}\\n\\n", takes::sample,
         "how an example is written, with {input} and {output}; without shots the start alone is written so"),
    text("history", "FILE", "", takes::chat,
         "where lines typed on a terminal are kept, the newest 1000; empty: nowhere",
         "~/.local/state/hewn/history"),
    text("template", "TEXT", "{input}{output}\\n", takes::chat,
         "how a line of the talk and its answer are written for the model"),
    flag("compare", "false", takes::sample,
         "one text by every method in a table: log P in all and per token, distinct tokens and pairs, the "
         "text; keys "
         "that are given are those of their method"),
    flag("logprobs", "false", takes::sample,
         "the same as JSON, a line for each token, with natural logarithms"),
};

const Option exchange[] = {
    choice("format", "hf|safetensors|llama2c|gguf", "", takes::export_model, "the program that is to open it",
           "required"),
    text("out", "PATH", "", takes::export_model, "the file to write, of hf the directory", "required"),
    choice("dtype", "f32|f16|bf16", "f32", takes::export_model,
           "number type to write; llama2c holds f32 only"),
    sized("block_size", "", takes::export_model, "crop the context to at most N tokens", "the model's"),
    choice("act", "gelu|gelu_erf", "", takes::export_model,
           "write the other GELU instead of the model's, as GGUF only has the approximation; prints how far "
           "logits "
           "move",
           "the model's"),
    flag("force", "false", takes::export_model, "replace a file that exists; a directory is moved to PATH.1"),
};

const Option checking[] = {
    flag("resume", "false", takes::verify, "train N+N steps with a stop between and 2N without: same bits?"),
    text("threads", "1,2,4", "", takes::verify, "train with each of these thread counts: same bits?",
         "not checked"),
    text("devices", "NAME,NAME", "", takes::verify,
         "train on both of two devices, cpu,cuda: do their losses agree, and if not, where do they part?",
         "not checked"),
};

const Option benching[] = {
    text("op", "NAME,...", "", takes::bench_kernels,
         "only these operations, parts of them or kinds: softmax, softmax.forward, gelu", "all"),
    text("shape", "SIZES,...", "", takes::bench_kernels,
         "these sizes alone, written as in the output: 256x2304x768", "the sizes of real models"),
    text("shapes_from", "RUN|CONFIG.toml", "", takes::bench_kernels,
         "the kernels that a training step of this run calls, with its shapes and dtype", "none"),
    text("threads", "N,...", "", takes::bench_kernels, "thread counts to time", "one per core"),
    text("isa", "NAME,...", "", takes::bench_kernels, "instruction sets to time", "the one in use"),
    flag("ladder", "false", takes::bench_kernels, "time every rung, from naive to preferred"),
    text("rung", "FILE.so", "", takes::bench_kernels,
         "check and time a kernel of your own too; docs/kernels.md tells how to write one", "none"),
    text(
        "compare", "NAME,...", "", takes::bench_kernels,
        "time other libraries too, where they are installed: matrix products by openblas, blis, onednn, mkl; "
        "with --device=cuda by cublas, softmax by cudnn",
        "none"),
    choice("cache", "warm|cold|both", "both", takes::bench_kernels,
           "operands in the caches, in memory as in training, or both in turn; on a GPU in memory alone"),
    choice("pages", "huge|small", "huge", takes::bench_kernels,
           "pages of the system under large operands; tensors stand on huge ones"),
    flag("counters", "false", takes::bench_kernels,
         "hardware counters too: cycles, instructions, cache misses of a call"),
    flag("asm", "false", takes::bench_kernels, "show the hottest loop of each kernel as instructions"),
    flag("wide", "false", takes::bench_kernels,
         "print every column of the table, however wide the terminal is"),
    flag("csv", "false", takes::bench_kernels, "print comma-separated values"),
    flag("md", "false", takes::bench_kernels, "print a Markdown table"),
    text("plot", "FILE.html", "", takes::bench_kernels, "write charts too: roofline and ladders", "none"),
    text("baseline", "FILE", "", takes::bench_kernels,
         "compare with what --json printed earlier; exit 5 if slower by more than the noise", "none"),
    short_form('r', integer("repeat", "5", 1, 1'000'000, takes::bench_kernels | takes::bench_sample,
                            "timed repetitions; best and median are printed")),
    short_form('r', integer("repeat", "20", 1, 1'000'000, takes::bench_train,
                            "timed steps; best and median are printed")),
};

Options machine_options() {
  Options options{
      choice("device", "cpu|cuda|emulated", "cpu", computes | takes::bench_kernels,
             "where to compute: cpu, cuda (an NVIDIA GPU), emulated (its kernels on the host, to test them; "
             "slow)"),
      flag("cuda_graph", "true", takes::train | takes::bench_train,
           "on a GPU, queue the kernels of a step all at once, as a CUDA graph"),
      choice("gpu", "h200|h100|a100|rtx4090|rtx3090", "h200", takes::plan,
             "with --device=cuda: the GPU to plan for, by what its maker states; it need not be here"),
      choice("matmul_precision", "highest|tf32", "highest", computes & ~takes::plan,
             "on a GPU: float32 products as they are, or on tensor cores, with operands rounded to TF32 "
             "(10 bits of mantissa)"),
      choice("dtype", "f32|f64|bf16", "f32", takes::import_model,
             "number type that the run computes in; weights are kept as f32, of f64 as f64"),
      choice("dtype", "f32|f64|bf16", "", takes::sample | takes::chat | takes::eval,
             "element type to compute in; with bf16 a token reads half the bytes of f32", "the run's"),
      integer("threads", "0", 0, 1024, computes, "threads to use (0: one per core)"),
  };
  add_keys(options, training_keys, takers_of_dtype);
  return options;
}

const Option general[] = {
    flag("json", "false", takes::all & ~(takes::data_corpus | takes::completion | takes::chat | takes::help),
         "print the result as JSON"),
    short_form('q', flag("quiet", "false", takes::all, "no messages, only results and errors")),
    short_form('v', flag("verbose", "false", takes::all, "more messages")),
    choice("color", "auto|always|never", "auto", takes::all, "colour; NO_COLOR is respected"),
    short_form('h', flag("help", "false", takes::all, "show this help")),
    short_form('V', flag("version", "false", takes::all,
                         "show version, build, instruction set, threads and devices")),
};

}  // namespace

std::span<const Section> sections() {
  static const Options architecture = architecture_options(), training = training_options(),
                       watching = watching_options(), machine = machine_options();
  static const Section table[] = {
      {"Data", data},         {"Model", architecture},
      {"Training", training}, {"Watching and saving", watching},
      {"Sampling", sampling}, {"Exchange", exchange},
      {"Checks", checking},   {"Benchmarks", benching},
      {"Machine", machine},   {"General", general},
  };
  return table;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::string command_line(const Command& command) {
  return command.bit == general_only.bit ? "hewn" : join("hewn ", command.name);
}

const Option* find_option(const Command& command, std::string_view name) {
  for (const Option* option : options_of(command))
    if (option->name == name) return option;
  return nullptr;
}

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> found;
  for (const Section& section : sections())
    for (const Option& option : section.options)
      if (option.taken_by(command.bit)) found.push_back(&option);
  return found;
}

std::vector<std::string> commands_with(std::string_view option) {
  std::vector<std::string> names;
  for (const Command& command : commands())
    if (find_option(command, option)) names.emplace_back(command.name);
  return names;
}

std::string shown_range(const Option& option) { return range_text(option.range); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace hewn::cli
