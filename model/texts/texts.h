#pragma once
// How the texts that a model was trained on begin and end. A `TextForm` accompanies the tokenizer: it is
// created when data or a model is opened, stored in the run as texts.json, and used wherever a model reads
// text. No other code calls `Tokenizer::encode`.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"

namespace hewn {

/// In the run's directory, next to tokenizer.json.
inline constexpr const char* text_form_file = "texts.json";

/// How texts begin and end: facts of data, tokenizer and model files.
struct TextForm {
  std::optional<int32_t> begin = {};  ///< the token before every text
  std::vector<int32_t> ends = {};     ///< each of these tokens ends a text
  /// Whether the model was trained on windows of one document each: `begin`, the document, and `begin` as its end.
  bool own_windows = false;

  bool operator==(const TextForm&) const = default;
};

/// The form implied by the tokenizer: the token before every text, if it has one; texts end at <|endoftext|>,
/// </s> and similar special tokens, and at the token that begins the next text.
TextForm form_of(const Tokenizer& tokenizer);
/// The form of documents in separate windows, each ended by `separator`.
TextForm form_of_documents(const Tokenizer& tokenizer, int32_t separator);
/// The form of texts in one stream of tokens, in which the special token `end` stands between documents.
TextForm form_of_stream(const Tokenizer& tokenizer, int32_t end);
/// The form that a model of form `base` has learned from data of form `data`.
TextForm learned_form(const TextForm& base, const TextForm& data);
/// The form of the rows that a model of form `base` is fine-tuned on: they begin like its texts, but do not
/// end at document separators.
TextForm form_of_rows(TextForm base);

/// The same form with additional end tokens; the first of them becomes the usual end.
TextForm with_ends(TextForm form, std::vector<int32_t> ends);

/// The special tokens in texts.
struct SpecialsFound {
  std::optional<int32_t> end = {};  ///< one that ends a text, so that it divides documents
  std::string note = {};  ///< a note to the user on the special tokens found and how they are read
};
/// Searches texts for special tokens, unless they are read as text. Also notes <|endoftext|> where the tokenizer has no
/// such token.
SpecialsFound find_specials(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                            Specials specials);

/// The ends of texts for files of other programs. Omits the begin token, which always ends a text, unless it
/// is the only end.
std::vector<int32_t> ends_to_write(const TextForm& form);
/// Whether the form has more than a begin and ends, so that these files cannot express it.
bool says_more(const TextForm& form);

/// A form as the JSON of texts.json (docs/formats.md), and the inverse. Throws ErrorCode::input for malformed
/// JSON and for ids outside [0, vocab_size).
std::string to_json(const TextForm& form);
TextForm text_form_from_json(std::string_view json, int32_t vocab_size);

/// Encodes texts for a model, with the begin and end tokens of its form. The tokenizer must outlive it.
/// Functions that encode throw ErrorCode::input for text that the tokenizer cannot express.
class TextEncoder {
 public:
  /// Without a form, uses the one implied by the tokenizer.
  explicit TextEncoder(const Tokenizer& tokenizer, const std::optional<TextForm>& form = {})
      : tokenizer_(&tokenizer), form_(form ? *form : form_of(tokenizer)) {}

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const TextForm& form() const { return form_; }
  const std::optional<int32_t>& begin() const { return form_.begin; }
  const std::vector<int32_t>& ends() const { return form_.ends; }

  /// The prompt for a text that the model writes from its beginning: the begin token, else a newline, else
  /// token 0.
  std::vector<int32_t> opening() const;
  /// The begin token and a text; the token is not added if the text begins with it.
  std::vector<int32_t> text(std::string_view text, Specials specials = Specials::as_text) const;
  /// The same for a prompt, which may contain special tokens. Never empty: an empty text gives `opening`.
  std::vector<int32_t> prompt(std::string_view text) const;
  /// The beginning of a text without the begin token, for texts assembled from parts.
  std::vector<int32_t> bare(std::string_view text) const { return tokenizer_->encode(text); }
  /// Text that continues another one.
  std::vector<int32_t> more(std::string_view text) const { return tokenizer_->encode_more(text); }
  /// Encodes data of any size, without begin and end tokens, in pieces of about 1 MiB, and passes the ids of
  /// each piece to `take`. Splits only between two of the tokenizer's `parts`.
  void each_piece(std::string_view data, Specials specials,
                  const std::function<void(const std::vector<int32_t>&)>& take) const;

 private:
  const Tokenizer* tokenizer_;
  TextForm form_;
};

}  // namespace hewn
