#include "apps/cli/options.h"

#include <cmath>
#include <sstream>

#include "model/mlp_activation.h"

namespace hewn::cli {
namespace {

constexpr double most_steps = 1e12;
constexpr double most_size = 1 << 20;
constexpr double no_limit = 1e18;
constexpr double most_seed = 9007199254740991;  // 2^53 - 1: exact in TOML, JSON and here

// Commands that build the model and the data of a configuration.
constexpr CommandSet run = takes::train | takes::plan | takes::verify | takes::bench_train;
constexpr CommandSet model = run | takes::bench_sample;
constexpr CommandSet computes = takes::train | takes::sample | takes::chat | takes::eval | takes::plan |
                                takes::bench_train | takes::bench_sample;

constexpr CommandSet writes = takes::sample | takes::chat;

constexpr Option flag(std::string_view name, std::string_view initial, CommandSet commands,
                      std::string_view help, std::string_view derived = "") {
  return {name, Kind::flag, initial, derived, 0, 0, "", help, commands};
}
constexpr Option integer(std::string_view name, std::string_view initial, double least, double most,
                         CommandSet commands, std::string_view help, std::string_view derived = "") {
  return {name, Kind::integer, initial, derived, least, most, "N", help, commands};
}
constexpr Option real(std::string_view name, std::string_view initial, double least, double most,
                      CommandSet commands, std::string_view help, std::string_view derived = "") {
  return {name, Kind::real, initial, derived, least, most, "X", help, commands};
}
constexpr Option choice(std::string_view name, std::string_view choices, std::string_view initial,
                        CommandSet commands, std::string_view help, std::string_view derived = "") {
  return {name, Kind::choice, initial, derived, 0, 0, choices, help, commands};
}
constexpr Option text(std::string_view name, std::string_view placeholder, std::string_view initial,
                      CommandSet commands, std::string_view help, std::string_view derived = "") {
  return {name, Kind::text, initial, derived, 0, 0, placeholder, help, commands};
}
constexpr Option short_form(char letter, Option option) {
  option.letter = letter;
  return option;
}

constexpr Option this_time(Option option) {
  option.once = true;
  return option;
}

constexpr Option data[] = {
    text("out_dir", "DIR", "out", run, "where the run is kept; if not empty, see init_from and force"),
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
    text("tokenizer", "KIND|FILE", "", run | takes::data_prepare,
         "how text becomes tokens: char, byte, word, regex or bpe, learnt from the text; or a "
         "tokenizer.json, or "
         "GPT-2's "
         "encoder.json or vocab.json with its merges beside it",
         "the dataset's own, else char"),
    choice("type", "char|byte|word|regex|bpe", "", takes::tokenizer_train, "the kind to learn",
           "that of tokenizer"),
    choice("tokenizer", "char|byte|word|regex|bpe", "char", takes::tokenizer_train,
           "the same, by the name it has for `hewn train`"),
    text("text", "TEXT", "", takes::tokenizer_compare, "compare on this text instead of a FILE", "FILE"),
    integer("pieces", "40", 0, 1e6, takes::tokenizer_compare, "how many tokens of each to show (0: none)"),
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
    integer("vocab_size", "", 1, 1 << 24, takes::plan | takes::bench_train,
            "assume a vocabulary of this size, and read no dataset", "the dataset's"),
    integer("vocab_size", "65", 1, 1 << 24, takes::bench_sample, "tokens in the vocabulary"),
    real("val_fraction", "0.1", 0, 0.9, run | takes::data_prepare,
         "the part at the end of the text kept for validation"),
    text("val", "FILE", "", run | takes::data_prepare,
         "a text of its own for validation, instead of val_fraction"),
    integer("stride", "0", 0, most_size, run,
            "read the text in order, windows this far apart, shuffled in each epoch (0: windows at random "
            "places)"),
    real("epochs", "0", 0, 1e6, run, "stop after this many passes over the text (0: after max_iters)"),
    integer("tales", "20000", 1, 1e8, takes::data_corpus, "how many tales to tell"),
};

constexpr Option architecture[] = {
    choice("arch", "gpt|bigram|bigram_linear", "gpt", model,
           "gpt, or a baseline: a table of bigrams, or an embedding with a linear layer"),
    integer("n_layer", "4", 1, 1000, model, "transformer blocks"),
    integer("n_head", "4", 1, 1024, model, "attention heads; divides n_embd"),
    integer("n_kv_head", "", 1, 1024, model,
            "heads of keys and values, shared by groups of attention heads; divides n_head", "n_head"),
    integer("n_embd", "128", 1, most_size, model, "width of the residual stream"),
    integer("block_size", "64", 1, most_size, model, "context length in tokens",
            "64, or the longest document where data is aligned to documents"),
    integer("block_size", "", 1, most_size, takes::import_model, "crop the context to so many tokens",
            "the model's"),
    real("dropout", "0", 0, 0.99, model, "dropout on embeddings and residual branches"),
    real("attn_dropout", "", 0, 0.99, model, "dropout on attention weights", "dropout"),
    flag("bias", "false", model, "biases in linear layers and norms"),
    flag("qkv_bias", "", model, "biases in the query, key and value projections", "bias"),
    choice("norm", "layernorm|rmsnorm", "layernorm", model, "kind of normalisation"),
    real("norm_eps", "1e-5", 0, 1, model, "added to the variance in normalisation"),
    choice("norm_place", "pre|post", "pre", model, "normalise before or after each branch"),
    choice("pos", "learned|sin|rope|none", "learned", model,
           "positions: learned, sinusoidal, rotary, or none"),
    choice("pos_combine", "add|concat", "add", model, "how positions join the token embeddings"),
    real("rope_theta", "10000", 1e-3, 1e12, model, "base of the frequencies of rotary positions"),
    choice(
        "rope_pairs", "half|interleaved", "half", model,
        "which elements of a head turn together: i and i + D/2 (Hugging Face), or 2i and 2i + 1 (llama2.c)"),
    integer("window", "0", 0, most_size, model,
            "a token sees only so many, itself among them (0: all before it)"),
    choice("attention", "per_head|batched|fused", "fused", model,
           "one module per head, all heads with the T x T matrix, or block by block: same result"),
    choice("act", mlp_activation_names, "gelu", model,
           "activation of the feed-forward layer; swiglu has a gate beside it, as Llama does"),
    integer("mlp_width", "", 1, 1 << 24, model, "width of the feed-forward layer", "4 n_embd"),
    flag("residual", "true", model, "residual connections; switch off to see why they are there"),
    flag("tie", "true", model, "the head shares the token embedding's weights"),
};

constexpr Option training[] = {
    this_time(text("init_from", "scratch|resume|RUN", "scratch", run,
                   "start afresh, go on with the run in out_dir, or start from the weights of another run")),
    integer("batch_size", "12", 1, most_size, run, "sequences per micro-step"),
    integer("gradient_accumulation_steps", "1", 1, most_size, run, "micro-steps per step"),
    integer("max_iters", "2000", 0, most_steps, run & ~takes::verify, "steps to train"),
    integer("max_iters", "20", 2, 1e6, takes::verify, "steps to train for each comparison"),
    choice("optimizer", "adamw|adam|sgd", "adamw", run, "how gradients become updates"),
    real("learning_rate", "1e-3", 0, 1e6, run, "peak learning rate"),
    choice("schedule", "cosine|linear|constant", "cosine", run,
           "how the learning rate falls after the warm-up"),
    flag("decay_lr", "true", run, "let the learning rate fall at all; false is schedule=constant"),
    integer("warmup_iters", "", 0, most_steps, run, "steps of linear warm-up", "max_iters / 20, at most 100"),
    integer("lr_decay_iters", "", 1, most_steps, run, "step at which min_lr is reached", "max_iters"),
    real("min_lr", "", 0, 1e6, run, "learning rate at the end of the decay", "learning_rate / 10"),
    real("weight_decay", "0.1", 0, 1e3, run,
         "decay of matrices; biases, norms and vectors are never decayed"),
    real("beta1", "0.9", 0, 0.999999999, run, "decay of the first moment; momentum of sgd"),
    real("beta2", "0.99", 0, 0.999999999, run, "decay of the second moment"),
    real("grad_clip", "1", 0, no_limit, run, "clip the gradient's global norm (0: do not)"),
    flag("stochastic_rounding", "false", run,
         "with dtype=bf16, round matrices to bfloat16 up or down by chance, right in the mean"),
    flag("recompute", "false", run,
         "keep only the input of each block for the backward pass and compute it again there: less memory"),
    integer("seed", "1337", 0, most_seed, model | writes | takes::data_corpus,
            "everything random follows from it: same seed, same bits, whatever the thread count"),
};

constexpr Option watching[] = {
    integer("eval_interval", "250", 1, most_steps, run, "steps between validations and checkpoints"),
    integer("eval_iters", "20", 1, most_steps, run, "batches per validation while training"),
    this_time(flag("eval_only", "false", takes::train, "validate once and stop")),
    integer("log_interval", "10", 1, most_steps, run, "steps between lines of metrics.jsonl"),
    flag("always_save_checkpoint", "true", run, "save at every validation, not only at a new best"),
    integer("keep", "3", 1, 1e6, run, "checkpoints to keep beside the best"),
    integer("patience", "0", 0, 1e9, run, "stop after this many validations without a new best (0: never)"),
    real("max_time", "0", 0, 1e9, run, "stop, saved, after this many seconds (0: no limit)"),
    integer("sample_interval", "0", 0, most_steps, run, "steps between samples written to the run (0: none)"),
    this_time(flag("profile", "false", takes::train,
                   "time every kernel; tables at the end, all of it in the run's profile.json")),
    this_time(flag("dry_run", "false", takes::train, "check everything, print what would be done, and stop")),
    this_time(flag("force", "false", takes::train | takes::import_model,
                   "move a run that is in the way aside (nothing is deleted)")),
    flag("force", "false", takes::data_prepare | takes::tokenizer_train, "replace files that exist"),
};

constexpr Option sampling[] = {
    text("start", "TEXT|FILE:path|LINES:path|-", "", takes::sample,
         "what to go on from; - reads standard input, and LINES: takes every line of a file (or of -) as a "
         "start "
         "of its own, with \\n, \\t and \\\\ for a line end, a tab and \\",
         "a newline"),
    integer("num_samples", "1", 1, 1e6, takes::sample, "how many texts to write, for each start"),
    integer("batch_size", "8", 1, 1e6, takes::sample, "how many texts are written at a time"),
    integer("max_new_tokens", "500", 1, 1e9, writes | takes::bench_sample, "tokens to add to each"),
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
    text("template", "TEXT", "{input}{output}\\n", takes::chat,
         "how a line of the talk and its answer are written for the model"),
    flag("compare", "false", takes::sample,
         "one text by every method in a table: log P in all and per token, distinct tokens and pairs, the "
         "text; keys "
         "that are given are those of their method"),
    flag("logprobs", "false", takes::sample,
         "the same as JSON, a line for each token, with natural logarithms"),
};

constexpr Option exchange[] = {
    choice("format", "hf|safetensors|llama2c|gguf", "", takes::export_model, "the program that is to open it",
           "required"),
    text("out", "PATH", "", takes::export_model, "the file to write, of hf the directory", "required"),
    choice("dtype", "f32|f16|bf16", "f32", takes::export_model,
           "number type to write; llama2c holds f32 only"),
    integer("block_size", "", 1, most_size, takes::export_model, "crop the context to so many tokens",
            "the model's"),
    flag("force", "false", takes::export_model, "replace a file that exists; a directory is moved to PATH.1"),
};

constexpr Option checking[] = {
    flag("resume", "false", takes::verify, "train N+N steps with a stop between and 2N without: same bits?"),
    text("threads", "1,2,4", "", takes::verify, "train with each of these thread counts: same bits?",
         "not checked"),
    text("devices", "NAME,NAME", "", takes::verify,
         "train on both of two devices, cpu,cuda: do their losses agree, and if not, where do they part?",
         "not checked"),
};

constexpr Option benching[] = {
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
    flag("csv", "false", takes::bench_kernels, "print comma-separated values"),
    flag("md", "false", takes::bench_kernels, "print a Markdown table"),
    text("plot", "FILE.html", "", takes::bench_kernels, "write charts too: roofline and ladders", "none"),
    text("baseline", "FILE", "", takes::bench_kernels,
         "compare with what --json printed earlier; exit 5 if slower by more than the noise", "none"),
    short_form('r', integer("repeat", "5", 1, 1e6, takes::bench_kernels | takes::bench_sample,
                            "timed repetitions; best and median are printed")),
    short_form(
        'r', integer("repeat", "20", 1, 1e6, takes::bench_train, "timed steps; best and median are printed")),
};

constexpr Option machine[] = {
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
    choice("dtype", "f32|f64|bf16", "f32", model | takes::bench_kernels,
           "number type; bf16 trains in mixed precision: bfloat16 products over float32 weights"),
    choice("dtype", "f32|f64|bf16", "f32", takes::import_model,
           "number type that the run computes in; weights are kept as f32, of f64 as f64"),
    integer("threads", "0", 0, 1024, computes, "threads to use (0: one per core)"),
};

constexpr Option general[] = {
    flag("json", "false", takes::all & ~(takes::data_corpus | takes::completion | takes::chat),
         "print the result as JSON"),
    short_form('q', flag("quiet", "false", takes::all, "no messages, only results and errors")),
    short_form('v', flag("verbose", "false", takes::all, "more messages")),
    choice("color", "auto|always|never", "auto", takes::all, "colour; NO_COLOR is respected"),
    short_form('h', flag("help", "false", takes::all, "show this help")),
    flag("version", "false", takes::all, "show version, build, instruction set, threads and devices"),
};

constexpr Section section_table[] = {
    {"Data", data},         {"Model", architecture},
    {"Training", training}, {"Watching and saving", watching},
    {"Sampling", sampling}, {"Exchange", exchange},
    {"Checks", checking},   {"Benchmarks", benching},
    {"Machine", machine},   {"General", general},
};

}  // namespace

std::span<const Section> sections() { return section_table; }

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
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
      if (option.commands & command.bit) found.push_back(&option);
  return found;
}

std::vector<std::string> commands_with(std::string_view option) {
  std::vector<std::string> names;
  for (const Command& command : commands())
    if (find_option(command, option)) names.emplace_back(command.name);
  return names;
}

std::string shown_range(const Option& option) {
  if (option.kind != Kind::integer && option.kind != Kind::real) return "";
  const auto number = [](double x) {
    std::ostringstream text;
    text << x;
    const bool exact = std::floor(x) == x && std::abs(x) < 1e7;
    return exact ? std::to_string(static_cast<int64_t>(x)) : text.str();
  };
  return number(option.least) + " to " + number(option.most);
}

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
