// How texts begin and end, in the files of other programs.

#include <nlohmann/json.hpp>

#include "model/weights/export.h"
#include "model/weights/gguf/gguf.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

struct ExportableTexts : Exportable {
  ExportableTexts(const std::shared_ptr<const Tokenizer>& tokenizer, const TextForm& form)
      : Exportable(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }), tokenizer) {
    own.text_form = form;
  }
};

}  // namespace

TEST_CASE("a model that was written and opened again begins and ends texts as before", "[export]") {
  const std::shared_ptr<const Tokenizer> pairs = train_tokenizer("bpe", "x", {.vocab_size = 257}),
                                         letters = train_tokenizer("char", "\nab"),
                                         words = train_tokenizer("word", "a b");
  const std::pair<std::shared_ptr<const Tokenizer>, TextForm> models[] = {
      {pairs, form_of(*pairs)},
      {pairs, form_of_stream(*pairs, 256)},
      {pairs, {.begin = 'a', .ends = {256, 7, 'a'}}},
      {pairs, {.begin = 256, .ends = {256, 1, 2, 3}}},
      {pairs, {.begin = 256, .ends = {1, 2, 3, 4, 256}}},
      {letters, {}},
      {letters, form_of_documents(*letters, 0)},
      {letters, form_of_rows(form_of_documents(*letters, 0))},
      {letters, {.begin = 1, .ends = {2, 1}}},
      {words, {.begin = 1, .ends = {1}}},
  };
  for (const auto& [tokenizer, form] : models)
    for (const char* format : {"hf", "gguf"}) {
      INFO(format << " " << tokenizer->kind() << " " << to_json(form));
      const ExportableTexts e(tokenizer, form);
      export_model(e.own, format, e.path(format));
      const ForeignModel again = open_foreign(e.path(format));
      INFO(again.no_tokenizer);
      REQUIRE(again.tokenizer);
      CHECK(to_json(again.texts().form()) == to_json(form));
      CHECK(again.tokenizer->encode("a") == tokenizer->encode("a"));
    }
}

TEST_CASE("other programs find the tokens that begin and end texts", "[export]") {
  const std::shared_ptr<const Tokenizer> pairs = train_tokenizer("bpe", "x", {.vocab_size = 257});
  const ExportableTexts e(pairs, {.begin = 256, .ends = {7, 9, 256}});
  export_model(e.own, "hf", e.path("hf"));
  const auto file = [&](const char* name) { return json::parse(read_file(e.path("hf/") + name)); };
  CHECK(file("generation_config.json") == json{{"bos_token_id", 256}, {"eos_token_id", {7, 9}}});
  CHECK(file("config.json")["eos_token_id"] == 7);
  const json post = file("tokenizer.json")["post_processor"];
  CHECK(post["type"] == "TemplateProcessing");
  CHECK(post["special_tokens"]["<|endoftext|>"]["ids"] == json{256});
  CHECK(!std::filesystem::exists(e.path("hf/texts.json")));

  export_model(e.own, "gguf", e.path("gguf"));
  const GgufFile gguf(e.path("gguf"));
  CHECK(std::get<bool>(*gguf.find_key("tokenizer.ggml.add_bos_token")));
  const std::pair<const char*, int64_t> tokens[] = {{"bos", 256}, {"eos", 7}, {"eot", 9}};
  for (const auto& [name, id] : tokens)
    CHECK(gguf.integer(std::string("tokenizer.ggml.") + name + "_token_id") == id);
  CHECK(!gguf.find_key("tokenizer.ggml.eom_token_id"));
  CHECK(!gguf.find_key(own_texts_key));
}

}  // namespace hewn::test
