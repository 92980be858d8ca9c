#pragma once
// Text to token ids and back. A tokenizer is immutable, so that one can serve many threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"

namespace hewn {

/// A token and the part of the text it stands for.
struct Piece {
  int32_t id = 0;
  std::string_view source;  ///< points into the text that was encoded
};

/// A token that stands for no bytes of a text, such as the end of a document; `text` is how it is written.
struct Special {
  std::string text;
  int32_t id = 0;
};

/// What the text of a special token means inside a text that is encoded.
enum class Specials {
  as_text,  ///< nothing: text like any other
  allowed,  ///< the token
  refused   ///< a mistake: throws ErrorCode::input
};

/// The kinds, each with what its `decode(encode(text))` keeps:
///   byte   the 256 bytes. Takes anything and keeps all of it.
///   char   the code points of the training text, in order. Takes only these (others are an error), keeps all
///          of it.
///   word   words (letters, marks and numbers of any script) and every other code point by itself, spaces and
///   line
///          ends too; the most frequent first. What is not in the vocabulary becomes <|unk|> (id 0): only
///          there is something lost.
///   regex  words and signs as the courses that write a GPT from scratch cut them: at white space, which is
///          lost, and around , . : ; ? _ ! " ( ) ' and --; sorted, then <|endoftext|> and <|unk|>, which is
///          what the vocabulary lacks. Decoding puts a blank before every token but , . : ; ? ! " ( ) '.
///   bpe    byte pairs as GPT-2 merges them. Takes anything and keeps all of it.
///   sentencepiece  characters merged as Llama does, bytes where there is none. Takes anything and keeps all
///   of
///          it. Only read from files, not learnt here.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string_view kind() const = 0;
  virtual int32_t vocab_size() const = 0;

  /// Token ids of a text. Throws ErrorCode::input for text this vocabulary cannot express, naming the
  /// character and its byte offset.
  std::vector<int32_t> encode(std::string_view text, Specials specials = Specials::as_text) const;

  /// Token ids of text that goes on from text before it: without the blank that `sentencepiece` begins with.
  virtual std::vector<int32_t> encode_more(std::string_view text) const { return encode_with(text, nullptr); }

  /// The special token that every text begins with for the model, if it was trained so; `encode` leaves it to
  /// whoever makes a prompt.
  virtual std::optional<int32_t> begin_token() const { return std::nullopt; }

  /// The tokens after which a text is over: <|endoftext|>, </s> and their like, and that which begins the
  /// next.
  std::vector<int32_t> end_tokens() const;

  /// The special tokens; of most kinds none.
  virtual std::span<const Special> specials() const { return {}; }

  /// The same, with the part of the text each token stands for: their concatenation is the text, but for
  /// `regex` of nothing but white space, which has no tokens.
  std::vector<Piece> pieces(std::string_view text) const;

  /// The bytes of one token. Throws ErrorCode::input for an id outside [0, vocab_size).
  std::string_view piece(int32_t id) const;

  /// The bytes of many; `sentencepiece` and `regex` leave out the blank that it began with. With `byte` they
  /// may be cut inside a character: show them through `Utf8Stream`.
  virtual std::string decode(std::span<const int32_t> ids) const { return decode_more(ids); }
  /// The bytes of tokens that go on from others: of all, one after the other.
  std::string decode_more(std::span<const int32_t> ids) const;

  /// The whole tokenizer as JSON, the same bytes for the same tokenizer (docs/formats.md).
  virtual std::string to_json() const = 0;

  /// 16 hexadecimal digits that name this tokenizer: the checksum of `to_json`.
  std::string hash() const { return to_hex(checksum(to_json())); }

  /// Writes `to_json` and a line end, atomically. Throws ErrorCode::failed.
  FileSum save(const std::string& path) const;

 protected:
  /// Encodes; where `ends` is given it receives the offset after each token.
  virtual std::vector<int32_t> encode_with(std::string_view text, std::vector<size_t>* ends) const = 0;
  /// Encodes what follows a special token in a text.
  virtual std::vector<int32_t> encode_after_special(std::string_view text) const {
    return encode_with(text, nullptr);
  }
  /// The bytes of an id that is in range.
  virtual std::string_view bytes_of(int32_t id) const = 0;
};

/// How to make a vocabulary. A kind that has no use for an option refuses it.
struct TokenizerOptions {
  int64_t vocab_size =
      0;  ///< word, regex: at most so many tokens, the special ones among them; 0 = no limit.
          ///< bpe: so many unless the text holds too few pairs, <|endoftext|> the last of them; 0 = 4096
  int64_t min_count = 1;  ///< word, regex: rarer ones become <|unk|>; bpe: rarer pairs are not merged
};

/// The kinds there are, for help texts.
std::vector<std::string_view> tokenizer_kinds();

/// Makes the vocabulary of one or more texts. Throws ErrorCode::usage for an unknown kind or an option it has
/// no use for, ErrorCode::input for empty text or, except for `byte`, text that is not UTF-8.
std::unique_ptr<Tokenizer> train_tokenizer(std::string_view kind, std::span<const std::string_view> texts,
                                           const TokenizerOptions& options = {});
inline std::unique_ptr<Tokenizer> train_tokenizer(std::string_view kind, std::string_view text,
                                                  const TokenizerOptions& options = {}) {
  return train_tokenizer(kind, std::span<const std::string_view>(&text, 1), options);
}

/// The inverse of `to_json`. Throws ErrorCode::input for anything else, saying what is wrong.
std::unique_ptr<Tokenizer> tokenizer_from_json(std::string_view json);

/// Reads what `save` wrote, or a vocabulary from elsewhere: a tokenizer.json of Hugging Face's tokenizers
/// (byte pairs as GPT-2's, or as Llama's with byte_fallback), GPT-2's two files, named by the first:
/// encoder.json with vocab.bpe beside it, or vocab.json with merges.txt, or llama2.c's tokenizer.bin. Throws
/// ErrorCode::input.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

}  // namespace hewn
