#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

constexpr std::string_view unknown_token = "<|unk|>";
constexpr std::string_view signs = ",.:;?_!\"()'";  // each is a token
constexpr std::string_view after_word =
    ",.:;?!\"()'";  // those that decoding puts directly after the previous token

/// Length in bytes of the white space at `at`; 0 if there is none. The text must be UTF-8.
size_t white_space(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  const CodePoint c = byte < 0x80 ? CodePoint{byte, 1} : decode_utf8(text, at);
  return is_white_space(c.value) ? c.bytes : 0;
}

/// The end of the token that begins at `begin`, which is not white space: Python's
/// re.split(r'([,.:;?_!"()\']|--|\s)', text) yields the same part.
size_t regex_token_end(std::string_view text, size_t begin) {
  const auto is_sign = [&](size_t at) { return signs.find(text[at]) != signs.npos; };
  const auto is_dash = [&](size_t at) { return text.substr(at, 2) == "--"; };
  if (is_dash(begin)) return begin + 2;
  if (is_sign(begin)) return begin + 1;
  size_t end = begin;
  while (end < text.size() && !is_sign(end) && !is_dash(end) && white_space(text, end) == 0)
    end += decode_utf8(text, end).bytes;
  return end;
}

/// Calls `use(token, end)` for every token, in order.
template <class Use>
void split_by_signs(std::string_view text, Use&& use) {
  for (size_t at = 0; at < text.size();) {
    if (const size_t blank = white_space(text, at); blank > 0) {
      at += blank;
      continue;
    }
    const size_t end = regex_token_end(text, at);
    use(text.substr(at, end - at), end);
    at = end;
  }
}

bool is_one_token(std::string_view text) {
  return valid_utf8_prefix(text) == text.size() && white_space(text, 0) == 0 &&
         regex_token_end(text, 0) == text.size();
}

class RegexTokenizer final : public Tokenizer {
 public:
  /// The last two pieces are <|endoftext|> and <|unk|>.
  explicit RegexTokenizer(std::vector<std::string> vocab) : vocab_(std::move(vocab)) {
    const size_t n = vocab_.size();
    if (n < 2 || vocab_[n - 2] != end_of_text || vocab_[n - 1] != unknown_token)
      fail(ErrorCode::input, "the vocabulary does not end with ", end_of_text, " and ", unknown_token);
    specials_ = {{std::string(end_of_text), static_cast<int32_t>(n - 2)}};
    for (size_t id = 0; id < n; ++id) {
      const std::string& piece = vocab_[id];
      if (!is_one_token(piece))
        fail(ErrorCode::input, "the vocabulary contains ", json_text(nlohmann::json(piece)),
             ", which is more than one token");
      const bool joined = piece.size() == 1 && after_word.find(piece[0]) != after_word.npos;
      shown_.push_back((joined ? "" : " ") + piece);
      if (id < n - 2) id_of_.emplace(piece, static_cast<int32_t>(id));
    }
  }

  std::string_view kind() const override { return "regex"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocab_.size()); }
  std::span<const Special> specials() const override { return specials_; }
  Parts parts() const override { return Parts::words; }
  std::string to_json() const override { return write_json(kind(), vocab_); }

  std::string decode(std::span<const int32_t> ids) const override {
    std::string text = decode_more(ids);
    if (text.starts_with(' ')) text.erase(0, 1);
    return text;
  }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    require_utf8(text, "the text");
    std::vector<int32_t> ids;
    split_by_signs(text, [&](std::string_view token, size_t end) {
      const auto found = id_of_.find(token);
      ids.push_back(found == id_of_.end() ? vocab_size() - 1 : found->second);
      if (ends != nullptr) ends->push_back(end);
    });
    if (ends != nullptr && !ends->empty()) ends->back() = text.size();  // white space at the end
    return ids;
  }
  std::string_view bytes_of(int32_t id) const override { return shown_[static_cast<size_t>(id)]; }

 private:
  std::vector<std::string> vocab_;
  std::vector<std::string> shown_;  // with the space before it
  std::vector<Special> specials_;
  std::unordered_map<std::string_view, int32_t> id_of_;  // views into vocab_, without its last two
};

}  // namespace

std::unique_ptr<Tokenizer> train_regex(Texts texts, const TokenizerOptions& options) {
  PieceCounts counts;
  require_text(texts);
  for (std::string_view text : texts)
    split_by_signs(text, [&](std::string_view token, size_t) { ++counts[token]; });
  counts.erase(end_of_text);
  counts.erase(unknown_token);
  std::vector<std::string> vocab = most_frequent(counts, options, 2);
  std::sort(vocab.begin(), vocab.end());
  vocab.emplace_back(end_of_text);
  vocab.emplace_back(unknown_token);
  return std::make_unique<RegexTokenizer>(std::move(vocab));
}

std::unique_ptr<Tokenizer> read_regex(const nlohmann::json& file) {
  return std::make_unique<RegexTokenizer>(read_vocab(file));
}

}  // namespace hewn::tokenizers
