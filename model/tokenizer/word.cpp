#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

constexpr std::string_view unknown = "<|unk|>";

/// The code point at some place: whether it continues a word, and its length in bytes. The text must be UTF-8.
struct Step {
  bool word = false;
  size_t bytes = 0;
};

Step step(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) {
    const auto lower = static_cast<unsigned char>(byte | 0x20);
    return {(lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9'), 1};
  }
  const CodePoint c = decode_utf8(text, at);
  return {is_word_character(c.value), c.bytes};
}

/// Calls `use(piece, end)` for every word and every other code point, in order; `end` is the offset after it.
template <class Use>
void split(std::string_view text, Use&& use) {
  for (size_t begin = 0; begin < text.size();) {
    Step next = step(text, begin);
    size_t end = begin + next.bytes;
    while (next.word && end < text.size()) {
      next = step(text, end);
      if (next.word) end += next.bytes;
    }
    use(text.substr(begin, end - begin), end);
    begin = end;
  }
}

class WordTokenizer final : public Tokenizer {
 public:
  /// The first piece is <|unk|>.
  explicit WordTokenizer(std::vector<std::string> vocab) : vocab_(std::move(vocab)) {
    if (vocab_.front() != unknown) fail(ErrorCode::input, "the vocabulary does not begin with ", unknown);
    for (size_t id = 1; id < vocab_.size(); ++id) id_of_.emplace(vocab_[id], static_cast<int32_t>(id));
  }

  std::string_view kind() const override { return "word"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocab_.size()); }
  Parts parts() const override { return Parts::words; }
  std::string to_json() const override { return write_json(kind(), vocab_); }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    require_utf8(text, "the text");
    std::vector<int32_t> ids;
    ids.reserve(text.size() / 3);
    split(text, [&](std::string_view piece, size_t end) {
      const auto found = id_of_.find(piece);
      ids.push_back(found == id_of_.end() ? 0 : found->second);
      if (ends != nullptr) ends->push_back(end);
    });
    return ids;
  }
  std::string_view bytes_of(int32_t id) const override { return vocab_[static_cast<size_t>(id)]; }

 private:
  std::vector<std::string> vocab_;
  std::unordered_map<std::string_view, int32_t> id_of_;  // views into vocab_, without <|unk|>
};

}  // namespace

std::unique_ptr<Tokenizer> train_word(Texts texts, const TokenizerOptions& options) {
  require_text(texts);
  PieceCounts counts;
  for (std::string_view text : texts) split(text, [&](std::string_view piece, size_t) { ++counts[piece]; });
  std::vector<std::string> vocab = most_frequent(counts, options, 1);
  vocab.emplace(vocab.begin(), unknown);
  return std::make_unique<WordTokenizer>(std::move(vocab));
}

std::unique_ptr<Tokenizer> read_word(const nlohmann::json& file) {
  return std::make_unique<WordTokenizer>(read_vocab(file));
}

}  // namespace hewn::tokenizers
