#include "model/weights/huggingface/huggingface_texts.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/huggingface_kinds.h"

namespace hewn {
namespace {

using nlohmann::json;

/// A key of one of the files; null if there is none.
json value_in(const TextFacts& files, std::string_view name, const char* key) {
  const auto file = files.find(name);
  if (file == files.end()) return {};
  const Doing reading("reading ", name);
  try {
    return parse_json(file->second).value(key, json());
  } catch (const json::exception& error) {
    fail(ErrorCode::input, "expected a JSON object: ", json_reason(error));
  }
}

[[noreturn]] void refuse(std::string_view name, const char* key, const json& value, const char* expected) {
  fail(ErrorCode::input, name, ": ", key, " is ", json_text(value).substr(0, 200), "; expected ", expected);
}

bool flag_in(const TextFacts& files, const char* key) {
  const json value = value_in(files, "tokenizer_config.json", key);
  if (!value.is_null() && !value.is_boolean()) refuse("tokenizer_config.json", key, value, "true or false");
  return value == true;
}

/// The tokens with the ids that a key lists. One behind the vocabulary, such as transformers' default beside a smaller one,
/// occurs in no text.
std::vector<int32_t> ids_in(const TextFacts& files, std::string_view name, const char* key,
                            int32_t vocab_size) {
  const json value = value_in(files, name, key);
  std::vector<int32_t> ids;
  for (const json& id : value.is_array() || value.is_null() ? value : json::array({value})) {
    if (!id.is_number_integer() || id < 0) refuse(name, key, value, "the id of a token, or a list of ids");
    if (id < vocab_size) ids.push_back(id.get<int32_t>());
  }
  return ids;
}

/// The token whose text a key holds: in tokenizer_config.json, else in special_tokens_map.json.
std::optional<int32_t> token_in(const TextFacts& files, const char* key, const Tokenizer& tokenizer) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const json value = value_in(files, name, key);
    if (value.is_null()) continue;
    const json text = value.is_object() ? value.value("content", json()) : value;
    if (!text.is_string()) refuse(name, key, value, "the text of a token");
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
      if (tokenizer.piece(id) == text.get_ref<const std::string&>()) return id;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<int32_t> begin_in(const TextFacts& files, const Tokenizer& tokenizer) {
  if (const auto named = token_in(files, "bos_token", tokenizer)) return named;
  const auto ids = ids_in(files, "config.json", "bos_token_id", tokenizer.vocab_size());
  if (ids.size() == 1) return ids[0];
  fail(ErrorCode::input, "tokenizer_config.json: add_bos_token is true, but the vocabulary has no bos_token");
}

}  // namespace

TextForm huggingface_texts(const TextFacts& files, const Tokenizer& tokenizer) {
  if (const auto own = files.find(text_form_file); own != files.end()) {
    const Doing reading("reading ", text_form_file);
    return text_form_from_json(own->second, tokenizer.vocab_size());
  }
  TextForm form = form_of(tokenizer);
  if (const auto file = files.find("tokenizer.json");
      file != files.end() && tokenizer.kind() != "bpe" && tokenizer.kind() != "sentencepiece")
    form.begin = tokenizers::begin_of_kind(parse_json(file->second), tokenizer);
  if (flag_in(files, "add_eos_token"))
    fail(ErrorCode::input,
         "tokenizer_config.json: add_eos_token is true, a token after every text, which is ",
         "not supported; set it to false");
  if (flag_in(files, "add_bos_token"))
    form.begin = begin_in(files, tokenizer);
  else if (!value_in(files, "tokenizer_config.json", "add_bos_token").is_null())
    form.begin = std::nullopt;
  const bool generates = !value_in(files, "generation_config.json", "eos_token_id").is_null();
  std::vector<int32_t> ends = ids_in(files, generates ? "generation_config.json" : "config.json",
                                     "eos_token_id", tokenizer.vocab_size());
  if (const auto end = token_in(files, "eos_token", tokenizer)) ends.push_back(*end);
  return with_ends(std::move(form), ends);
}

}  // namespace hewn
