#include "model/tokenizer/huggingface_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/tokenizer/bpe.h"

namespace hewn::tokenizers {

using nlohmann::json;

namespace {

constexpr size_t max_beside_bytes = size_t{64} << 20;

bool is_special_token_key(std::string_view key) {
  constexpr std::string_view keys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
  return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

}  // namespace

std::vector<std::string> texts_by_id(const json& vocab, const json& added) {
  struct Token {
    bool given = false;
    std::string text;
  };
  std::vector<Token> by_id(vocab.size() + added.size());
  size_t tokens = 0;
  const auto place = [&](int64_t id, const std::string& text) {
    if (id < 0 || static_cast<size_t>(id) >= by_id.size())
      fail(ErrorCode::input, "the token ", json_text(json(text)), " has id ", id, ", but there are at most ",
           by_id.size(), " tokens; expected consecutive ids from 0");
    Token& token = by_id[static_cast<size_t>(id)];
    if (token.given && token.text != text)
      fail(ErrorCode::input, "the vocabulary gives id ", id, " to both ", json_text(json(token.text)),
           " and ", json_text(json(text)));
    tokens += !token.given;
    token = {true, text};
  };
  for (const auto& [text, id] : vocab.items()) place(id.get<int64_t>(), text);
  for (const json& token : added)
    place(token.at("id").get<int64_t>(), token.at("content").get<std::string>());
  std::vector<std::string> texts;
  texts.reserve(tokens);
  for (Token& token : by_id) {
    if (texts.size() == tokens) break;
    if (!token.given)
      fail(ErrorCode::input, "the vocabulary has ", tokens, " tokens, but none with id ", texts.size());
    texts.push_back(std::move(token.text));
  }
  return texts;
}

TextPair split_pair(std::string_view line, size_t rank) {
  const size_t blank = line.find(' ');
  if (blank == 0 || blank == line.npos || blank + 1 == line.size() || line.find(' ', blank + 1) != line.npos)
    fail(ErrorCode::input, "merge ", rank, " is ", json_text(json(line)),
         "; expected two tokens separated by a space");
  return {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
}

std::vector<Special> specials_in(const json& added) {
  std::vector<Special> specials;
  for (const json& token : added)
    specials.push_back({token.at("content").get<std::string>(), token.at("id").get<int32_t>()});
  return specials;
}

nlohmann::ordered_json added_tokens(std::span<const Special> specials) {
  auto added = nlohmann::ordered_json::array();
  for (const Special& s : specials)
    added.push_back({{"id", s.id},
                     {"content", s.text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  return added;
}

int32_t begin_in(const json& file, size_t vocab_size) {
  const json post = file.value("post_processor", json());
  const auto wrong = [&] {
    fail(ErrorCode::input, "the post_processor is ", json_text(post).substr(0, 300),
         "; expected \"TemplateProcessing\" with at most one token before the text and none after it");
  };
  std::vector<json> steps{post};
  if (post.is_object() && post.value("type", "") == "Sequence") post.at("processors").get_to(steps);
  int32_t begin = -1;
  for (const json& step : steps) {
    if (step.is_null() || step.value("type", "") == "ByteLevel") continue;  // it moves offsets, adds nothing
    if (step.value("type", "") != "TemplateProcessing" || begin >= 0) wrong();
    const json& single = step.at("single");
    if (single.empty() || single.size() > 2 || !single.back().contains("Sequence")) wrong();
    if (single.size() == 1) continue;
    if (!single.front().contains("SpecialToken")) wrong();
    const auto name = single.front()["SpecialToken"].at("id").get<std::string>();
    const auto ids = step.at("special_tokens").at(name).at("ids").get<std::vector<int32_t>>();
    if (ids.size() != 1) wrong();
    begin = ids.front();
    if (begin < 0 || static_cast<size_t>(begin) >= vocab_size)
      fail(ErrorCode::input, "each text begins with token ", begin, ", which is not in the vocabulary");
  }
  return begin;
}

nlohmann::ordered_json post_processor(const Tokenizer& tokenizer, const std::optional<int32_t>& begin) {
  using Ordered = nlohmann::ordered_json;
  if (!begin) return nullptr;
  std::string text = to_printable(tokenizer.piece(*begin));
  for (const Special& special : tokenizer.specials())
    if (special.id == *begin) text = special.text;
  const auto special = [&](int type) { return Ordered{{"SpecialToken", {{"id", text}, {"type_id", type}}}}; };
  const auto sequence = [](const char* name, int type) {
    return Ordered{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  Ordered post{{"type", "TemplateProcessing"}};
  post["single"] = Ordered::array({special(0), sequence("A", 0)});
  post["pair"] = Ordered::array({special(0), sequence("A", 0), special(1), sequence("B", 1)});
  post["special_tokens"][text] = {{"id", text}, {"ids", {*begin}}, {"tokens", {text}}};
  return post;
}

std::string token_text(const json& token) { return token.is_object() ? token.at("content") : token; }

json added_beside(const std::string& path, const json& vocab) {
  json added = json::array();
  const std::filesystem::path vocabulary = path;
  if (vocabulary.filename() != "vocab.json") return added;
  std::map<std::string, int64_t> known;
  const auto add = [&](const std::string& text, const json& id) {
    if (!id.is_number_integer())
      fail(ErrorCode::input, "the id of ", json_text(json(text)), " is ", json_text(id),
           "; expected a number");
    if (const auto [at, is_new] = known.emplace(text, id.get<int64_t>()); is_new || at->second != id)
      added.push_back({{"id", id}, {"content", text}});
  };
  const auto name =
      [&](const json& token) {  // one without an id gets one behind the model's, so it cannot occur
        const std::string text = token_text(token);
        if (vocab.contains(text)) add(text, vocab[text]);
      };
  const auto take = [&](const std::string& key, const json& value) {
    if (key == "added_tokens_decoder")
      for (const auto& [id, token] : value.items()) add(token_text(token), parse_json(id));
    else if (key == "additional_special_tokens")
      for (const json& token : value) name(token);
    else if (is_special_token_key(key) && !value.is_null())
      name(value);
  };
  for (const std::string_view file :
       {"added_tokens.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    const std::string beside = (vocabulary.parent_path() / file).string();
    if (!path_exists(beside)) continue;
    const Doing reading("reading ", file, " beside it");
    try {
      const json settings = parse_json(read_small_file(beside, max_beside_bytes));
      if (!settings.is_object()) fail(ErrorCode::input, "expected a JSON object");
      for (const auto& [key, value] : settings.items())
        file == "added_tokens.json" ? add(key, value) : take(key, value);
    } catch (const json::exception& error) {
      fail(ErrorCode::input, "it does not have the expected content: ", json_reason(error));
    }
  }
  return added;
}

std::vector<TextPair> merges_in(const json& model) {
  std::vector<TextPair> pairs;
  for (const json& merge : model.at("merges"))
    pairs.push_back(merge.is_string() ? split_pair(merge.get<std::string>(), pairs.size())
                                      : merge.get<TextPair>());
  return pairs;
}

}  // namespace hewn::tokenizers
