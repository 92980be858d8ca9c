#include "model/tokenizer/huggingface_file.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn::tokenizers {

using nlohmann::json;

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
           by_id.size(), " tokens; expected ids from 0 on, without gaps");
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

std::vector<TextPair> merges_in(const json& model) {
  std::vector<TextPair> pairs;
  for (const json& merge : model.at("merges"))
    pairs.push_back(merge.is_string() ? split_pair(merge.get<std::string>(), pairs.size())
                                      : merge.get<TextPair>());
  return pairs;
}

}  // namespace hewn::tokenizers
