#include "model/weights/export_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "model/json.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/huggingface_kinds.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/weights/gguf/gguf_tokenizer.h"

namespace hewn::exporting {
namespace {

/// Llama's kind is already stored in Hugging Face's format, except for the key of the scores, which other
/// programs do not accept.
std::string without_scores(std::string file) {
  constexpr std::string_view key = ",\"hewn\":{";
  const size_t begin = file.find(key);
  if (begin != file.npos) file.erase(begin, file.find('}', begin) + 1 - begin);
  return file;
}

/// Llama's kind; empty if no scores yield its merges.
std::optional<GgufKeys> gguf_pieces(const tokenizers::SentencePieces& pieces, int64_t vocab_size) {
  auto scores = tokenizers::merge_scores(pieces);
  if (!scores) return std::nullopt;
  std::vector<std::string> tokens = pieces.texts;
  std::vector<int32_t> types;
  for (const std::string& text : tokens)
    types.push_back(tokenizers::byte_named(text) >= 0 ? gguf_token::byte : gguf_token::normal);
  GgufKeys ids;
  for (const Special& s : pieces.specials) {
    types[static_cast<size_t>(s.id)] = s.text == "<unk>" ? gguf_token::unknown : gguf_token::control;
    if (s.text == "<unk>") ids.emplace_back("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(s.id));
  }
  while (static_cast<int64_t>(tokens.size()) < vocab_size) {
    tokens.push_back(gguf_padding_token(tokens.size()));
    types.push_back(gguf_token::unused);
    scores->push_back(0);
  }
  GgufKeys keys{{"tokenizer.ggml.model", std::string("llama")},
                {"tokenizer.ggml.pre", std::string("default")},
                {"tokenizer.ggml.tokens", std::move(tokens)},
                {"tokenizer.ggml.scores", *std::move(scores)},
                {"tokenizer.ggml.token_type", std::move(types)},
                {"tokenizer.ggml.add_eos_token", false},
                {"tokenizer.ggml.add_space_prefix", pieces.blank != tokenizers::Blank::never}};
  keys.insert(keys.end(), ids.begin(), ids.end());
  return keys;
}

/// The merges in the form of tokenizer.json, "a b". Those of a vocabulary of characters join the bytes of each, from the
/// first to the last. No character can take the bytes of another, since each merge begins with a character's first byte.
std::vector<std::string> merges_of(const Tokenizer& tokenizer) {
  if (tokenizer.kind() == "bpe")
    return nlohmann::json::parse(tokenizer.to_json())
        .at("model")
        .at("merges")
        .get<std::vector<std::string>>();
  std::vector<std::string> merges;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view piece = tokenizer.piece(id);
    for (size_t i = 1; i < piece.size(); ++i)
      merges.push_back(tokenizers::to_printable(piece.substr(0, i)) + " " +
                       tokenizers::to_printable(piece.substr(i, 1)));
  }
  std::sort(merges.begin(), merges.end());
  merges.erase(std::unique(merges.begin(), merges.end()), merges.end());
  return merges;
}

}  // namespace

std::optional<std::string> huggingface_tokenizer(const TextEncoder& texts) {
  const Tokenizer& tokenizer = texts.tokenizer();
  const std::string_view kind = tokenizer.kind();
  std::optional<std::string> file = kind == "bpe"             ? tokenizer.to_json()
                                    : kind == "sentencepiece" ? without_scores(tokenizer.to_json())
                                                              : tokenizers::huggingface_text(tokenizer);
  const auto first_step = [&](const std::optional<int32_t>& begin) {
    return "\"post_processor\":" + exact_json_text(tokenizers::post_processor(tokenizer, begin));
  };
  const std::string own = first_step(form_of(tokenizer).begin);
  if (file) file->replace(file->find(own), own.size(), first_step(texts.begin()));
  return file;
}

std::optional<GgufKeys> gguf_tokenizer(const Tokenizer& tokenizer, int64_t vocab_size) {
  if (const auto* pieces = tokenizers::sentence_pieces(tokenizer)) return gguf_pieces(*pieces, vocab_size);
  if (tokenizer.kind() != "bpe" && tokenizer.kind() != "byte" && tokenizer.kind() != "char")
    return std::nullopt;
  // llama.cpp leaves unknown characters out.
  if (tokenizer.kind() == "char" && !nlohmann::json::parse(tokenizer.to_json()).value("unknown", "").empty())
    return std::nullopt;
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    tokens.push_back(tokenizers::to_printable(tokenizer.piece(id)));
    types.push_back(gguf_token::normal);
  }
  for (const Special& special : tokenizer.specials()) {
    tokens[static_cast<size_t>(special.id)] = special.text;
    types[static_cast<size_t>(special.id)] = gguf_token::control;
  }
  while (static_cast<int64_t>(tokens.size()) < vocab_size) {
    tokens.push_back(gguf_padding_token(tokens.size()));
    types.push_back(gguf_token::unused);
  }
  GgufKeys keys{{"tokenizer.ggml.model", std::string("gpt2")},
                {"tokenizer.ggml.pre", std::string("gpt-2")},
                {"tokenizer.ggml.tokens", std::move(tokens)},
                {"tokenizer.ggml.token_type", std::move(types)},
                {"tokenizer.ggml.merges", merges_of(tokenizer)}};
  return keys;
}

GgufKeys gguf_texts(const TextForm& form) {
  const std::vector<int32_t> ends = ends_to_write(form);
  GgufKeys keys{{"tokenizer.ggml.add_bos_token", form.begin.has_value()}};
  const auto add = [&](const char* name, int32_t id) {
    keys.emplace_back(join("tokenizer.ggml.", name, "_token_id"), static_cast<uint32_t>(id));
  };
  if (form.begin || !ends.empty()) add("bos", form.begin ? *form.begin : ends.front());
  const char* const names[] = {"eos", "eot", "eom"};
  for (size_t i = 0; i < std::min(ends.size(), std::size(names)); ++i) add(names[i], ends[i]);
  if (says_more(form) || ends.size() > std::size(names)) keys.emplace_back(own_texts_key, to_json(form));
  return keys;
}

}  // namespace hewn::exporting
