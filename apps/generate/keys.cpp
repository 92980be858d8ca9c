#include "apps/generate/keys.h"

#include "apps/cli/make.h"
#include "kernels/paged_attention/abi.h"

namespace hewn::cli::keys {

std::vector<Option> sampling_options() {
  return {
      also("start", text("prompt", "TEXT|FILE:path|LINES:path|-", "", takes::sample,
                         "text to continue. - reads standard input; LINES: takes each line of a file (or of "
                         "-) as a separate prompt, with \\n, \\t and \\\\ for newline, tab and backslash",
                         "the token that begins a text of the model, else a newline")),
      integer("num_samples", "1", 1, 1'000'000, takes::sample, "number of texts per prompt"),
      integer("documents", "1", 1, 1'000'000, takes::sample,
              "number of documents per text: where one ends, the next begins in a fresh window"),
      integer("num_samples", "200", 1, 1'000'000, takes::verify, "number of texts that --texts compares"),
      integer("batch_size", "8", 1, 1'000'000, takes::sample | takes::eval,
              "number of texts generated at a time"),
      integer("max_new_tokens", "500", 1, 1'000'000'000, generates | takes::bench_sample,
              "number of tokens to generate per text, at most"),
      real("temperature", "0.8", 0, 1e3, generates,
           "divides the logits: below 1 sharpens the distribution, above 1 flattens it; 0 "
           "always takes the most likely token"),
      integer("top_k", "0", 0, 1 << 24, generates, "keep only the k most likely tokens (0: all)"),
      above("top_p", "1", 0, 1, generates,
            "keep the smallest set of most likely tokens whose probabilities sum to this (1: all)"),
      real("min_p", "0", 0, 1, generates,
           "keep tokens whose probability is at least this fraction of the most likely token's "
           "(0: all)"),
      real("repetition_penalty", "1", 1e-3, 1e3, generates,
           "above 1 makes tokens that have already occurred less likely, below 1 more likely "
           "(1: no change)"),
      integer("beam", "0", 0, 4096, takes::sample | takes::eval,
              "beam search with this many beams instead of sampling; prints the best num_samples "
              "texts, best first (0: sample)"),
      real("length_penalty", "1", -100, 100, takes::sample | takes::eval,
           "exponent that ranks beams by log P / tokens^length_penalty; larger values favour "
           "longer texts"),
      choice("slide", "half|one", "half", generates,
             "what to drop when a text exceeds block_size: the older half of the context, once it "
             "is full; or the oldest token, at each step, as nanoGPT does, which recomputes the "
             "whole context for every token"),
      choice(
          "kv", names_of(KvFormat{}), "f32", generates | takes::bench_sample | takes::plan | takes::verify,
          "how the keys and values of earlier tokens are kept: as computed, rounded to bf16, or as whole "
          "numbers "
          "of 8 bits with a factor for each 32, in half and in 28% of the memory (a transformer on a CPU)"),
      text("draft", "RUN|prompt", "", writes,
           "a smaller model with the same tokenizer that proposes tokens, which the model checks several at "
           "a time; or "
           "prompt: what followed the same words earlier in the text. The text is faster to write; at "
           "temperature 0 it "
           "is the same, else another one of the same distribution",
           "none"),
      integer("draft_tokens", "6", 1, 64, writes,
              "tokens that the draft proposes at a time, at most; fewer where they are rejected"),
      text("stop", "TEXT|TEXT...", "", generates,
           "end before any of these texts or special tokens; write \\n, \\t, \\| and \\\\ for "
           "newline, tab, | and backslash",
           "the tokens that end a text of the model"),
      flag("show_probs", "false", takes::sample,
           "print one line per token: its probability and the most likely alternatives"),
      text("shots", "FILE.jsonl", "", writes,
           "examples to put before the prompt (few-shot), one per line: {\"input\": ..., "
           "\"output\": ...}; only the answer is printed, up to the end of its line",
           "none"),
      flag("instruct", "false", takes::sample,
           "the prompt is an instruction to a model that was trained to answer: it is written with the "
           "template of the "
           "run (or --template=alpaca|phi|chatml|plain|FILE), and only the answer is printed"),
      text("template", "TEXT", "Input: {input}\\nOutput: {output}\\n\\n", takes::sample,
           "how to write an example, with {input} and {output}; without shots it is applied to "
           "the prompt only"),
      text("history", "FILE", "", takes::chat,
           "where lines typed on a terminal are kept, the newest 1000; empty: nowhere",
           "~/.local/state/hewn/history"),
      text("template", "TEXT", "{input}{output}\\n", takes::chat,
           "how to write a line of the chat and its answer, with {input} and {output}"),
      flag(
          "compare", "false", takes::sample,
          "table with one text per decoding method: total log P, log P per token, distinct tokens and pairs, "
          "and the text; a sampling key that is given applies to its method"),
      flag("logprobs", "false", takes::sample,
           "print one line of JSON per token, with natural logarithms of the probabilities"),
  };
}

}  // namespace hewn::cli::keys
