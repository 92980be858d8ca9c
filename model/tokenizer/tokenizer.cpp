#include "model/tokenizer/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/json.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/huggingface_file.h"
#include "model/tokenizer/huggingface_kinds.h"
#include "model/tokenizer/kinds.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/utf8.h"

namespace hewn {
namespace {

using nlohmann::json;

constexpr std::string_view format = "hewn-tokenizer";
constexpr int version = 1;
constexpr size_t max_file_bytes = size_t{64} << 20;

struct Kind {
  std::string_view name;
  std::unique_ptr<Tokenizer> (*train)(tokenizers::Texts, const TokenizerOptions&);
  std::unique_ptr<Tokenizer> (*read)(const json&);
  bool ends_texts = false;  ///< has the special token <|endoftext|>
};

constexpr Kind kinds[] = {{"char", tokenizers::train_char, tokenizers::read_char},
                          {"byte", tokenizers::train_byte, tokenizers::read_byte},
                          {"word", tokenizers::train_word, tokenizers::read_word},
                          {"regex", tokenizers::train_regex, tokenizers::read_regex, true},
                          {"bpe", tokenizers::train_bpe, tokenizers::read_bpe, true}};

[[noreturn]] void fail_special(std::string_view special, size_t at) {
  fail(ErrorCode::input, "the text contains the special token ", special, " at byte ", at,
       "; allow special tokens, or encode them as ordinary text");
}

const Kind& kind_named(std::string_view name, ErrorCode code) {
  std::string known;
  for (const Kind& kind : kinds) {
    if (kind.name == name) return kind;
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  }
  fail(code, "unknown tokenizer kind \"", name, "\"; expected one of ", known);
}

/// What stands between the markers <|endoftext|> in these texts.
std::vector<std::string_view> documents_in(tokenizers::Texts texts, Specials mode) {
  std::vector<std::string_view> documents;
  for (std::string_view text : texts) {
    for (size_t at; (at = text.find(end_of_text)) != text.npos; text.remove_prefix(at + end_of_text.size())) {
      if (mode == Specials::refused) fail_special(end_of_text, at);
      documents.push_back(text.substr(0, at));
    }
    documents.push_back(text);
  }
  return documents;
}

/// Returns the result of `read`; errors in the JSON's form become an Error.
template <class Read>
std::unique_ptr<Tokenizer> or_not_one(const Read& read) {
  try {
    return read();
  } catch (const json::exception& error) {
    fail(ErrorCode::input, "this is not a tokenizer: ", json_reason(error));
  }
}

}  // namespace

std::vector<std::string_view> tokenizer_kinds() {
  std::vector<std::string_view> names;
  for (const Kind& kind : kinds) names.push_back(kind.name);
  return names;
}

std::unique_ptr<Tokenizer> train_tokenizer(std::string_view kind, std::span<const std::string_view> texts,
                                           const TokenizerOptions& options) {
  const Kind& learned = kind_named(kind, ErrorCode::usage);
  if (options.specials == Specials::as_text || !learned.ends_texts) return learned.train(texts, options);
  return learned.train(documents_in(texts, options.specials), options);
}

std::unique_ptr<Tokenizer> tokenizer_from_json(std::string_view text) {
  return or_not_one([&] {
    const json file = parse_json(text);
    if (file.is_object() && file.contains("model")) {
      if (auto kind = tokenizers::read_huggingface_kind(file)) return kind;
      return tokenizers::read_bpe(file);
    }
    if (!file.is_object() || file.value("format", "") != format) {
      fail(ErrorCode::input,
           "this is not a tokenizer that Hewn can read; expected an object with \"format\": \"", format,
           "\", or with a \"model\" as in Hugging Face's tokenizer.json");
    }
    if (file.at("version") != version) {
      fail(ErrorCode::input, "the tokenizer has format version ", json_text(file.at("version")),
           "; this program reads version ", version);
    }
    return kind_named(file.at("kind").get<std::string>(), ErrorCode::input).read(file);
  });
}

TokenizerFiles read_tokenizer_files(const std::string& path) {
  const Doing reading("reading the tokenizer ", path);
  TokenizerFiles files{.path = path, .content = read_small_file(path, max_file_bytes), .merges = {}};
  refuse_foreign_kind(path, files.content);  // HTML, too
  for (const auto& [vocabulary, merges] :
       {std::pair{"encoder.json", "vocab.bpe"}, {"vocab.json", "merges.txt"}}) {
    const std::filesystem::path file = path;
    if (file.filename() == vocabulary)
      files.merges = read_small_file((file.parent_path() / merges).string(), max_file_bytes);
  }
  return files;
}

std::unique_ptr<Tokenizer> tokenizer_from_files(const TokenizerFiles& files) {
  const Doing reading("reading the tokenizer ", files.path);
  if (files.merges)
    return or_not_one([&] {
      const json vocab = parse_json(files.content);
      return tokenizers::read_gpt2_vocabulary(vocab, *files.merges,
                                              tokenizers::added_beside(files.path, vocab));
    });
  if (files.path.ends_with(".bin")) return tokenizers::read_llama2c_tokenizer(files.content);
  return tokenizer_from_json(files.content);
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path) {
  return tokenizer_from_files(read_tokenizer_files(path));
}

FileSum Tokenizer::save(const std::string& path) const {
  return write_file_atomically(path, to_json() + "\n");
}

void Tokenizer::divide(std::string_view text, Specials mode,
                       const std::function<void(std::string_view, const Special*)>& use) const {
  std::string first_bytes;
  if (mode != Specials::as_text)
    for (const Special& special : specials()) first_bytes += special.text.substr(0, 1);
  size_t begin = 0;
  for (size_t at = 0; (at = text.find_first_of(first_bytes, at)) != text.npos;) {
    const Special* longest = nullptr;
    for (const Special& special : specials())
      if (text.substr(at).starts_with(special.text) &&
          special.text.size() > (longest ? longest->text.size() : 0))
        longest = &special;
    if (!longest) {
      ++at;
      continue;
    }
    if (mode == Specials::refused) fail_special(longest->text, at);
    if (at > begin) use(text.substr(begin, at - begin), nullptr);
    use(text.substr(at, longest->text.size()), longest);
    begin = at += longest->text.size();
  }
  if (begin < text.size()) use(text.substr(begin), nullptr);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, Specials mode) const {
  if (mode == Specials::as_text || specials().empty()) return encode_with(text, nullptr);
  std::vector<int32_t> ids;
  divide(text, mode, [&](std::string_view part, const Special* special) {
    if (special) return ids.push_back(special->id);
    const std::vector<int32_t> more =
        part.data() == text.data() ? encode_with(part, nullptr) : encode_after_special(part);
    ids.insert(ids.end(), more.begin(), more.end());
  });
  return ids;
}

std::vector<Piece> Tokenizer::pieces(std::string_view text) const {
  std::vector<size_t> ends;
  const std::vector<int32_t> ids = encode_with(text, &ends);
  std::vector<Piece> pieces;
  pieces.reserve(ids.size());
  size_t begin = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    pieces.push_back({ids[i], text.substr(begin, ends[i] - begin)});
    begin = ends[i];
  }
  return pieces;
}

std::string_view Tokenizer::piece(int32_t id) const {
  if (id < 0 || id >= vocab_size()) {
    fail(ErrorCode::input, "token ", id, " is not in the vocabulary; expected 0 to ", vocab_size() - 1);
  }
  return bytes_of(id);
}

std::string Tokenizer::decode_more(std::span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) text += piece(id);
  return text;
}

namespace tokenizers {

std::string write_json(std::string_view kind, std::span<const std::string> vocab,
                       const std::optional<std::string>& unknown) {
  nlohmann::ordered_json file{{"format", format}, {"version", version}, {"kind", kind}};
  if (!vocab.empty()) file["vocab"] = vocab;
  if (unknown) file["unknown"] = *unknown;
  return exact_json_text(file);
}

std::vector<std::string> read_vocab(const json& file) {
  const auto vocab = file.at("vocab").get<std::vector<std::string>>();
  if (vocab.empty()) fail(ErrorCode::input, "the vocabulary is empty");
  std::unordered_set<std::string_view> seen;
  for (const std::string& piece : vocab) {
    if (piece.empty()) fail(ErrorCode::input, "piece ", seen.size(), " of the vocabulary is empty");
    if (!seen.insert(piece).second)
      fail(ErrorCode::input, "the vocabulary contains ", json_text(json(piece)), " twice");
  }
  return vocab;
}

void require_text(Texts texts) {
  size_t bytes = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    require_utf8(texts[i], texts.size() == 1 ? "the text" : "text " + std::to_string(i + 1));
    bytes += texts[i].size();
  }
  if (bytes == 0) fail(ErrorCode::input, "there is no text from which to learn a vocabulary");
}

std::vector<std::string> most_frequent(const PieceCounts& counts, const TokenizerOptions& options,
                                       int64_t reserved) {
  require(options.vocab_size == 0 || options.vocab_size > reserved, "vocab_size is ", options.vocab_size,
          "; expected at least ", reserved + 1, ", or 0 for no limit");
  require(options.min_count >= 1, "min_count is ", options.min_count, "; expected at least 1");
  using Counted = std::pair<std::string_view, int64_t>;
  std::vector<Counted> ranked;
  for (const Counted counted : counts)
    if (counted.second >= options.min_count) ranked.push_back(counted);
  if (ranked.empty())
    fail(ErrorCode::input, "no token occurs at least min_count = ", options.min_count,
         " times in the text; choose a smaller min_count");
  std::sort(ranked.begin(), ranked.end(), [](const Counted& a, const Counted& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  if (options.vocab_size > 0)
    ranked.resize(std::min(ranked.size(), static_cast<size_t>(options.vocab_size - reserved)));
  std::vector<std::string> pieces;
  for (const Counted& counted : ranked) pieces.emplace_back(counted.first);
  return pieces;
}

void require_no_options(std::string_view kind, const TokenizerOptions& options) {
  require(options.vocab_size == 0, "vocab_size does not apply to the ", kind,
          " tokenizer, only to word, regex and bpe; leave it out");
  require(options.min_count == 1, "min_count does not apply to the ", kind,
          " tokenizer, only to word, regex and bpe; leave it out");
}

}  // namespace tokenizers
}  // namespace hewn
