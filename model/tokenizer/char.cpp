#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/utf8.h"

namespace hewn::tokenizers {
namespace {

/// The first characters of a list, in quotes.
std::string sample_of(const std::vector<std::string>& list) {
  constexpr size_t shown = 100;
  std::string characters;
  for (size_t i = 0; i < std::min(list.size(), shown); ++i) characters += list[i];
  return json_text(nlohmann::json(characters)) + (list.size() > shown ? " and more" : "");
}

class CharTokenizer final : public Tokenizer {
 public:
  /// Every piece is one code point. `unknown` replaces characters that are none of them: a piece, "" or nothing, so that
  /// they are an error.
  explicit CharTokenizer(std::vector<std::string> vocab, std::optional<std::string> unknown = {})
      : vocab_(std::move(vocab)), unknown_(std::move(unknown)) {
    for (const std::string& piece : vocab_) {
      const CodePoint c = decode_utf8(piece, 0);
      if (c.bytes != piece.size()) {
        fail(ErrorCode::input, "the vocabulary contains \"", piece, "\"; expected single characters");
      }
      if (id_of_.size() <= c.value) id_of_.resize(c.value + 1, absent);
      id_of_[c.value] = static_cast<int32_t>(&piece - vocab_.data());
    }
    id_of_.resize(std::max(id_of_.size(), size_t{128}), absent);
    if (!unknown_ || unknown_->empty()) return;
    const auto piece = std::find(vocab_.begin(), vocab_.end(), *unknown_);
    if (piece == vocab_.end())
      fail(ErrorCode::input, "the replacement for unknown characters is \"", *unknown_,
           "\", which is not in the vocabulary");
    replacement_ = static_cast<int32_t>(piece - vocab_.begin());
  }

  std::string_view kind() const override { return "char"; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocab_.size()); }
  Parts parts() const override { return Parts::characters; }
  std::string to_json() const override { return write_json(kind(), vocab_, unknown_); }

  const std::vector<std::string>& vocab() const { return vocab_; }
  bool has(char32_t c) const { return c < id_of_.size() && id_of_[c] != absent; }

 protected:
  std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const override {
    std::vector<int32_t> ids(text.size());
    size_t n = 0;
    for (size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      const CodePoint c = byte < 0x80 ? CodePoint{byte, 1} : decode_utf8(text, at);
      const int32_t known = c.value < id_of_.size() ? id_of_[c.value] : absent;
      if (c.bytes == 0 || (known == absent && !unknown_)) refuse(text, at);
      at += c.bytes;
      const int32_t id = known == absent ? replacement_ : known;
      if (id == absent) continue;
      ids[n++] = id;
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
         ": the vocabulary has ", vocab_.size(), " characters, ", sample_of(vocab_),
         "; remove it from the text, or train with the byte tokenizer, which accepts any text");
  }

  std::vector<std::string> vocab_;
  std::optional<std::string> unknown_;
  int32_t replacement_ = absent;  // of unknown characters that are not dropped
  std::vector<int32_t> id_of_;    // by code point
};

/// The different characters of some texts, in order; bytes that are not UTF-8 are none.
std::vector<char32_t> characters_of(Texts texts) {
  std::vector<bool> seen(0x110000);
  for (std::string_view text : texts) {
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      if (c.bytes > 0) seen[c.value] = true;
      at += std::max<size_t>(c.bytes, 1);
    }
  }
  std::vector<char32_t> all;
  for (char32_t c = 0; c < seen.size(); ++c)
    if (seen[c]) all.push_back(c);
  return all;
}

}  // namespace

std::unique_ptr<Tokenizer> train_char(Texts texts, const TokenizerOptions& options) {
  require_no_options("char", options);
  require_text(texts);
  std::vector<std::string> vocab;
  for (const char32_t c : characters_of(texts)) append_utf8(vocab.emplace_back(), c);
  return std::make_unique<CharTokenizer>(std::move(vocab));
}

std::unique_ptr<Tokenizer> read_char(const nlohmann::json& file) {
  const bool replaces = file.contains("unknown");
  return std::make_unique<CharTokenizer>(
      read_vocab(file), replaces ? std::optional(file["unknown"].get<std::string>()) : std::nullopt);
}

}  // namespace hewn::tokenizers

namespace hewn {

using tokenizers::CharTokenizer;

std::shared_ptr<const Tokenizer> meet_texts(std::shared_ptr<const Tokenizer> given,
                                            std::span<const std::string_view> texts, std::string_view rule,
                                            std::string& note) {
  const auto* const own = dynamic_cast<const CharTokenizer*>(given.get());
  if (!own) return given;
  std::vector<std::string> vocab = own->vocab();
  std::vector<std::string> lacking;
  for (const char32_t c : tokenizers::characters_of(texts))
    if (!own->has(c)) append_utf8(lacking.emplace_back(), c);
  if (rule == "add") vocab.insert(vocab.end(), lacking.begin(), lacking.end());
  std::optional<std::string> unknown;
  if (rule == "drop") unknown = "";
  if (rule == "replace") {
    unknown = own->has(0xfffd) ? "\ufffd" : "?";
    require(own->has(0xfffd) || own->has('?'),
            "unknown = replace, but the vocabulary has neither U+FFFD nor '?', which would replace unknown "
            "characters; give drop or add");
  }
  const std::string fate = !unknown           ? "added to its vocabulary"
                           : unknown->empty() ? "left out"
                                              : "replaced by " + *unknown;
  if (!lacking.empty() && rule != "error")
    note = join(lacking.size(), lacking.size() == 1 ? " character is" : " characters are",
                " new to the model and ", fate, ": ", tokenizers::sample_of(lacking));
  if (vocab.size() == own->vocab().size() && rule == "add") return given;
  return std::make_shared<const CharTokenizer>(std::move(vocab), std::move(unknown));
}

bool extends(const Tokenizer& tokenizer, int64_t tokens, const std::string& hash) {
  const auto* const own = dynamic_cast<const CharTokenizer*>(&tokenizer);
  return own && tokens > 0 && tokens <= own->vocab_size() &&
         to_hex(checksum(tokenizers::write_json(
             own->kind(), std::span(own->vocab()).first(static_cast<size_t>(tokens))))) == hash;
}

}  // namespace hewn
