// Tokenizers written for other programs: opened again they make the same ids.

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "model/tokenizer/bpe.h"
#include "model/tokenizer/gpt2_split.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/utf8.h"
#include "model/weights/export.h"
#include "model/weights/export_tokenizer.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_tokenizer.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/support/stories.h"

namespace hewn {
namespace {

using nlohmann::json;
using test::Exportable;
using test::gpt2_like;
using test::llama_like;
using test::with;

/// A kind that no other program knows, which has a token to begin texts but no special tokens.
class OwnTokenizer final : public Tokenizer {
 public:
  std::string_view kind() const override { return "own"; }
  int32_t vocab_size() const override { return 1; }
  std::optional<int32_t> begin_token() const override { return 0; }
  std::string to_json() const override { return "{}"; }

 protected:
  std::vector<int32_t> encode_with(std::string_view, std::vector<size_t>*) const override { return {}; }
  std::string_view bytes_of(int32_t) const override { return ""; }
};

/// These pieces, and those of the bytes.
tokenizers::SentencePieces bytes_and(std::vector<std::string> texts) {
  tokenizers::SentencePieces pieces{.texts = std::move(texts), .specials = {}, .scores = {}, .merges = {}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    pieces.texts.push_back(name);
  }
  return pieces;
}

/// What llama.cpp makes of a text by keys of GPT-2's kind (llama-vocab.cpp, llm_tokenizer_bpe_session): in each piece of the
/// text, the leftmost pair of the best rank is merged until none is left.
std::vector<int32_t> ids_by_llama_cpp(const GgufKeys& keys, const std::string& text) {
  const auto list = [&](const char* name) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](auto& key) { return key.first == name; });
    return std::get<std::vector<std::string>>(found->second);
  };
  const std::vector<std::string> tokens = list("tokenizer.ggml.tokens"),
                                 merges = list("tokenizer.ggml.merges");
  std::vector<int32_t> ids;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = gpt2_piece_end(text, begin);
    std::vector<std::string> parts;
    for (const char byte : text.substr(begin, end - begin))
      parts.push_back(tokenizers::to_printable({&byte, 1}));
    for (size_t best = 0; best < merges.size();) {
      best = merges.size();
      size_t at = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto rank = static_cast<size_t>(
            std::find(merges.begin(), merges.end(), parts[i] + " " + parts[i + 1]) - merges.begin());
        if (rank < best) best = rank, at = i;
      }
      if (best == merges.size()) break;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    for (const std::string& part : parts)
      ids.push_back(static_cast<int32_t>(std::find(tokens.begin(), tokens.end(), part) - tokens.begin()));
  }
  return ids;
}

}  // namespace

TEST_CASE("tokenizers are exported as other programs read them", "[export]") {
  const auto written = [](const char* kind, std::string_view text) {
    const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer(kind, text);
    const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size() + 1; }),
                       tokenizer);
    export_model(e.own, "hf", e.path("hf"));
    export_model(e.own, "gguf", e.path("gguf"));
    const GgufFile gguf(e.path("gguf"));
    const GgufValue* tokens = gguf.find_key("tokenizer.ggml.tokens");
    return std::pair{json::parse(test::read_file(e.path("hf/tokenizer.json"))),
                     tokens ? std::get<std::vector<std::string>>(*tokens) : std::vector<std::string>()};
  };
  const auto [characters, ascii] = written("char", "b a\n");
  CHECK(characters["model"]["vocab"] == json{{"\n", 0}, {" ", 1}, {"a", 2}, {"b", 3}});
  CHECK(characters["model"]["merges"].empty());
  CHECK(characters["pre_tokenizer"].is_null());
  CHECK(characters["decoder"]["type"] == "Fuse");
  CHECK(ascii == std::vector<std::string>{"\u010a", "\u0120", "a", "b", "[PAD4]"});
  CHECK(written("char", "a\u00e9").second == std::vector<std::string>{"a", "\u00c3\u00a9", "[PAD2]"});

  const auto [words, no_words] = written("word", "one two two");
  CHECK(words["model"]["type"] == "WordLevel");
  CHECK(words["model"]["unk_token"] == "<|unk|>");
  CHECK(words["model"]["vocab"]["<|unk|>"] == 0);
  CHECK(no_words.empty());

  const auto [course, no_signs] = written("regex", "one, two");
  CHECK(course["model"]["vocab"] ==
        json{{",", 0}, {"one", 1}, {"two", 2}, {"<|endoftext|>", 3}, {"<|unk|>", 4}});
  CHECK(no_signs.empty());

  const auto [bytes, byte_tokens] = written("byte", "x");
  CHECK(bytes["model"]["vocab"]["\u0120"] == 32);
  CHECK(bytes["pre_tokenizer"]["use_regex"] == false);
  CHECK(byte_tokens.size() == 257);
  CHECK(byte_tokens[32] == "\u0120");
}

TEST_CASE("a chat template is stored with the tokenizer", "[export]") {
  const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer("bpe", "one two two");
  const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }), tokenizer);
  const std::string jinja = "{% for message in messages %}{{ message['content'] + '\\n' }}{% endfor %}";
  export_model(e.own, "hf", e.path("hf"), {.chat_template = jinja});
  export_model(e.own, "gguf", e.path("gguf"), {.chat_template = jinja});
  CHECK(json::parse(test::read_file(e.path("hf/tokenizer_config.json")))["chat_template"] == jinja);
  CHECK(std::get<std::string>(*GgufFile(e.path("gguf")).find_key("tokenizer.chat_template")) == jinja);
  export_model(e.own, "hf", e.path("plain"));
  CHECK(!json::parse(test::read_file(e.path("plain/tokenizer_config.json"))).contains("chat_template"));
  export_model(e.own, "gguf", e.path("plain.gguf"));
  CHECK(GgufFile(e.path("plain.gguf")).find_key("tokenizer.chat_template") == nullptr);
}

TEST_CASE("every kind of tokenizer is read back unchanged from Hugging Face's layout", "[export]") {
  const std::string text = "The caf\u00e9's \"door\"--shut?\n\n  12 \u4e2d\u6587 {a_b}\t(the end).\n";
  for (const std::string_view kind : tokenizer_kinds()) {
    INFO(kind);
    const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer(kind, text);
    const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }),
                       tokenizer);
    export_model(e.own, "hf", e.path("hf"));
    const ForeignModel again = open_foreign(e.path("hf"));
    INFO(again.no_tokenizer);
    REQUIRE(again.tokenizer);
    CHECK(again.tokenizer->to_json() == tokenizer->to_json());
  }
}

TEST_CASE("a model is exported without a tokenizer that the format cannot express", "[export]") {
  const Exportable e(gpt2_like(), std::make_shared<OwnTokenizer>());
  CHECK(export_model(e.own, "hf", e.path("hf")).notes ==
        std::vector<std::string>{
            "no tokenizer is written: Hugging Face's tokenizers cannot express one of kind own"});
  CHECK(open_foreign(e.path("hf")).tokenizer == nullptr);
  const json config = json::parse(test::read_file(e.path("hf/config.json")));
  CHECK(config["bos_token_id"] == 0);  // what begins and ends texts is known without a tokenizer, too
  CHECK(config["eos_token_id"] == 0);
}

TEST_CASE("a classifier for transformers pads texts with the token that ends them", "[export]") {
  const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer("bpe", "x", {.vocab_size = 257});
  const Exportable e(with(gpt2_like(),
                          [](auto& c) {
                            c.vocab_size = 257;
                            c.n_labels = 2;
                            c.position = LabelPosition::last;
                          }),
                     tokenizer);
  const Exported done = export_model(e.own, "hf", e.path("hf"));
  CHECK(done.notes.empty());
  const json config = json::parse(test::read_file(e.path("hf/config.json")));
  CHECK(config["pad_token_id"] == 256);
  CHECK(config["eos_token_id"] == 256);
  CHECK(config["id2label"] == json({{"0", "LABEL_0"}, {"1", "LABEL_1"}}));
}

TEST_CASE("tokens added to one of our kinds of tokenizer are refused by name", "[export]") {
  const auto tokenizer = train_tokenizer("word", "one two");
  json file = json::parse(*exporting::huggingface_tokenizer(TextEncoder(*tokenizer)));
  // What transformers writes where it saves the tokenizer again.
  file["added_tokens"] = {{{"id", 0}, {"content", "<|unk|>"}, {"special", true}}};
  CHECK(tokenizer_from_json(file.dump())->hash() == tokenizer->hash());
  file["added_tokens"].push_back({{"id", tokenizer->vocab_size()}, {"content", "<pad>"}, {"special", true}});
  CHECK_THROWS_WITH(tokenizer_from_json(file.dump()), Catch::Contains("the file adds the token \"<pad>\""));
  json bytes = json::parse(*exporting::huggingface_tokenizer(TextEncoder(*train_tokenizer("byte", ""))));
  bytes["model"]["vocab"]["a"] = 98, bytes["model"]["vocab"]["b"] = 97;
  CHECK_THROWS_WITH(tokenizer_from_json(bytes.dump()), Catch::Contains("pre_tokenizer"));
}

TEST_CASE("byte pairs are exported with a model", "[export]") {
  const std::string text = "the cat and the hat and the mat";
  const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer("bpe", text, {.vocab_size = 265});
  const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }), tokenizer);
  export_model(e.own, "hf", e.path("hf"));
  CHECK(load_tokenizer(e.path("hf/tokenizer.json"))->hash() == tokenizer->hash());
  const json config = json::parse(test::read_file(e.path("hf/config.json")));
  CHECK(config["eos_token_id"] == tokenizer->vocab_size() - 1);
  export_model(e.own, "gguf", e.path("gguf"));
  const ForeignModel again = open_foreign(e.path("gguf"));
  REQUIRE(again.tokenizer);
  CHECK(again.tokenizer->hash() == tokenizer->hash());
  CHECK(again.tokenizer->encode(text) == tokenizer->encode(text));
}

TEST_CASE("Llama's tokenizer is exported with a model", "[export]") {
  const std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(test::stories()[0].tokens.string());
  const Exportable e(with(llama_like(), [](auto& c) { c.vocab_size = 384; }), tokenizer);
  export_model(e.own, "hf", e.path("hf"));
  const std::string written = test::read_file(e.path("hf/tokenizer.json"));
  CHECK_FALSE(json::parse(written).contains("hewn"));  // tokenizers would refuse the file
  const std::string text = "Once upon a time, \u00e9 was  a\nletter.";
  CHECK(load_tokenizer(e.path("hf/tokenizer.json"))->encode(text) == tokenizer->encode(text));
}

TEST_CASE("Llama's tokenizer is exported in GGUF and next to llama2.c's model", "[export]") {
  const std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(test::stories()[0].tokens.string());
  const std::string text = "Once upon a time, \u00e9 was  a\nletter.";
  for (const int64_t vocab_size : {384, 392}) {
    const Exportable e(with(llama_like(), [&](auto& c) { c.vocab_size = vocab_size; }), tokenizer);
    export_model(e.own, "gguf", e.path("gguf"));
    const GgufFile gguf(e.path("gguf"));
    CHECK(gguf.text("tokenizer.ggml.model") == "llama");
    CHECK(gguf.integer("tokenizer.ggml.bos_token_id") == 1);
    CHECK(gguf.integer("tokenizer.ggml.eos_token_id") == 2);
    CHECK(gguf.integer("tokenizer.ggml.unknown_token_id") == 0);
    const auto& types = std::get<std::vector<int32_t>>(*gguf.find_key("tokenizer.ggml.token_type"));
    CHECK(static_cast<int64_t>(types.size()) == vocab_size);
    CHECK(std::vector(types.begin(), types.begin() + 4) == std::vector<int32_t>{2, 3, 3, 6});
    const ForeignModel again = open_foreign(e.path("gguf"));
    REQUIRE(again.tokenizer);
    CHECK(again.tokenizer->hash() == tokenizer->hash());

    const Exported done = export_model(e.own, "llama2c", e.path("model.bin"));
    const std::string beside = e.path("tok" + std::to_string(vocab_size) + ".bin");
    CHECK(done.files == std::vector<std::string>{e.path("model.bin"), beside});
    if (vocab_size == 384) CHECK(test::read_file(beside) == test::read_file(test::stories()[0].tokens));
    const ForeignModel reopened = open_foreign(e.path("model.bin"));
    REQUIRE(reopened.tokenizer);
    CHECK(reopened.tokenizer->vocab_size() == vocab_size);
    CHECK(reopened.tokenizer->encode(text) == tokenizer->encode(text));
    // What is there is not replaced.
    const Exported second = export_model(e.own, "llama2c", e.path("other.bin"));
    CHECK(second.files.size() == 1);
    CHECK(second.notes.at(0).find("exists") != std::string::npos);

    export_model(e.own, "hf", e.path("hf"));
    const json config = json::parse(test::read_file(e.path("hf/config.json")));
    CHECK(config["bos_token_id"] == 1);
    CHECK(config["eos_token_id"] == 2);
    const json words = json::parse(test::read_file(e.path("hf/tokenizer_config.json")));
    CHECK(words["bos_token"] == "<s>");
    CHECK(words["eos_token"] == "</s>");
    // Without scores: they are made of the order of the merges.
    const Exportable merged(with(llama_like(), [&](auto& c) { c.vocab_size = vocab_size; }),
                            load_tokenizer(e.path("hf/tokenizer.json")));
    export_model(merged.own, "gguf", merged.path("gguf"));
    const ForeignModel scored = open_foreign(merged.path("gguf"));
    REQUIRE(scored.tokenizer);
    CHECK(scored.tokenizer->encode(text) == tokenizer->encode(text));
  }
}

TEST_CASE("Llama's tokenizer in GGUF: other special tokens, and no space before a text", "[export]") {
  tokenizers::SentencePieces pieces = bytes_and({"<s>", "<pad>", "a", "b", "ab", "\u2581"});
  pieces.specials = {{"<s>", 0}, {"<pad>", 1}};
  pieces.begin = 0;
  pieces.merges = {{"a", "b"}};
  for (const auto blank : {tokenizers::Blank::never, tokenizers::Blank::each_part}) {
    pieces.blank = blank;
    const std::shared_ptr<const Tokenizer> tokenizer = tokenizers::make_sentencepiece(pieces);
    const Exportable e(with(llama_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }),
                       tokenizer);
    export_model(e.own, "gguf", e.path("gguf"));
    const GgufFile file(e.path("gguf"));
    CHECK(file.integer("tokenizer.ggml.bos_token_id") == 0);
    CHECK(file.integer("tokenizer.ggml.eos_token_id") == 0);  // the only token known to end a text
    for (const char* absent : {"eot", "unknown", "padding"})
      CHECK(file.find_key(std::string("tokenizer.ggml.") + absent + "_token_id") == nullptr);
    const auto& types = std::get<std::vector<int32_t>>(*file.find_key("tokenizer.ggml.token_type"));
    CHECK(std::vector(types.begin(), types.begin() + 3) == std::vector<int32_t>{3, 3, 1});
    const ForeignModel again = open_foreign(e.path("gguf"));
    INFO(again.no_tokenizer);
    REQUIRE(again.tokenizer);
    REQUIRE(tokenizers::sentence_pieces(*again.tokenizer));
    CHECK(tokenizers::sentence_pieces(*again.tokenizer)->blank == blank);
    for (const char* text : {"ab", " ab<pad>b", ""}) {
      CHECK(again.tokenizer->encode(text) == tokenizer->encode(text));
      CHECK(again.tokenizer->encode(text, Specials::allowed) == tokenizer->encode(text, Specials::allowed));
    }
  }
}

TEST_CASE("merges that no scores yield are exported to GGUF for Hewn", "[export]") {
  // "abc" is a piece, but is never merged from "a" and "bc".
  tokenizers::SentencePieces pieces = bytes_and({"a", "b", "c", "ab", "bc", "abc"});
  pieces.merges = {{"a", "b"}, {"b", "c"}, {"ab", "c"}};
  const std::shared_ptr<const Tokenizer> tokenizer = tokenizers::make_sentencepiece(pieces);
  const Exportable e(with(llama_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }), tokenizer);
  const Exported done = export_model(e.own, "gguf", e.path("gguf"));
  REQUIRE(done.notes.size() == 1);
  CHECK(done.notes[0].starts_with("only Hewn can read the tokenizer: llama.cpp"));
  CHECK(GgufFile(e.path("gguf")).text("tokenizer.ggml.model") == "none");
  CHECK(open_foreign(e.path("gguf")).tokenizer->to_json() == tokenizer->to_json());
}

TEST_CASE("GGUF names the token that ends texts, not other special tokens", "[export]") {
  const std::shared_ptr<const Tokenizer> trained = train_tokenizer("bpe", "one two two", {.vocab_size = 260});
  json file = json::parse(trained->to_json());
  json tool = file["added_tokens"].at(0);
  tool["id"] = trained->vocab_size(), tool["content"] = "<|tool|>";
  file["added_tokens"].push_back(tool);
  const std::shared_ptr<const Tokenizer> tokenizer = tokenizer_from_json(file.dump());
  const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size(); }), tokenizer);
  export_model(e.own, "gguf", e.path("gguf"));
  const GgufFile gguf(e.path("gguf"));
  const int64_t end = trained->vocab_size() - 1;
  for (const char* name : {"bos", "eos"})
    CHECK(gguf.integer(std::string("tokenizer.ggml.") + name + "_token_id") == end);
  const auto& types = std::get<std::vector<int32_t>>(*gguf.find_key("tokenizer.ggml.token_type"));
  CHECK(types.at(static_cast<size_t>(end) + 1) == 3);
}

TEST_CASE("a GGUF file is read back with its tokenizer, of whichever kind", "[export]") {
  for (const std::string_view kind : tokenizer_kinds()) {
    const std::shared_ptr<const Tokenizer> tokenizer =
        train_tokenizer(kind, "one, two caf\u00e9\u20ac \U0001F600\n\"d\"--\t{x}");
    for (const int64_t more : {0, 3}) {
      INFO(kind << " " << more);
      const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = tokenizer->vocab_size() + more; }),
                         tokenizer);
      const Exported done = export_model(e.own, "gguf", e.path("gguf"));
      const ForeignModel again = open_foreign(e.path("gguf"));
      INFO(again.no_tokenizer);
      REQUIRE(again.tokenizer);
      CHECK(again.tokenizer->to_json() == tokenizer->to_json());
      const GgufFile file(e.path("gguf"));
      const bool words = kind == "word" || kind == "regex";
      CHECK((file.find_key(own_tokenizer_key) != nullptr) == (kind != "bpe"));
      CHECK(file.text("tokenizer.ggml.model") == (words ? "none" : "gpt2"));
      REQUIRE(done.notes.size() == (kind == "bpe" ? 0 : 1));
      if (words) CHECK(done.notes[0].starts_with("only Hewn can read the tokenizer"));
      if (kind == "char") CHECK(done.notes[0].starts_with("llama.cpp will end texts at token 11, \"n\": "));
    }
  }
}

TEST_CASE("llama.cpp's rules make the same ids of characters and bytes", "[export]") {
  test::Random random("llama.cpp's rules");
  for (const char* kind : {"char", "byte"}) {
    // Characters of one to four bytes that share their first ones, and white space, which is cut in several ways.
    const std::u32string alphabet =
        U"ab' \n\u00a0\u00e9\u00e8\u20ac\u20ad\u2028\U0001F600\U0001F601\U0001F980";
    std::string all;
    for (const char32_t c : alphabet) append_utf8(all, c);
    const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer(kind, all);
    const auto keys = exporting::gguf_tokenizer(*tokenizer, tokenizer->vocab_size());
    REQUIRE(keys);
    for (int round = 0; round < 100; ++round) {
      std::string text;
      for (int64_t n = random.integer(0, 20); n > 0; --n)
        append_utf8(text, alphabet[static_cast<size_t>(random.integer(0, std::ssize(alphabet) - 1))]);
      INFO(text);
      CHECK(ids_by_llama_cpp(*keys, text) == tokenizer->encode(text));
    }
  }
}

TEST_CASE("characters that replace unknown ones have no form for llama.cpp, which drops them", "[export]") {
  const std::shared_ptr<const Tokenizer> strict = train_tokenizer("char", "ab?");
  std::string note;
  const std::string_view more[] = {"abc"};
  for (const char* rule : {"drop", "replace"}) {
    const auto tokenizer = meet_texts(strict, more, rule, note);
    CHECK(exporting::gguf_tokenizer(*tokenizer, 3).has_value() == (std::string(rule) == "drop"));
    const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = 3; }), tokenizer);
    export_model(e.own, "gguf", e.path("gguf"));
    CHECK(open_foreign(e.path("gguf")).tokenizer->to_json() == tokenizer->to_json());
  }
}

TEST_CASE("a GGUF file whose own tokenizer is none, or another one, is refused", "[export]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  const auto read = [&](GgufKeys keys) {
    GgufWriter(path, keys, {}).finish();
    std::string why;
    return tokenizer_in(GgufFile(path), why);
  };
  const auto own = [](GgufValue value) {
    return std::pair<std::string, GgufValue>{own_tokenizer_key, value};
  };
  const auto ab = train_tokenizer("char", "ab")->to_json();
  const std::pair<std::string, GgufValue> model{"tokenizer.ggml.model", std::string("gpt2")};
  const auto tokens = [](std::vector<std::string> texts) {
    return std::pair<std::string, GgufValue>{"tokenizer.ggml.tokens", std::move(texts)};
  };
  CHECK(read({own(ab)})->to_json() == ab);
  CHECK(read({model, tokens({"a", "b"}), own(ab)})->to_json() == ab);
  CHECK(read({model,
              tokens({"a", "b", "[PAD2]"}),
              {"tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 5}},
              own(ab)})
            ->to_json() == ab);
  for (const auto& other : {tokens({"a"}), tokens({"a", "b", "c"}), tokens({"a", "b", "[PAD2]"})})
    CHECK(test::fails(ErrorCode::input, {"hewn.tokenizer has 2 tokens, but tokenizer.ggml.tokens has "}, [&] {
      read({model, other, own(ab)});
    }));
  for (const GgufValue& wrong : {GgufValue(std::string("{}")), GgufValue(std::string()),
                                 GgufValue(uint32_t{1}), GgufValue(std::vector<std::string>{ab})})
    CHECK(test::fails(ErrorCode::input, {"hewn.tokenizer"}, [&] { read({own(wrong)}); }));
}

TEST_CASE("a GGUF file of ASCII characters without a key of Hewn's is still read", "[export]") {
  const test::TempDir dir;
  const std::shared_ptr<const Tokenizer> tokenizer = train_tokenizer("char", "one, two\n");
  GgufWriter((dir / "old.gguf").string(), *exporting::gguf_tokenizer(*tokenizer, 12), {}).finish();
  std::string why;
  CHECK(tokenizer_in(GgufFile((dir / "old.gguf").string()), why)->to_json() == tokenizer->to_json());
}

TEST_CASE("a GGUF file of byte pairs without merges is not taken for one of characters", "[export]") {
  // The 256 bytes and <|endoftext|>.
  const std::shared_ptr<const Tokenizer> unmerged = train_tokenizer("bpe", "x", {.vocab_size = 257});
  const Exportable e(with(gpt2_like(), [&](auto& c) { c.vocab_size = unmerged->vocab_size(); }), unmerged);
  export_model(e.own, "gguf", e.path("gguf"));
  const ForeignModel again = open_foreign(e.path("gguf"));
  INFO(again.no_tokenizer);
  REQUIRE(again.tokenizer);
  CHECK(again.tokenizer->kind() == "bpe");
  CHECK(again.tokenizer->hash() == unmerged->hash());

  // The bytes in another order: neither the kind of bytes, nor one of ASCII characters.
  std::vector<std::string> backwards;
  for (int32_t id = 255; id >= 0; --id)
    backwards.push_back(tokenizers::to_printable(train_tokenizer("byte", "")->piece(id)));
  GgufWriter(e.path("backwards"),
             {{"tokenizer.ggml.model", std::string("gpt2")}, {"tokenizer.ggml.tokens", backwards}}, {})
      .finish();
  std::string why;
  const auto other = tokenizer_in(GgufFile(e.path("backwards")), why);
  INFO(why);
  REQUIRE(other);
  CHECK(other->kind() == "bpe");
  CHECK(other->encode("a\u00e9") == std::vector<int32_t>{255 - 97, 255 - 0xc3, 255 - 0xa9});
}

TEST_CASE("unsupported GGUF tokenizers are omitted with the reason", "[export]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  const auto why_not = [&](GgufKeys keys) {
    keys.emplace_back("general.architecture", std::string("llama"));
    GgufWriter(path, keys, {}).finish();
    std::string why;
    CHECK(tokenizer_in(GgufFile(path), why) == nullptr);
    return why;
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != text.npos; };
  const auto model = [](const char* kind) {
    return std::pair<std::string, GgufValue>{"tokenizer.ggml.model", std::string(kind)};
  };
  const std::pair<std::string, GgufValue> tokens{"tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"}};
  CHECK(has(why_not({}), "contains no tokenizer"));
  CHECK(has(why_not({model("bert")}), "\"bert\""));
  CHECK(has(why_not({model("llama")}), "no list of tokens"));
  CHECK(has(why_not({model("llama"), tokens}), "0 scores for 2 tokens"));
  CHECK(has(why_not({model("llama"), tokens, {"tokenizer.ggml.token_type", std::vector<int32_t>{1}}}),
            "1 token types for 2"));
  const std::pair<std::string, GgufValue> scores{"tokenizer.ggml.scores", std::vector<float>{0, 0}};
  CHECK(has(
      why_not({model("llama"), tokens, scores, {"tokenizer.ggml.token_type", std::vector<int32_t>{1, 4}}}),
      "token 1 is of type 4"));
  CHECK(has(  // it is not called [PAD1]
      why_not({model("llama"), tokens, scores, {"tokenizer.ggml.token_type", std::vector<int32_t>{1, 5}}}),
      "token 1 is of type 5"));
  CHECK(has(why_not({model("llama"), tokens, scores}), "begins with token 1"));
  CHECK(has(why_not({model("llama"), tokens, scores, {"tokenizer.ggml.add_eos_token", true}}),
            "adds a token after every text"));
  CHECK(has(why_not({model("llama"), tokens, scores, {"tokenizer.ggml.add_bos_token", false}}),
            "no token for byte 0"));
  CHECK(has(why_not({model("llama"),
                     {"tokenizer.ggml.tokens", std::vector<std::string>{"[PAD0]", "[PAD1]"}},
                     {"tokenizer.ggml.token_type", std::vector<int32_t>{5, 5}},
                     scores,
                     {"tokenizer.ggml.add_bos_token", false}}),
            "no token for byte 0"));
  CHECK(has(why_not({model("gpt2"), tokens, {"tokenizer.ggml.pre", std::string("qwen2")}}), "\"qwen2\""));
}

}  // namespace hewn
