#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

class CharTokenizer final : public Tokenizer {
 public:
  /// Every piece is one code point.
  explicit CharTokenizer(std::vector<std::string> vocab) : vocab_(std::move(vocab)) {
    for (const std::string& piece : vocab_) {
      const CodePoint c = decode_utf8(piece, 0);
      if (c.bytes != piece.size()) {
        fail(ErrorCode::input, "the vocabulary contains \"", piece, "\"; expected single characters");
      }
      if (id_of_.size() <= c.value) id_of_.resize(c.value + 1, absent);
      id_of_[c.value] = static_cast<int32_t>(&piece - vocab_.data());
    }
    id_of_.resize(std::max(id_of_.size(), size_t{128}), absent);
  }

  std::string_view kind() const override { return "char"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocab_.size()); }
  std::string to_json() const override { return write_json(kind(), vocab_); }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    std::vector<int32_t> ids(text.size());
    size_t n = 0;
    for (size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      const CodePoint c = byte < 0x80 ? CodePoint{byte, 1} : decode_utf8(text, at);
      const int32_t id = c.value < id_of_.size() ? id_of_[c.value] : absent;
      if (c.bytes == 0 || id == absent) refuse(text, at);
      ids[n++] = id;
      at += c.bytes;
      if (ends != nullptr) ends->push_back(at);
    }
    ids.resize(n);
    return ids;
  }
  std::string_view bytes_of(int32_t id) const override { return vocab_[static_cast<size_t>(id)]; }

 private:
  static constexpr int32_t absent = -1;

  [[noreturn]] void refuse(std::string_view text, size_t at) const {
    require_utf8(text, "the text");
    fail(ErrorCode::input, "unknown character ", describe(decode_utf8(text, at).value), " at byte ", at,
         ": the vocabulary has ", vocab_.size(), " characters, ", sample(),
         "; remove it from the text, or train with the byte tokenizer, which accepts any text");
  }

  /// The first characters of the vocabulary, in quotes.
  std::string sample() const {
    constexpr size_t shown = 100;
    std::string characters;
    for (size_t i = 0; i < std::min(vocab_.size(), shown); ++i) characters += vocab_[i];
    return json_text(nlohmann::json(characters)) + (vocab_.size() > shown ? " and more" : "");
  }

  std::vector<std::string> vocab_;
  std::vector<int32_t> id_of_;  // by code point
};

}  // namespace

std::unique_ptr<Tokenizer> train_char(Texts texts, const TokenizerOptions& options) {
  require_no_options("char", options);
  require_text(texts);
  std::vector<bool> seen(0x110000);
  for (std::string_view text : texts) {
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      seen[c.value] = true;
      at += c.bytes;
    }
  }
  std::vector<std::string> vocab;
  for (char32_t c = 0; c < seen.size(); ++c) {
    if (seen[c]) append_utf8(vocab.emplace_back(), c);
  }
  return std::make_unique<CharTokenizer>(std::move(vocab));
}

std::unique_ptr<Tokenizer> read_char(const nlohmann::json& file) {
  return std::make_unique<CharTokenizer>(read_vocab(file));
}

}  // namespace hewn::tokenizers
