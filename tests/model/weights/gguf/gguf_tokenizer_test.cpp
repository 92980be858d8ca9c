// How the texts of a GGUF file's model begin and end.

#include "model/weights/gguf/gguf_tokenizer.h"

#include "model/tokenizer/bpe.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using Ids = std::vector<int32_t>;

/// The form that these keys give the texts of a file with byte pairs: the bytes, <s> 256 and [END] 257.
TextForm form_by(const GgufKeys& more) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(byte);
    tokens.push_back(tokenizers::to_printable({&character, 1}));
  }
  tokens.insert(tokens.end(), {"<s>", "[END]"});
  std::vector<int32_t> types(256, gguf_token::normal);
  types.insert(types.end(), {gguf_token::control, gguf_token::control});
  GgufKeys keys{{"tokenizer.ggml.model", std::string("gpt2")},
                {"tokenizer.ggml.tokens", tokens},
                {"tokenizer.ggml.token_type", types}};
  for (const auto& [key, value] : more) keys.emplace_back("tokenizer.ggml." + key, value);
  const test::TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  GgufWriter(path, keys, {}).finish();
  const GgufFile file(path);
  std::string why_not;
  const auto tokenizer = tokenizer_in(file, why_not);
  if (!tokenizer) throw Error(ErrorCode::input, why_not);
  CHECK(tokenizer->encode("[END]", Specials::allowed) == Ids{257});
  return texts_in(file, *tokenizer);
}

}  // namespace

TEST_CASE("GGUF: how texts of byte pairs begin and end", "[gguf]") {
  CHECK(form_by({}) == TextForm{});
  CHECK(form_by({{"bos_token_id", 256u}}) == TextForm{});
  CHECK(form_by({{"bos_token_id", 256u}, {"add_bos_token", true}}) == TextForm{.begin = 256, .ends = {256}});
  CHECK(form_by({{"eom_token_id", 7u}, {"eot_token_id", 257u}, {"eos_token_id", 256u}}).ends ==
        Ids{256, 257, 7});
}

TEST_CASE("GGUF: wrong facts about texts are refused by name", "[gguf]") {
  const auto refused = [](const GgufKeys& keys, const char* named) {
    return test::fails(ErrorCode::input, {named}, [&] { form_by(keys); });
  };
  CHECK(refused({{"eos_token_id", 258u}}, "eos_token_id is 258"));
  CHECK(refused({{"eot_token_id", int32_t{-1}}}, "eot_token_id is -1"));
  CHECK(refused({{"eom_token_id", std::string("[END]")}}, "eom_token_id"));
  CHECK(refused({{"add_bos_token", true}}, "bos_token_id"));
  CHECK(refused({{"add_bos_token", true}, {"bos_token_id", 258u}}, "bos_token_id is 258"));
  CHECK(refused({{"add_bos_token", 1u}, {"bos_token_id", 256u}}, "add_bos_token is neither"));
  CHECK(refused({{"add_eos_token", true}}, "after every text"));
}

}  // namespace hewn
