// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_data_prepare(const Settings& settings);
int run_data_corpus(const Settings& settings);
int run_data_stats(const Settings& settings);
int run_tokenizer_train(const Settings& settings);
int run_tokenizer_encode(const Settings& settings);
int run_tokenizer_decode(const Settings& settings);
int run_tokenizer_compare(const Settings& settings);

namespace {

using namespace keys;

constexpr auto kinds = "char|byte|word|regex|bpe";

Sections prepare_sections() {
  return {described("data_prepare", {text("out_dir", "DIR", "data"),
                                     integer("shard_tokens", "0", 0, int64_t{1} << 40), flag("force")}),
          data("tokenizer special vocab_size val_fraction val")};
}

Sections corpus_sections() {
  return {described("data_corpus", {integer("tales", "20000", 1, 100'000'000)}).with({training_key("seed")})};
}

Sections tokenizer_sections() {
  return {described("tokenizer_train", {choice("type", kinds), choice("tokenizer", kinds, "char"),
                                        text("out", "FILE", "tokenizer.json"),
                                        integer("vocab_size", "0", 0, 1 << 24), flag("force")}),
          data("special")};
}

Sections encode_sections() {
  return {described("tokenizer_encode", {text("tokenizer", "FILE"), special("text")})};
}
Sections decode_sections() { return {described("tokenizer_encode", {text("tokenizer", "FILE")})}; }

Sections compare_sections() {
  return {described("tokenizer_compare", {text("text", "TEXT"), integer("pieces", "40", 0, 1'000'000)})};
}

}  // namespace

Commands data_commands() {
  return {{.name = "data prepare",
           .arguments = "FILE...",
           .purpose = Purpose::train,
           .sections = prepare_sections,
           .run = run_data_prepare},
          {.name = "data corpus",
           .purpose = Purpose::train,
           .sections = corpus_sections,
           .run = run_data_corpus,
           .json = false},
          {.name = "data stats", .arguments = "FILE|DIR", .purpose = Purpose::train, .run = run_data_stats},
          {.name = "tokenizer train",
           .arguments = "FILE...",
           .purpose = Purpose::train,
           .sections = tokenizer_sections,
           .run = run_tokenizer_train},
          {.name = "tokenizer encode",
           .arguments = "[TEXT...]",
           .purpose = Purpose::train,
           .sections = encode_sections,
           .run = run_tokenizer_encode},
          {.name = "tokenizer decode",
           .arguments = "[ID...]",
           .purpose = Purpose::train,
           .sections = decode_sections,
           .run = run_tokenizer_decode},
          {.name = "tokenizer compare",
           .arguments = "[TOKENIZER...] FILE",
           .purpose = Purpose::train,
           .sections = compare_sections,
           .run = run_tokenizer_compare}};
}

}  // namespace hewn::cli
