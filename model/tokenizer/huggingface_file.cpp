#include "model/tokenizer/huggingface_file.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"

namespace hewn::tokenizers {

using nlohmann::json;

std::vector<std::string> texts_by_id(const json& vocab, const json& added) {
  std::unordered_map<int64_t, std::string> by_id;
  const auto place = [&](int64_t id, const std::string& text) {
    const auto [at, fresh] = by_id.emplace(id, text);
    if (!fresh && at->second != text)
      fail(ErrorCode::input, "the vocabulary gives id ", id, " to both ", json(at->second).dump(), " and ",
           json(text).dump());
  };
  for (const auto& [text, id] : vocab.items()) place(id.get<int64_t>(), text);
  for (const json& token : added)
    place(token.at("id").get<int64_t>(), token.at("content").get<std::string>());
  std::vector<std::string> texts;
  for (size_t id = 0; id < by_id.size(); ++id) {
    const auto found = by_id.find(static_cast<int64_t>(id));
    if (found == by_id.end())
      fail(ErrorCode::input, "the vocabulary has ", by_id.size(), " tokens, but none with id ", id);
    texts.push_back(std::move(found->second));
  }
  return texts;
}

TextPair split_pair(std::string_view line, size_t rank) {
  const size_t blank = line.find(' ');
  if (blank == 0 || blank == line.npos || blank + 1 == line.size() || line.find(' ', blank + 1) != line.npos)
    fail(ErrorCode::input, "merge ", rank, " is ",
         json(line).dump(-1, ' ', false, json::error_handler_t::replace),
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
