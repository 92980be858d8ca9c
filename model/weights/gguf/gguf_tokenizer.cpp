#include "model/weights/gguf/gguf_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "model/json.h"
#include "model/texts/texts.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/sentencepiece.h"

namespace hewn {
namespace {

template <class T>
const std::vector<T>* gguf_list(const GgufFile& file, const char* key) {
  const GgufValue* value = file.find_key(std::string("tokenizer.ggml.") + key);
  return value ? std::get_if<std::vector<T>>(value) : nullptr;
}

bool gguf_flag(const GgufFile& file, const char* key, bool otherwise) {
  const GgufValue* value = file.find_key(std::string("tokenizer.ggml.") + key);
  if (!value) return otherwise;
  if (const bool* flag = std::get_if<bool>(value)) return *flag;
  fail(ErrorCode::input, "tokenizer.ggml.", key, " is neither true nor false");
}

/// The parts that both kinds have.
struct GgufTokens {
  std::vector<std::string> texts;
  std::vector<int32_t> types;  // one per text
};

GgufTokens tokens_of(const GgufFile& file) {
  const auto* texts = gguf_list<std::string>(file, "tokens");
  const auto* types = gguf_list<int32_t>(file, "token_type");
  if (!texts || texts->empty()) fail(ErrorCode::input, "the file has no list of tokens");
  if (types && types->size() != texts->size())
    fail(ErrorCode::input, "the file has ", types->size(), " token types for ", texts->size(), " tokens");
  GgufTokens tokens{*texts, types ? *types : std::vector(texts->size(), gguf_token::normal)};
  while (!tokens.texts.empty() && tokens.types.back() == gguf_token::unused &&
         tokens.texts.back() == gguf_padding_token(tokens.texts.size() - 1)) {
    tokens.texts.pop_back();
    tokens.types.pop_back();
  }
  return tokens;
}

/// A tokenizer of single bytes or ASCII characters, for vocabularies without merges; null for other vocabularies.
std::shared_ptr<const Tokenizer> single_characters(const GgufTokens& tokens) {
  std::vector<std::string> pieces;
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    pieces.push_back(tokens.types[id] == gguf_token::normal ? tokenizers::from_printable(tokens.texts[id])
                                                            : "");
    if (pieces.back().size() != 1) return nullptr;
  }
  const auto is_byte = [&](const std::string& piece) {
    return static_cast<unsigned char>(piece[0]) == &piece - pieces.data();
  };
  if (pieces.size() == 256 && std::all_of(pieces.begin(), pieces.end(), is_byte))
    return train_tokenizer("byte", "");
  if (std::any_of(pieces.begin(), pieces.end(),
                  [](const std::string& piece) { return static_cast<unsigned char>(piece[0]) > 127; }))
    return nullptr;
  return tokenizer_from_json(exact_json_text(
      nlohmann::json{{"format", "hewn-tokenizer"}, {"version", 1}, {"kind", "char"}, {"vocab", pieces}}));
}

std::shared_ptr<const Tokenizer> gguf_byte_pairs(const GgufFile& file) {
  const std::string cut = file.find_key("tokenizer.ggml.pre") ? file.text("tokenizer.ggml.pre") : "gpt-2";
  if (cut != "gpt-2")
    fail(ErrorCode::input, "the file's pre-tokenizer is \"", cut, "\"; only \"gpt-2\" is supported");
  const GgufTokens tokens = tokens_of(file);
  const auto* merges = gguf_list<std::string>(file, "merges");
  if (!merges || merges->empty())
    if (auto single = single_characters(tokens)) return single;
  std::string vocabulary = "{", pairs;
  nlohmann::json added = nlohmann::json::array();
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    vocabulary +=
        (id ? "," : "") + exact_json_text(nlohmann::json(tokens.texts[id])) + ":" + std::to_string(id);
    if (tokens.types[id] == gguf_token::control) added.push_back({{"id", id}, {"content", tokens.texts[id]}});
  }
  if (merges)
    for (const std::string& pair : *merges) pairs += pair + "\n";
  return tokenizers::read_gpt2_vocabulary(parse_json(vocabulary + "}"), pairs, added);
}

std::shared_ptr<const Tokenizer> gguf_sentence_pieces(const GgufFile& file) {
  GgufTokens tokens = tokens_of(file);
  const auto* scores = gguf_list<float>(file, "scores");
  if (!scores || scores->size() < tokens.texts.size())
    fail(ErrorCode::input, "the file has ", scores ? scores->size() : 0, " scores for ", tokens.texts.size(),
         " tokens");
  tokenizers::SentencePieces pieces;
  pieces.scores.assign(scores->begin(), scores->begin() + static_cast<std::ptrdiff_t>(tokens.texts.size()));
  for (size_t id = 0; id < tokens.texts.size(); ++id) {
    const int32_t type = tokens.types[id];
    if (type == gguf_token::control || type == gguf_token::unknown)
      pieces.specials.push_back({tokens.texts[id], static_cast<int32_t>(id)});
    else if (type != gguf_token::normal && type != gguf_token::byte)
      fail(ErrorCode::input, "token ", id, " is of type ", type, ", which is not supported");
  }
  pieces.texts = std::move(tokens.texts);
  if (!gguf_flag(file, "add_space_prefix", true)) pieces.blank = tokenizers::Blank::never;
  if (gguf_flag(file, "add_bos_token", true)) {
    const int64_t begin =
        file.find_key("tokenizer.ggml.bos_token_id") ? file.integer("tokenizer.ggml.bos_token_id") : 1;
    if (std::none_of(pieces.specials.begin(), pieces.specials.end(),
                     [&](const Special& s) { return s.id == begin; }))
      fail(ErrorCode::input, "each text begins with token ", begin, ", which is not a special token");
    pieces.begin = static_cast<int32_t>(begin);
  }
  return tokenizers::make_sentencepiece(std::move(pieces));
}

std::shared_ptr<const Tokenizer> own_tokenizer(const GgufFile& file) {
  const Doing reading("reading the key ", own_tokenizer_key);
  std::shared_ptr<const Tokenizer> own = tokenizer_from_json(file.text(own_tokenizer_key));
  if (!file.find_key("tokenizer.ggml.tokens")) return own;
  if (const size_t tokens = tokens_of(file).texts.size(); std::cmp_not_equal(tokens, own->vocab_size()))
    fail(ErrorCode::input, own_tokenizer_key, " has ", own->vocab_size(),
         " tokens, but tokenizer.ggml.tokens has ", tokens);
  return own;
}

}  // namespace

std::shared_ptr<const Tokenizer> tokenizer_in(const GgufFile& file, std::string& why_not) {
  if (file.find_key(own_tokenizer_key)) return own_tokenizer(file);
  try {
    if (gguf_flag(file, "add_eos_token", false))
      fail(ErrorCode::input, "the tokenizer adds a token after every text, which is not supported");
    const std::string kind =
        file.find_key("tokenizer.ggml.model") ? file.text("tokenizer.ggml.model") : "none";
    if (kind == "gpt2") return gguf_byte_pairs(file);
    if (kind == "llama") return gguf_sentence_pieces(file);
    why_not = kind == "none" ? "the file contains no tokenizer"
                             : "tokenizer.ggml.model is \"" + kind + "\"; gpt2 and llama are supported";
  } catch (const Error& error) {
    why_not = error.what();
  }
  return nullptr;
}

TextForm texts_in(const GgufFile& file, const Tokenizer& tokenizer) {
  const auto token = [&](const std::string& key) {
    const int64_t id = file.integer(key);
    if (id < 0 || id >= tokenizer.vocab_size())
      fail(ErrorCode::input, key, " is ", id, ", which is not in the vocabulary; expected 0 to ",
           tokenizer.vocab_size() - 1);
    return static_cast<int32_t>(id);
  };
  if (file.find_key(own_texts_key)) {
    const Doing reading("reading the key ", own_texts_key);
    return text_form_from_json(file.text(own_texts_key), tokenizer.vocab_size());
  }
  TextForm form = form_of(tokenizer);
  if (tokenizer.kind() != "sentencepiece" && gguf_flag(file, "add_bos_token", false))
    form.begin = token("tokenizer.ggml.bos_token_id");
  std::vector<int32_t> ends;
  for (const char* end : {"eos", "eot", "eom"})
    if (const std::string key = join("tokenizer.ggml.", end, "_token_id"); file.find_key(key))
      ends.push_back(token(key));
  return with_ends(std::move(form), std::move(ends));
}

}  // namespace hewn
