// How the texts of a Hugging Face model begin and end, by the files beside its tokenizer.

#include "model/weights/huggingface/huggingface_texts.h"

#include <nlohmann/json.hpp>

#include "model/tokenizer/bpe.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

json byte_vocabulary() {
  json vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(byte);
    vocabulary[tokenizers::to_printable({&character, 1})] = byte;
  }
  return vocabulary;
}

/// The bytes, <s> 256 and [END] 257.
std::unique_ptr<Tokenizer> byte_pairs() {
  return tokenizers::read_gpt2_vocabulary(
      byte_vocabulary(), "", {{{"id", 256}, {"content", "<s>"}}, {{"id", 257}, {"content", "[END]"}}});
}

TextForm form_of_files(const TextFacts& files) { return huggingface_texts(files, *byte_pairs()); }

/// A tokenizer in vocab.json with these files beside it.
std::unique_ptr<Tokenizer> with_beside(const std::vector<std::pair<std::string, json>>& beside) {
  const test::TempDir dir;
  test::write_file(dir / "merges.txt", "");
  json vocabulary = byte_vocabulary();
  vocabulary["</s>"] = 256;
  test::write_file(dir / "vocab.json", vocabulary.dump());
  for (const auto& [name, content] : beside) test::write_file(dir / name, content.dump());
  return load_tokenizer((dir / "vocab.json").string());
}

}  // namespace

TEST_CASE("Hugging Face: tokens that end texts", "[huggingface]") {
  CHECK(form_of_files({}) == TextForm{});
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": 257})"}}).ends == Ids{257});
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": [7, 257, 7]})"}}).ends == Ids{7, 257});
  // The generation's own list wins; without one, it says nothing.
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": 7})"},
                       {"generation_config.json", R"({"eos_token_id": [257, 256]})"}})
            .ends == Ids{257, 256});
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": 7})"}, {"generation_config.json", "{}"}}).ends ==
        Ids{7});
  // The tokenizer's end is one too.
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": 7})"},
                       {"special_tokens_map.json", R"({"eos_token": {"content": "[END]"}})"}})
            .ends == Ids{7, 257});
  CHECK(form_of_files({{"tokenizer_config.json", R"({"eos_token": "<s>"})"},
                       {"special_tokens_map.json", R"({"eos_token": "[END]"})"}})
            .ends == Ids{256});
  // No text contains them: transformers' default for a larger vocabulary, and a token behind those of the model.
  CHECK(form_of_files({{"config.json", R"({"eos_token_id": 50256})"},
                       {"tokenizer_config.json", R"({"eos_token": "<new>"})"}})
            .ends.empty());
}

TEST_CASE("Hugging Face: the token before every text", "[huggingface]") {
  const std::string config = R"({"bos_token_id": 256})";
  CHECK(form_of_files({{"config.json", config}, {"tokenizer_config.json", R"({"bos_token": "<s>"})"}}) ==
        TextForm{});
  const TextForm named =
      form_of_files({{"tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<s>"})"}});
  CHECK(named == TextForm{.begin = 256, .ends = {256}});
  CHECK(form_of_files({{"config.json", config}, {"tokenizer_config.json", R"({"add_bos_token": true})"}})
            .begin == 256);
  // As the tokenizer says, unless the setting is there.
  json file = json::parse(byte_pairs()->to_json());
  const json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
      begin{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  file["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {{{"type", "ByteLevel"}, {"trim_offsets", false}},
        {{"type", "TemplateProcessing"},
         {"single", {begin, text}},
         {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {256}}, {"tokens", {"<s>"}}}}}}}}}};
  const auto tokenizer = tokenizer_from_json(file.dump());
  CHECK(form_of(*tokenizer).begin == 256);
  CHECK(form_of(*tokenizer_from_json(tokenizer->to_json())).begin == 256);
  CHECK(huggingface_texts({}, *tokenizer).begin == 256);
  CHECK(!huggingface_texts({{"tokenizer_config.json", R"({"add_bos_token": false})"}}, *tokenizer).begin);
  file["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {text, begin}}};
  CHECK(test::fails(ErrorCode::input, {"post_processor", "none after it"},
                    [&] { tokenizer_from_json(file.dump()); }));
}

TEST_CASE("Hugging Face: wrong facts about texts are refused by name", "[huggingface]") {
  const auto refused = [](const char* name, const char* content, const char* key) {
    return test::fails(ErrorCode::input, {name, key}, [&] { form_of_files({{name, content}}); });
  };
  for (const char* value : {"-1", "1.5", "true", "\"257\"", "{}", "[[257]]", "[null]"}) {
    INFO(value);
    const std::string content = std::string(R"({"eos_token_id": )") + value + "}";
    CHECK(refused("config.json", content.c_str(), "eos_token_id"));
    CHECK(refused("generation_config.json", content.c_str(), "eos_token_id"));
  }
  CHECK(refused("generation_config.json", "[]", "object"));
  CHECK(refused("generation_config.json", "{\"", "JSON"));
  CHECK(refused("tokenizer_config.json", R"({"eos_token": 257})", "eos_token"));
  CHECK(refused("special_tokens_map.json", R"({"eos_token": {"content": 5}})", "eos_token"));
  CHECK(refused("tokenizer_config.json", R"({"add_bos_token": 1})", "add_bos_token"));
  CHECK(refused("tokenizer_config.json", R"({"add_bos_token": true})", "bos_token"));
  CHECK(refused("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<new>"})", "bos_token"));
  CHECK(refused("tokenizer_config.json", R"({"add_eos_token": true})", "add_eos_token"));
}

TEST_CASE("vocab.json: the files beside it name special tokens", "[huggingface]") {
  const auto ids = [](const Tokenizer& tokenizer, const char* text) {
    return tokenizer.encode(text, Specials::allowed);
  };
  CHECK(ids(*with_beside({}), "</s>").size() == 4);
  CHECK(ids(*with_beside({{"special_tokens_map.json", {{"eos_token", "</s>"}}}}), "a</s>") == Ids{97, 256});
  const auto added = with_beside({{"added_tokens.json", {{"[A]", 257}, {"[B]", 258}}}});
  CHECK(added->vocab_size() == 259);
  CHECK(ids(*added, "[B]a[A]") == Ids{258, 97, 257});
  CHECK(ids(*tokenizer_from_json(added->to_json()), "[B]") == Ids{258});
  // The same tokens by another file; a token without an id is none of the model's.
  CHECK(with_beside(
            {{"added_tokens.json", {{"[A]", 257}}},
             {"tokenizer_config.json",
              {{"added_tokens_decoder", {{"256", {{"content", "</s>"}}}, {"257", {{"content", "[A]"}}}}},
               {"pad_token", "[PAD]"},
               {"bos_token", nullptr}}},
             {"special_tokens_map.json", {{"additional_special_tokens", {"[A]", "</s>"}}}}})
            ->specials()
            .size() == 2);
  for (const json& wrong : {json{{"[A]", "257"}}, json{{"[A]", 900}}, json{{"[A]", 97}}, json{{"[A]", -1}}}) {
    INFO(wrong.dump());
    CHECK(test::fails(ErrorCode::input, {"vocab.json"}, [&] {
      with_beside({{"added_tokens.json", wrong}});
    }));
  }
  CHECK(test::fails(ErrorCode::input, {"added_tokens.json", "object"}, [&] {
    with_beside({{"added_tokens.json", 7}});
  }));
  CHECK(test::fails(ErrorCode::input, {"special_tokens_map.json"}, [&] {
    with_beside({{"special_tokens_map.json", {{"eos_token", 7}}}});
  }));
}

}  // namespace hewn
