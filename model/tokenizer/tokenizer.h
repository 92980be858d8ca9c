#pragma once
// Text to token ids and back. A tokenizer is immutable, so several threads can share one.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"

namespace hewn {

struct TextForm;

/// A token and the part of the text that it represents.
struct Piece {
  int32_t id = 0;
  std::string_view source;  ///< points into the text that was encoded
};

/// A token without bytes in a text, such as the end of a document; `text` is its written form.
struct Special {
  std::string text;
  int32_t id = 0;
};

/// The special token between documents in data for GPT-2.
inline constexpr std::string_view end_of_text = "<|endoftext|>";

/// How to treat the text of a special token inside a text to encode.
enum class Specials {
  as_text,  ///< ordinary text
  allowed,  ///< the special token
  refused   ///< an error: throws ErrorCode::input
};

enum class Parts : uint8_t { lines, words, characters };

/// The kinds of tokenizers, and what `decode(encode(text))` preserves:
///   byte   the 256 bytes. Accepts any text, lossless.
///   char   the code points of the training text, in order. Others are an error, or handled by `meet_texts`. Lossless.
///   word   words (letters, marks and numbers of any script), and every other code point by itself, spaces and
///          newlines included; the most frequent first. Anything outside the vocabulary becomes <|unk|> (id 0),
///          the only loss.
///   regex  words and punctuation, split as in courses that write a GPT from scratch: at white space, which is
///          lost, and around , . : ; ? _ ! " ( ) ' and --; sorted, then <|endoftext|> and <|unk|>, which replaces
///          anything outside the vocabulary. Decoding puts a space before every token except , . : ; ? ! " ( ) '.
///   bpe    byte pairs, merged as in GPT-2. Accepts any text, lossless.
///   sentencepiece
///          characters, merged as in Llama, with bytes as a fallback. Accepts any text, lossless. Can be read
///          from files, but not learned here.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string_view kind() const = 0;
  virtual int32_t vocab_size() const = 0;

  /// Token ids of a text. Throws ErrorCode::input, naming the character and its byte offset, for text that
  /// this vocabulary cannot express.
  std::vector<int32_t> encode(std::string_view text, Specials specials = Specials::as_text) const;

  /// Divides a text at its special tokens: calls `use` with each ordinary part and null, and with the text of each
  /// special token and the token. The longest of several at one position wins.
  void divide(std::string_view text, Specials specials,
              const std::function<void(std::string_view part, const Special*)>& use) const;

  /// Token ids of the ordinary text after a special token.
  virtual std::vector<int32_t> encode_after_special(std::string_view text) const {
    return encode_with(text, nullptr);
  }

  /// Token ids of a text that continues another one: without the space that `sentencepiece` inserts.
  virtual std::vector<int32_t> encode_more(std::string_view text) const { return encode_with(text, nullptr); }

  /// The units that can be encoded separately with the same result: lines, words with the preceding blank, or
  /// characters.
  virtual Parts parts() const { return Parts::lines; }

  /// The special tokens; most kinds have none.
  virtual std::span<const Special> specials() const { return {}; }

  /// Token ids together with the part of the text that each token stands for. The parts concatenate to the
  /// text, except that `regex` yields no tokens for text that is all white space, and `char` none for characters at
  /// the end that it drops.
  std::vector<Piece> pieces(std::string_view text) const;

  /// The bytes of one token. Throws ErrorCode::input for an id outside [0, vocab_size).
  std::string_view piece(int32_t id) const;

  /// The bytes of several tokens; `sentencepiece` and `regex` drop the initial space that they inserted. With
  /// `byte` the result may end within a character: print it through `Utf8Stream`.
  virtual std::string decode(std::span<const int32_t> ids) const { return decode_more(ids); }
  /// The bytes of tokens that continue others: the bytes of all of them, concatenated.
  std::string decode_more(std::span<const int32_t> ids) const;

  /// The whole tokenizer as JSON, the same bytes for the same tokenizer (docs/formats.md).
  virtual std::string to_json() const = 0;

  /// 16 hexadecimal digits that identify this tokenizer: the checksum of `to_json`.
  std::string hash() const { return to_hex(checksum(to_json())); }

  /// Writes `to_json` and a newline atomically. Throws ErrorCode::failed.
  FileSum save(const std::string& path) const;

 protected:
  friend TextForm form_of(const Tokenizer& tokenizer);
  /// The special token that precedes every text, if the tokenizer's file names one. `encode` does not add it; how texts
  /// begin and end is for model/texts/texts.h to say.
  virtual std::optional<int32_t> begin_token() const { return std::nullopt; }
  /// Encodes; if `ends` is given, it receives the offset after each token.
  virtual std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const = 0;
  /// The bytes of an id that is known to be in range.
  virtual std::string_view bytes_of(int32_t id) const = 0;
};

/// How to learn a vocabulary. A kind rejects options that it does not use.
struct TokenizerOptions {
  int64_t vocab_size = 0;  ///< word, regex: at most this many tokens, special ones included; 0 = no limit.
                           ///< bpe: this many unless the text has too few pairs, <|endoftext|> last; 0 = 4096
  int64_t min_count = 1;   ///< word, regex: rarer ones become <|unk|>; bpe: rarer pairs are not merged
  Specials specials =
      Specials::as_text;  ///< how regex and bpe read <|endoftext|>, which is their special token
};

/// All kinds, for help texts.
std::vector<std::string_view> tokenizer_kinds();

/// Learns a vocabulary from one or more texts. Throws ErrorCode::usage for an unknown kind or an unused
/// option, ErrorCode::input for empty text or, except for `byte`, text that is not UTF-8.
std::unique_ptr<Tokenizer> train_tokenizer(std::string_view kind, std::span<const std::string_view> texts,
                                           const TokenizerOptions& options = {});
inline std::unique_ptr<Tokenizer> train_tokenizer(std::string_view kind, std::string_view text,
                                                  const TokenizerOptions& options = {}) {
  return train_tokenizer(kind, std::span<const std::string_view>(&text, 1), options);
}

/// Extends a tokenizer to more texts. For the kind `char`, `unknown` decides the treatment of unknown
/// characters, in these texts and later ones: `add` gives those of these texts new ids after the existing
/// ones; `drop` omits them; `replace` maps them to U+FFFD, else '?', and throws usage if the tokenizer lacks
/// both; `error` rejects them. `note` lists the affected characters of these texts. Existing ids and other
/// kinds of tokenizers do not change.
std::shared_ptr<const Tokenizer> meet_texts(std::shared_ptr<const Tokenizer> tokenizer,
                                            std::span<const std::string_view> texts, std::string_view unknown,
                                            std::string& note);

/// Whether the tokenizer of kind `char` with this hash and number of tokens was extended to this one.
bool extends(const Tokenizer& tokenizer, int64_t tokens, const std::string& hash);

/// The inverse of `to_json`. Throws ErrorCode::input, naming the mistake, for anything else.
std::unique_ptr<Tokenizer> tokenizer_from_json(std::string_view json);

/// The unparsed content of a tokenizer's file, and of GPT-2's second file.
struct TokenizerFiles {
  std::string path, content;
  std::optional<std::string> merges;
};

/// Reads the files of `load_tokenizer`. Throws ErrorCode::input if they cannot be read.
TokenizerFiles read_tokenizer_files(const std::string& path);
/// Parses the tokenizer. Throws ErrorCode::input if the files contain none, or one of an unsupported kind.
std::unique_ptr<Tokenizer> tokenizer_from_files(const TokenizerFiles& files);

/// Reads a file written by `save`, or another program's vocabulary: a tokenizer.json of Hugging Face's
/// tokenizers (byte pairs like GPT-2's, or like Llama's with byte_fallback, or an exported tokenizer of
/// another kind); GPT-2's two files, named by the first one (encoder.json next to vocab.bpe, or vocab.json
/// next to merges.txt); or llama2.c's tokenizer.bin. Throws ErrorCode::input.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

}  // namespace hewn
