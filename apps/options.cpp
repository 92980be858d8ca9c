#include "apps/cli/options.h"

#include <algorithm>
#include <vector>

#include "apps/finetune/keys.h"
#include "apps/gradcheck/keys.h"
#include "apps/judge/keys.h"
#include "apps/learn/keys.h"
#include "apps/cli/make.h"
#include "apps/quantize/keys.h"
#include "apps/ranks/keys.h"
#include "apps/report/keys.h"
#include "apps/generate/keys.h"
#include "apps/sweep/keys.h"
#include "apps/trace/keys.h"
#include "core/text.h"
#include "train/config.h"

namespace hewn::cli {
namespace {

using namespace keys;

constexpr int64_t most_size = 1 << 20;

constexpr const char *specials_words = "text|allow|refuse",
                     *specials_help =
                         "how to read the text of a special token such as <|endoftext|>: as ordinary "
                         "text, as that token, or as an error";

// Commands that build the model and the data of a configuration.
constexpr CommandSet run = takes::train | takes::plan | takes::verify | takes::bench_train | takes::sweep;
constexpr CommandSet model = run | takes::bench_sample | takes::gradcheck | finetunes;
constexpr CommandSet computes = takes::train | takes::sample | takes::chat | takes::eval | takes::plan |
                                takes::bench_train | takes::bench_sample | takes::classify | takes::sweep |
                                takes::judge | takes::trace | takes::report | finetunes;

constexpr CommandSet reads_run = writes | takes::eval | takes::classify | takes::trace | takes::info |
                                 takes::export_model | takes::quantize | takes::merge;  // verify: see `run`

Option short_form(char letter, Option option) {
  option.letter = letter;
  return option;
}
Option this_time(Option option) {
  option.once = true;
  return option;
}
// Marks a list that may also be given item by item.
Option repeated(Option option) {
  option.repeats = true;
  return option;
}
// Marks an option whose value a resumed run keeps.
Option kept(Option option) {
  option.change = Change::new_run;
  return option;
}

// A number with the name and range of a model's key.
Option sized(std::string_view name, std::string_view initial, CommandSet commands, std::string_view help,
             std::string_view derived = "") {
  Option option = integer(name, initial, 0, 0, commands, help, derived);
  for (const auto& key : model_keys)
    if (key.name == name) option.range = key.domain;
  return option;
}

// The option of a configuration key.
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
  if (!key.derive && !key.follows.empty())
    option.derived = (initial.empty() ? "" : initial + ", or ") + std::string(key.follows);
  option.range = key.domain;
  if (const auto* choices = std::get_if<Choices>(&key.domain)) {
    option.kind = Kind::choice;
    option.choices = choices->names;
  } else if (const auto* words = std::get_if<FreeText>(&key.domain)) {
    option.kind = Kind::text;
    option.choices = words->form;
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

// The commands that take a training key: those that train or plan a training, with these exceptions.
CommandSet takers_of(std::string_view training_key) {
  // They have their own, or score all rows and generate no text.
  constexpr std::string_view not_of_finetunes[] = {"batch_size",    "max_iters",  "learning_rate",
                                                   "eval_interval", "eval_iters", "sample_interval"};
  const bool finetuned = std::find(std::begin(not_of_finetunes), std::end(not_of_finetunes), training_key) ==
                         std::end(not_of_finetunes);
  if (training_key == "max_iters") return run & ~takes::verify;  // it has its own
  if (training_key == "seed") return run | finetunes;
  if (training_key == "dtype") return {};  // in section "Computation"
  if (training_key == "bucket_mb") return run | finetunes | takes::bench_comm;
  return finetuned ? run | finetunes : run;
}

// The same for section "Computation".
CommandSet computing_takers_of(std::string_view training_key) {
  if (training_key == "dtype") return (model & ~takes::gradcheck) | takes::bench_kernels;
  if (training_key == "seed")
    return takes::bench_sample | generates | takes::data_corpus | takes::trace |
           takes::report;  // these do not train
  return {};
}

// Adds the options of all keys in a table that are taken by any command.
template <class Keys>
void add_keys(Options& options, const Keys& keys, CommandSet (*takers)(std::string_view)) {
  for (const auto& key : keys)
    if (const CommandSet commands = takers(key.name); commands && !key.from_data)
      options.push_back(option_of(key, commands));
}

const Option data[] = {
    text("out_dir", "DIR", "out", (run & ~takes::sweep) | finetunes,
         "run directory; if it is not empty, see --init_from and --force"),
    text("out_dir", "RUN", "", reads_run, "the run to read, instead of the argument RUN",
         "out, if it is a run"),
    text("out_dir", "SWEEP", "sweep", takes::sweep,
         "directory of the sweep; if it already holds one, that goes on, and no other key need be given",
         "RUN/sweep if CONFIG.toml is that of a run, else sweep"),
    text("out_dir", "DIR", "data", takes::data_prepare,
         "directory for train.bin, val.bin and tokenizer.json"),
    integer("shard_tokens", "0", 0, int64_t{1} << 40, takes::data_prepare,
            "divide more than N tokens into files of N tokens, named train-000.bin, train-001.bin and so on "
            "(0: one file)"),
    text("dataset", "WHAT", "", takes::eval, "dataset whose last part is scored, instead of the run's",
         "the run's"),
    text("val", "FILE", "", takes::eval, "text to score as a whole, instead of the run's validation split",
         "the run's"),
    integer("stride", "0", 0, most_size, takes::eval,
            "distance in tokens between the starts of overlapping windows; only the new tokens "
            "of each window are scored, so each is predicted from more context, at more cost (0: "
            "windows do not overlap)"),
    text("against", "RUN", "", takes::eval,
         "compare with this model, such as the one before its weights were quantised: perplexity, KL "
         "divergence and likeliest tokens; adapters are merged into RUN only",
         "none"),
    flag("per_token", "false", takes::eval,
         "print one line of JSON per token instead: its text, its natural log probability, "
         "and whether it was the most likely token"),
    text(
        "tasks", "FILE|DIR", "", takes::eval,
        "score answers to questions instead of a text: a file of rows (docs/formats.md), a directory of such "
        "files, or the CORE benchmark's core.yaml or its directory",
        "none"),
    text("generate", "FILE", "", takes::eval,
         "score generated answers instead of a text: rows of JSON with `prompt` and `reference`", "none"),
    text("responses", "FILE", "", takes::eval,
         "score answers of a file, without a run: rows with `response` and `reference`", "none"),
    integer("shots", "0", 0, 1000, takes::eval,
            "with tasks, number of solved rows of the same task before each question", "those of core.yaml"),
    text("delimiter", "TEXT", " ", takes::eval,
         "with tasks, text between a question and its answer, with \\n, \\t and \\\\ for newline, tab and "
         "backslash",
         "a blank, or that of core.yaml"),
    text("methods", "NAME,...", "greedy", takes::eval,
         "with generate, decoding methods to compare: greedy, beam, temperature, top_k, top_p, min_p, "
         "repetition_penalty, or all; a sampling key that is given applies to its method"),
    text("answers", "FILE", "", takes::eval,
         "with tasks, generate or responses, write a line of JSON for each answer", "none"),
    text("dataset", "WHAT", "tales", run,
         "text file, directory made by `hewn data prepare`, nanoGPT or llm.c, `tales` (the built-in corpus), "
         "or a weighted mixture: A:0.7,B:0.3"),
    kept(text("tokenizer", "KIND|FILE", "", run | takes::data_prepare,
              "tokenizer: char, byte, word, regex or bpe, learned from the text; or a file: "
              "tokenizer.json, or GPT-2's encoder.json or vocab.json next to its merges",
              "the dataset's own, else char")),
    kept(choice("unknown", "add|drop|replace|error", "add", takes::train | takes::sweep | finetunes,
                "characters that the tokenizer of init_from lacks, if it is of kind char: add them to the "
                "vocabulary, drop them, replace them by U+FFFD or '?', or stop with an error")),
    choice("type", "char|byte|word|regex|bpe", "", takes::tokenizer_train, "kind of tokenizer to learn",
           "the value of tokenizer"),
    choice("tokenizer", "char|byte|word|regex|bpe", "char", takes::tokenizer_train,
           "kind of tokenizer to learn, as `hewn train` names this key"),
    text("text", "TEXT", "", takes::tokenizer_compare, "text to compare on, instead of FILE", "FILE"),
    integer("pieces", "40", 0, 1'000'000, takes::tokenizer_compare,
            "number of tokens of each to show (0: none)"),
    text("tokenizer", "FILE", "", takes::tokenizer_encode | takes::tokenizer_decode,
         "tokenizer.json, a run or data directory that contains one, or GPT-2's encoder.json "
         "or vocab.json",
         "required"),
    choice("special", specials_words, "text", takes::tokenizer_encode, specials_help),
    kept(choice("special", specials_words, "allow",
                takes::train | takes::sweep | takes::data_prepare | takes::tokenizer_train, specials_help)),
    choice("special", specials_words, "", takes::eval, specials_help,
           "as the run read its texts, else allow"),
    this_time(text("base", "RUN", "", takes::train | takes::verify | finetunes | reads_run | takes::report,
                   "of a run with adapters (train=lora), the base model, if it has moved", "where it was")),
    repeated(
        text("adapter", "PATH[:X]", "", reads_run & ~takes::info,
             "merge this adapter, multiplied by X, into the weights of RUN: a run trained with train=lora, "
             "or a directory in PEFT's format; may be given several times",
             "none")),
    text("out", "FILE", "tokenizer.json", takes::tokenizer_train, "file to write"),
    text("out", "RUN", "", takes::import_model | takes::merge,
         "run directory to create; if it is not empty, see --force", "required"),
    text("tokenizer", "FILE", "", takes::import_model,
         "tokenizer.json, a directory that contains one, encoder.json or vocab.json, or "
         "llama2.c's tokenizer.bin",
         "the one next to the model"),
    integer("vocab_size", "0", 0, 1 << 24, takes::tokenizer_train,
            "vocabulary size: keep the N most frequent tokens of word or regex (0: all), or "
            "learn N tokens of bpe (0: 4096)"),
    kept(sized("vocab_size", "", takes::train | takes::verify | takes::sweep | takes::data_prepare,
               "vocabulary size to learn: at most N tokens, the most frequent ones for word and "
               "regex, N - 257 merges for bpe",
               "all of word and regex, 4096 of bpe")),
    sized("vocab_size", "", takes::plan | takes::bench_train,
          "vocabulary size to assume, without reading a dataset", "the dataset's"),
    sized("vocab_size", "65", takes::bench_sample | takes::gradcheck, "vocabulary size"),
    text("dataset", "DIR", "", takes::trace,
         "of a model with random weights, a directory made by `hewn data prepare`, for its tokenizer",
         "none"),
    text("tokenizer", "KIND|FILE", "", takes::trace,
         "of a model with random weights, its tokenizer: byte, or a file", "the dataset's own, else bytes"),
    sized("vocab_size", "", takes::trace, "of a model with random weights, vocabulary size to assume",
          "the tokenizer's"),
    integer("n_labels", "0", 0, 1 << 16, takes::plan | takes::bench_train,
            "assume a classifier with this many labels, of texts as long as a row; 0: a language model"),
    real("val_fraction", "0.1", 0, 0.9, run | takes::data_prepare,
         "fraction of the text, at its end, kept for validation"),
    text("val", "FILE", "", run | takes::data_prepare,
         "separate text for validation, instead of val_fraction"),
    kept(integer("stride", "0", 0, most_size, run,
                 "distance in tokens between windows, which are shuffled in each epoch (0: windows at "
                 "random positions)")),
    real("epochs", "0", 0, 1e6, run, "stop after this many passes over the text (0: after max_iters steps)"),
    integer("tales", "20000", 1, 100'000'000, takes::data_corpus, "number of tales"),
};

Options architecture_options() {
  Options options;
  add_keys(options, model_keys, [](std::string_view) { return model | takes::trace; });
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
  options.push_back(
      this_time(text("init_from", "RUN|resume", "", finetunes,
                     "start from the weights of this run or other program's model, or resume the "
                     "run in out_dir",
                     "required")));
  add_keys(options, training_keys, takers_of);
  add_keys(options, preference_keys, [](std::string_view) -> CommandSet { return takes::finetune_prefer; });
  options.push_back(
      integer("max_iters", "20", 2, 1'000'000, takes::verify, "number of steps per comparison"));
  return options;
}

Options watching_options() {
  Options options;
  add_keys(options, watching_keys, takers_of);
  for (const Option& option : {
           this_time(flag("eval_only", "false", takes::train, "validate once and stop")),
           this_time(flag("profile", "false", takes::train | finetunes,
                          "time every kernel; prints tables at the end and writes profile.json to the run")),
           this_time(flag(
               "report", "false", takes::train | finetunes,
               "keep a page of pictures of the run in RUN/report.html, at each validation and at the end")),
           this_time(flag("dry_run", "false", takes::train | takes::sweep | finetunes,
                          "check everything, print what would be done, and stop")),
           this_time(flag("force", "false", takes::train | takes::import_model | takes::merge | finetunes,
                          "move an existing run aside (nothing is deleted)")),
           flag("force", "false", takes::data_prepare | takes::tokenizer_train, "replace existing files"),
       })
    options.push_back(option);
  return options;
}

Options exchange_options() {
  Options options{
      choice("format", "hf|safetensors|llama2c|gguf", "", takes::export_model,
             "format to write, by the program that opens it", "required"),
      text("out", "PATH", "", takes::export_model, "file to write; for hf, the directory", "required"),
      choice("dtype", "f32|f16|bf16", "f32", takes::export_model,
             "element type to write; llama2c supports f32 only"),
      sized("block_size", "", takes::export_model | takes::quantize, "crop the context to at most N tokens",
            "the model's"),
      choice("act", "gelu|gelu_erf", "", takes::export_model | takes::quantize,
             "write the other GELU instead of the model's, as GGUF only has the approximation; prints by how "
             "much the logits change",
             "the model's"),
      flag("force", "false", takes::export_model | takes::quantize,
           "replace an existing file; an existing directory is moved to PATH.1"),
  };
  for (const Option& option : quantize_options()) options.push_back(option);
  return options;
}

const Option checking[] = {
    flag("resume", "false", takes::verify,
         "check that N + N steps with a stop in between give the same bits as 2N steps"),
    flag("merged", "false", takes::verify,
         "compare the log probabilities of a run with adapters with those of its merged weights and of every "
         "export "
         "that can be opened again"),
    flag("texts", "false", takes::verify,
         "check that texts have the same logits, to the last bit, alone and among others, their prompts at "
         "once and in "
         "pieces, on 1, 2 and 4 threads or those of --threads"),
    text("threads", "1,2,4", "", takes::verify,
         "check that training, or with --texts writing, gives the same bits with each of these thread counts",
         "not checked"),
    text("devices", "NAME,NAME", "", takes::verify,
         "check that the losses of two devices agree, such as cpu,cuda; if not, report the "
         "first node that diverges",
         "not checked"),
};

const Option benching[] = {
    text("op", "NAME,...", "", takes::bench_kernels,
         "operations, parts of operations, or kinds: softmax, softmax.forward, gelu", "all"),
    text("shape", "SIZES,...", "", takes::bench_kernels, "sizes, written as in the output: 256x2304x768",
         "the sizes of real models"),
    text("shapes_from", "RUN|CONFIG.toml", "", takes::bench_kernels,
         "time the kernels of a training step of this run, with its shapes and dtype", "none"),
    text("threads", "N,...", "", takes::bench_kernels, "thread counts to time", "one per core"),
    text("isa", "NAME,...", "", takes::bench_kernels, "instruction sets to time", "the one in use"),
    flag("ladder", "false", takes::bench_kernels, "time every rung of the ladder, from naive to preferred"),
    flag("guess", "false", takes::bench_kernels,
         "with --ladder, a lesson: before each rung, read from standard input how many times as fast as the "
         "previous "
         "one it will be; then print what it changes, reaches and waits for"),
    text("rung", "FILE.so", "", takes::bench_kernels,
         "check and time your own kernel too; docs/kernels.md describes how to write one", "none"),
    text("compare", "NAME,...", "", takes::bench_kernels,
         "time other installed libraries too: openblas, blis, onednn, mkl for matrix "
         "products; with --device=cuda, cublas for matrix products and cudnn for softmax",
         "none"),
    text("ceilings", "FILE", "", takes::bench_kernels,
         "on a GPU, keep its ceilings in this file: read them from it, or measure those that it lacks and "
         "add them",
         "measured each time"),
    choice("cache", "warm|cold|both", "both", takes::bench_kernels,
           "operands in cache (warm), in memory as during training (cold), or both in turn; on "
           "a GPU, in memory only"),
    choice("pages", "huge|small", "huge", takes::bench_kernels,
           "page size of large operands; tensors use huge pages"),
    flag("counters", "false", takes::bench_kernels,
         "report hardware counters per call: cycles, instructions, cache misses"),
    flag("asm", "false", takes::bench_kernels, "print the instructions of each kernel's hottest loop"),
    flag("wide", "false", takes::bench_kernels | takes::gradcheck,
         "print all columns of the table, whatever the width of the terminal"),
    flag("csv", "false", takes::bench_kernels | takes::eval, "print comma-separated values"),
    flag("md", "false", takes::bench_kernels | takes::eval | takes::sweep, "print a Markdown table"),
    text("plot", "FILE.html", "", takes::bench_kernels, "write charts: roofline and ladders", "none"),
    text("baseline", "FILE", "", takes::bench_kernels,
         "compare with an earlier --json output; exit with status 5 if slower by more than "
         "the noise",
         "none"),
    short_form('r', integer("repeat", "5", 1, 1'000'000,
                            takes::bench_kernels | takes::bench_sample | takes::bench_comm,
                            "timed repetitions; best and median are printed")),
    integer("prompt_tokens", "1", 1, most_size, takes::bench_sample,
            "length of each text's prompt; from 2 on, its time is told apart from that of the text"),
    integer("batch_size", "1", 1, 4096, takes::bench_sample, "number of texts written at a time"),
    short_form('r', integer("repeat", "20", 1, 1'000'000, takes::bench_train,
                            "timed steps; best and median are printed")),
};

Options machine_options() {
  Options options{
      choice("device", "cpu|cuda|emulated", "cpu", computes | takes::bench_kernels | takes::verify,
             "device: cpu, cuda (an NVIDIA GPU), or emulated (GPU kernels run on the host, "
             "slowly, for tests)"),
      flag("cuda_graph", "true",
           takes::train | takes::sample | takes::chat | takes::bench_train | takes::bench_sample |
               takes::sweep | finetunes,
           "on a GPU, launch the kernels of a step, or of a token, as one CUDA graph; false: one by one"),
      choice("gpu", "h200|h100|a100|rtx4090|rtx3090", "h200", takes::plan,
             "with --device=cuda, the GPU to plan for, by its data sheet; it need not be present"),
      flag("ops", "false", takes::plan,
           "print calls, FLOP, bytes and minimum time of each operation, shape and rung"),
      choice("matmul_precision", "highest|tf32", "highest", computes & ~takes::plan,
             "on a GPU, precision of float32 products: highest, or tf32: on tensor cores, with "
             "operands rounded to 10 bits of mantissa"),
      choice("dtype", "f32|f64|bf16", "f32", takes::import_model,
             "element type that the run computes in; weights are stored as f32, or as f64 for f64"),
      choice("dtype", "f32|f64|bf16", "",
             takes::sample | takes::chat | takes::eval | takes::classify | takes::judge | takes::trace |
                 takes::report,
             "element type to compute in; with bf16 a token reads half the bytes of f32", "the run's"),
      integer("threads", "0", 0, 1024, computes | takes::gradcheck | takes::quantize,
              "number of threads (0: one per core)"),
  };
  add_keys(options, training_keys, computing_takers_of);
  return options;
}

const Option general[] = {
    flag("json", "false",
         takes::all & ~(takes::data_corpus | takes::completion | takes::chat | takes::help | takes::learn),
         "print the result as JSON"),
    short_form('q', flag("quiet", "false", takes::all, "print only results and errors")),
    short_form('v', flag("verbose", "false", takes::all, "print more messages")),
    choice("color", "auto|always|never", "auto", takes::all, "use colour; auto respects NO_COLOR"),
    short_form('h', flag("help", "false", takes::all, "show this help")),
    short_form('V', flag("version", "false", takes::all,
                         "show version, commit, build, instruction set, threads and devices")),
};

}  // namespace

std::span<const Section> sections() {
  static const Options architecture = architecture_options(), finetuning = finetune_options(),
                       training = training_options(), watching = watching_options(),
                       sampling = sampling_options(), sweeping = sweep_options(), judging = judge_options(),
                       tracing = trace_options(), gradchecking = gradcheck_options(),
                       learning = learn_options(), reporting = report_options(), machine = machine_options(),
                       exchange = exchange_options(), ranks = ranks_options();
  static const Section table[] = {
      {"Data", data},           {"Fine-tuning", finetuning},  {"Model", architecture},
      {"Training", training},   {"Several processes", ranks}, {"Evaluation and checkpoints", watching},
      {"Sampling", sampling},   {"Export", exchange},         {"Sweep", sweeping},
      {"Judge", judging},       {"Trace", tracing},           {"Gradient check", gradchecking},
      {"Course", learning},     {"Report", reporting},        {"Checks", checking},
      {"Benchmarks", benching}, {"Computation", machine},     {"General", general},
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
    if (option->is_called(name)) return option;
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
