#include "model/tokenizer/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/remembered.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

constexpr size_t longest_piece = 256;  // in bytes, of a piece with blanks; every split of a piece is tried

std::string with_replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (true) {
    const size_t at = std::min(text.find(from), text.size());
    out += text.substr(0, at);
    if (at == text.size()) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

/// Merges ordered by score, highest first; equal scores have equal ranks.
struct RankedMerges {
  std::vector<Merge> merges;
  std::vector<int32_t> ranks;
};

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(SentencePieces given) : given_(std::move(given)) {
    find_pieces();
    RankedMerges found = given_.scores.empty() ? listed_merges() : scored_merges();
    cuts_ = std::none_of(found.merges.begin(), found.merges.end(), [&](const Merge& m) {
      const std::string& text = bytes_[static_cast<size_t>(m.into)];
      const size_t first = text.find_first_not_of(' ');
      return first != text.npos && text.find(' ', first) != text.npos;
    });
    table_ = std::make_unique<MergeTable>(byte_ids_, found.merges, found.ranks);
    merges_ = std::move(found.merges);
  }

  std::string_view kind() const override { return "sentencepiece"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(bytes_.size()); }
  std::span<const Special> specials() const override { return given_.specials; }
  std::vector<int32_t> encode_more(std::string_view text) const override {
    return encode_as(text, false, nullptr);
  }
  std::string decode(std::span<const int32_t> ids) const override;
  std::string to_json() const override;
  const SentencePieces& made_of() const { return given_; }

 protected:
  std::optional<int32_t> begin_token() const override {
    return given_.begin < 0 ? std::nullopt : std::optional(given_.begin);
  }
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    return encode_as(text, given_.blank != Blank::never, ends);
  }
  std::vector<int32_t> encode_after_special(std::string_view text) const override {
    return encode_as(text, given_.blank == Blank::each_part, nullptr);
  }
  std::string_view bytes_of(int32_t id) const override { return bytes_[static_cast<size_t>(id)]; }

 private:
  void find_pieces();
  RankedMerges listed_merges() const;
  RankedMerges scored_merges() const;
  size_t word_end(std::string_view text, size_t begin) const;
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const;
  std::vector<int32_t> encode_as(std::string_view text, bool prefix, std::vector<size_t>* ends) const;

  SentencePieces given_;
  std::vector<std::string> bytes_;  // by id; for special tokens, their text
  std::vector<bool> is_special_;
  std::array<int32_t, 256> byte_ids_;
  std::unordered_map<std::string_view, int32_t> id_of_;  // pieces that are neither bytes nor special
  std::array<int32_t, 128> ascii_;                       // id_of_ for ASCII characters; -1: none
  bool cuts_ = false;                                    // no merge joins a blank to the text before it
  std::vector<Merge> merges_;
  std::unique_ptr<MergeTable> table_;
};

void SentencePieceTokenizer::find_pieces() {
  is_special_.resize(given_.texts.size());
  for (const Special& s : given_.specials) is_special_.at(static_cast<size_t>(s.id)) = true;
  byte_ids_.fill(-1);
  ascii_.fill(-1);
  std::unordered_set<std::string_view> seen;
  bytes_.reserve(given_.texts.size());  // id_of_ points into it
  for (size_t i = 0; i < given_.texts.size(); ++i) {
    const std::string& text = given_.texts[i];
    const auto id = static_cast<int32_t>(i);
    const Doing context("reading token ", i);
    require_utf8(text, "it");
    if (!seen.insert(text).second) fail(ErrorCode::input, json_text(nlohmann::json(text)), " appears twice");
    std::string bytes = with_replaced(text, blank_sign, " ");
    if (bytes.empty() || bytes.size() > longest_piece)
      fail(ErrorCode::input, "the token has ", bytes.size(), " bytes; expected 1 to ", longest_piece);
    const int byte = is_special_[i] ? -1 : byte_named(text);
    if (is_special_[i]) {
      bytes_.push_back(text);
    } else if (byte >= 0) {
      bytes_.emplace_back(1, static_cast<char>(static_cast<unsigned char>(byte)));
      byte_ids_[static_cast<size_t>(byte)] = id;
    } else {
      bytes_.push_back(std::move(bytes));
      if (!id_of_.emplace(bytes_.back(), id).second)
        fail(ErrorCode::input, json_text(nlohmann::json(text)),
             " appears twice, once with a space and once with U+2581, which stands for a space");
      const auto first = static_cast<unsigned char>(bytes_.back()[0]);
      if (bytes_.back().size() == 1) ascii_[first] = id;
    }
  }
  for (size_t byte = 0; byte < 256; ++byte)
    if (byte_ids_[byte] < 0)
      fail(ErrorCode::input, "the vocabulary has no token for byte ", byte,
           "; expected one for each of the 256 byte values, from <0x00> to <0xFF>");
}

RankedMerges SentencePieceTokenizer::listed_merges() const {
  RankedMerges found;
  for (const auto& [left, right] : given_.merges) {
    const auto rank = static_cast<int32_t>(found.ranks.size());
    const auto id_named = [&](const std::string& text) {
      const auto at = id_of_.find(with_replaced(text, blank_sign, " "));
      if (at == id_of_.end())
        fail(ErrorCode::input, "merge ", rank, " needs the token ", json_text(nlohmann::json(text)),
             ", which is not in the vocabulary");
      return at->second;
    };
    found.merges.push_back({{id_named(left), id_named(right)}, id_named(left + right)});
    found.ranks.push_back(rank);
  }
  return found;
}

RankedMerges SentencePieceTokenizer::scored_merges() const {
  std::vector<float> levels;
  for (const auto& [text, id] : id_of_) {
    const float score = given_.scores.at(static_cast<size_t>(id));
    if (!std::isfinite(score)) fail(ErrorCode::input, "the score of token ", id, " is not a number");
    levels.push_back(score);
  }
  std::sort(levels.begin(), levels.end(), std::greater<>());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  struct Found {
    Merge merge;
    int32_t rank;
  };
  std::vector<Found> all;
  for (const auto& [text, id] : id_of_) {
    const float score = given_.scores[static_cast<size_t>(id)];
    const auto rank = static_cast<int32_t>(
        std::lower_bound(levels.begin(), levels.end(), score, std::greater<>()) - levels.begin());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const auto left = id_of_.find(text.substr(0, cut)), right = id_of_.find(text.substr(cut));
      if (left != id_of_.end() && right != id_of_.end())
        all.push_back({{{left->second, right->second}, id}, rank});
    }
  }
  std::sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    const auto key = [](const Found& f) {
      return std::tuple(f.rank, f.merge.into, f.merge.pair.left, f.merge.pair.right);
    };
    return key(a) < key(b);
  });
  RankedMerges found;
  found.merges.reserve(all.size());
  found.ranks.reserve(all.size());
  for (const Found& f : all) {
    found.merges.push_back(f.merge);
    found.ranks.push_back(f.rank);
  }
  return found;
}

/// The end of the part that begins at `begin`. No merge crosses it: it is before the blanks of the next word
/// if no merge joins those to the text before, else the end of the text.
size_t SentencePieceTokenizer::word_end(std::string_view text, size_t begin) const {
  if (!cuts_) return text.size();
  const size_t word = std::min(text.find_first_not_of(' ', begin), text.size());
  return std::min(text.find(' ', word), text.size());
}

void SentencePieceTokenizer::encode_word(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t first = ids.size();
  for (size_t at = 0; at < word.size();) {
    const auto byte = static_cast<unsigned char>(word[at]);
    size_t n = 1;
    int32_t id = -1;
    if (byte < 0x80) {
      id = ascii_[byte];
    } else if (const CodePoint c = decode_utf8(word, at); c.bytes > 0) {
      n = c.bytes;
      if (const auto found = id_of_.find(word.substr(at, n)); found != id_of_.end()) id = found->second;
    }
    if (id >= 0) ids.push_back(id);
    for (size_t i = 0; id < 0 && i < n; ++i)
      ids.push_back(byte_ids_[static_cast<unsigned char>(word[at + i])]);
    at += n;
  }
  table_->merge_from(first, ids);
}

std::vector<int32_t> SentencePieceTokenizer::encode_as(std::string_view text, bool prefix,
                                                       std::vector<size_t>* ends) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3);
  Remembered<11> remembered(text.size());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = word_end(text, begin);
    const std::string_view word = text.substr(begin, end - begin);
    if (begin == 0 && prefix)
      encode_word(" " + std::string(word), ids);
    else
      remembered.append(word, ids, [&] { encode_word(word, ids); });
    begin = end;
  }
  if (ends == nullptr) return ids;
  size_t end = 0;
  const size_t added = prefix ? 1 : 0;  // the first token's blank is not in the text
  for (const int32_t id : ids) ends->push_back((end += bytes_of(id).size()) - added);
  return ids;
}

std::string SentencePieceTokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  bool begins = given_.blank != Blank::never;  // the next token may begin with an inserted blank
  for (const int32_t id : ids) {
    std::string_view part = piece(id);
    if (is_special_[static_cast<size_t>(id)]) {
      begins = begins || given_.blank == Blank::each_part;
    } else {
      if (begins && part.starts_with(' ')) part.remove_prefix(1);
      begins = false;
    }
    text += part;
  }
  return text;
}

/// In the format of Hugging Face's tokenizers, which read it without the scores: the format has no place for
/// them, so they are in a separate key.
std::string SentencePieceTokenizer::to_json() const {
  const auto written = [&](int32_t id) {
    return exact_json_text(Json(given_.texts[static_cast<size_t>(id)]));
  };
  const auto replacing = [](std::string_view from, std::string_view to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  Json normalizers = Json::array(),
       decoders =
           Json::array({replacing(blank_sign, " "), Json{{"type", "ByteFallback"}}, Json{{"type", "Fuse"}}});
  if (given_.blank == Blank::each_part) normalizers.push_back({{"type", "Prepend"}, {"prepend", blank_sign}});
  if (given_.blank != Blank::never)
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  normalizers.push_back(replacing(" ", blank_sign));
  Json normalizer{{"type", "Sequence"}, {"normalizers", normalizers}}, cut = nullptr;
  if (given_.blank == Blank::first) {
    normalizer = nullptr;
    cut = {{"type", "Metaspace"}, {"replacement", blank_sign}, {"prepend_scheme", "first"}, {"split", false}};
  }
  Json file{{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added_tokens(specials())},
            {"normalizer", normalizer},
            {"pre_tokenizer", cut},
            {"post_processor", post_processor(*this, begin_token())},
            {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}}};
  if (!given_.scores.empty()) file["hewn"] = {{"scores", given_.scores}};
  std::string object, list;  // by hand: inserting into an ordered object takes linear time
  for (int32_t id = 0; id < vocab_size(); ++id)
    object += (id ? "," : "") + written(id) + ":" + std::to_string(id);
  for (const Merge& m : merges_)
    list +=
        std::string(list.empty() ? "" : ",") + "[" + written(m.pair.left) + "," + written(m.pair.right) + "]";
  std::string text = exact_json_text(file);
  text.pop_back();
  return text +
         R"(,"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)" +
         R"("end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,"ignore_merges":false,"vocab":{)" +
         object + R"(},"merges":[)" + list + "]}}";
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece(SentencePieces pieces) {
  return std::make_unique<SentencePieceTokenizer>(std::move(pieces));
}

const SentencePieces* sentence_pieces(const Tokenizer& tokenizer) {
  const auto* own = dynamic_cast<const SentencePieceTokenizer*>(&tokenizer);
  return own ? &own->made_of() : nullptr;
}

int byte_named(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const size_t high = digits.find(text[3]), low = digits.find(text[4]);
  return high == digits.npos || low == digits.npos ? -1 : static_cast<int>(16 * high + low);
}

}  // namespace hewn::tokenizers
