#include "model/tokenizer/bpe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/gpt2_split.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/remembered.h"
#include "model/tokenizer/sentencepiece.h"

namespace hewn::tokenizers {
namespace {

using nlohmann::json;

std::array<int32_t, 256> byte_ids(const std::vector<std::string>& pieces) {
  std::array<int32_t, 256> ids;
  ids.fill(-1);
  for (size_t id = pieces.size(); id-- > 0;)
    if (pieces[id].size() == 1) ids[static_cast<unsigned char>(pieces[id][0])] = static_cast<int32_t>(id);
  for (size_t byte = 0; byte < ids.size(); ++byte)
    if (ids[byte] < 0)
      fail(ErrorCode::input, "the vocabulary has no token for byte ", byte,
           "; expected one for each of the 256 byte values");
  return ids;
}

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeVocabulary vocabulary)
      : vocabulary_(std::move(vocabulary)), table_(byte_ids(vocabulary_.pieces), vocabulary_.merges) {}

  std::string_view kind() const override { return "bpe"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.pieces.size()); }
  std::span<const Special> specials() const override { return vocabulary_.specials; }
  Parts parts() const override { return Parts::words; }
  std::string to_json() const override;

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 3);
    Remembered<3> remembered(text.size());
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = gpt2_piece_end(text, begin);
      const std::string_view piece = text.substr(begin, end - begin);
      remembered.append(piece, ids, [&] { table_.encode(piece, ids); });
      begin = end;
    }
    if (ends != nullptr)
      for (size_t i = 0, end = 0; i < ids.size(); ++i) ends->push_back(end += bytes_of(ids[i]).size());
    return ids;
  }
  std::optional<int32_t> begin_token() const override {
    return vocabulary_.begin < 0 ? std::nullopt : std::optional(vocabulary_.begin);
  }
  std::string_view bytes_of(int32_t id) const override { return vocabulary_.pieces[static_cast<size_t>(id)]; }

 private:
  BpeVocabulary vocabulary_;
  MergeTable table_;
};

/// In the format of Hugging Face's tokenizers, so that other programs can open it.
std::string BpeTokenizer::to_json() const {
  using Ordered = nlohmann::ordered_json;
  const auto is_special = [&](int32_t id) {
    return std::any_of(specials().begin(), specials().end(), [id](const Special& s) { return s.id == id; });
  };
  const Ordered byte_level{
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  Ordered merges = Ordered::array();
  std::string object;  // by hand: inserting into an ordered object takes linear time
  for (int32_t id = 0; id < vocab_size(); ++id)
    object +=
        (id ? "," : "") +
        exact_json_text(Ordered(is_special(id) ? std::string(bytes_of(id)) : to_printable(bytes_of(id)))) +
        ":" + std::to_string(id);
  for (const Merge& m : vocabulary_.merges)
    merges.push_back(to_printable(bytes_of(m.pair.left)) + " " + to_printable(bytes_of(m.pair.right)));
  const Ordered file{{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added_tokens(specials())},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", byte_level},
                     {"post_processor", post_processor(*this, begin_token())},
                     {"decoder", byte_level}};
  std::string text = exact_json_text(file);
  text.pop_back();
  return text +
         R"(,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)" +
         R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{)" +
         object + R"(},"merges":)" + exact_json_text(merges) + "}}";
}

/// Builds a vocabulary from printable texts, pairs of them, and special texts.
BpeVocabulary assembled(std::vector<std::string> texts,
                        const std::vector<std::pair<std::string, std::string>>& pairs,
                        std::vector<Special> specials) {
  std::unordered_map<std::string, int32_t> id_of;
  for (size_t id = 0; id < texts.size(); ++id) id_of.emplace(texts[id], static_cast<int32_t>(id));
  const auto id_named = [&](const std::string& text, size_t rank) {
    const auto found = id_of.find(text);
    if (found == id_of.end())
      fail(ErrorCode::input, "merge ", rank, " needs the token ", json_text(json(text)),
           ", which is not in the vocabulary");
    return found->second;
  };
  BpeVocabulary vocabulary;
  for (const auto& [left, right] : pairs) {
    const size_t rank = vocabulary.merges.size();
    vocabulary.merges.push_back(
        {{id_named(left, rank), id_named(right, rank)}, id_named(left + right, rank)});
  }
  std::vector<bool> special(texts.size());
  for (const Special& s : specials) special[static_cast<size_t>(s.id)] = true;
  for (size_t id = 0; id < texts.size(); ++id)
    vocabulary.pieces.push_back(special[id] ? texts[id] : from_printable(texts[id]));
  vocabulary.specials = std::move(specials);
  return vocabulary;
}

/// Refuses settings that would produce other tokens than this implementation.
void require_gpt2_like(const json& file) {
  const auto is_null = [&](const json& where, const char* name) {
    return !where.contains(name) || where[name].is_null();
  };
  const json& model = file.at("model");
  if (model.value("type", "") != "BPE")
    fail(ErrorCode::input, "the model is ", json_text(model.value("type", json())),
         "; only \"BPE\" is supported");
  if (!is_null(file, "normalizer"))
    fail(ErrorCode::input, "the file has a normalizer, which is not supported");
  const json cut = file.value("pre_tokenizer", json());
  if (!cut.is_object() || cut.value("type", "") != "ByteLevel" || !cut.value("use_regex", true) ||
      cut.value("add_prefix_space", true))
    fail(ErrorCode::input, "the pre_tokenizer is ", json_text(cut).substr(0, 200),
         "; only \"ByteLevel\" without add_prefix_space and with GPT-2's pattern is supported");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!is_null(model, affix) && model[affix] != "")
      fail(ErrorCode::input, "the model has a ", affix, ", which is not supported");
}

}  // namespace

std::unique_ptr<Tokenizer> make_bpe(BpeVocabulary vocabulary) {
  return std::make_unique<BpeTokenizer>(std::move(vocabulary));
}

std::unique_ptr<Tokenizer> read_bpe(const json& file) {
  const json& model = file.at("model");
  if (model.value("byte_fallback", false)) return read_sentencepiece(file);
  require_gpt2_like(file);
  const json added = file.value("added_tokens", json::array());
  BpeVocabulary vocabulary =
      assembled(texts_by_id(model.at("vocab"), added), merges_in(model), specials_in(added));
  vocabulary.begin = begin_in(file, vocabulary.pieces.size());
  return make_bpe(std::move(vocabulary));
}

std::unique_ptr<Tokenizer> read_gpt2_vocabulary(const json& vocab, std::string_view merges,
                                                const json& added) {
  std::vector<std::string> texts = texts_by_id(vocab, added);
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!merges.empty()) {
    const size_t line_end = std::min(merges.find('\n'), merges.size());
    std::string_view line = merges.substr(0, line_end);
    merges.remove_prefix(std::min(line_end + 1, merges.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (pairs.empty() && line.starts_with("#version"))) continue;
    pairs.push_back(split_pair(line, pairs.size()));
  }
  std::vector<bool> is_added(texts.size());
  for (const Special& s : specials_in(added)) is_added[static_cast<size_t>(s.id)] = true;
  std::vector<Special> specials;
  for (size_t id = 0; id < texts.size(); ++id)
    if (is_added[id] || (texts[id].starts_with("<|") && texts[id].ends_with("|>")))
      specials.push_back({texts[id], static_cast<int32_t>(id)});
  return make_bpe(assembled(std::move(texts), pairs, std::move(specials)));
}

}  // namespace hewn::tokenizers
