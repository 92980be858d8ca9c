// hewn tokenizer compare: several tokenizers side by side on one text.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/settings.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/json.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

struct Compared {
  std::string name;  // as given
  std::unique_ptr<Tokenizer> tokenizer;
};

struct ComparedCounts {
  int64_t tokens = 0;
  double seconds = 0;  // best time to encode the text
};

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

/// Encodes the text, short ones repeatedly, because the first run also pays for allocating memory.
ComparedCounts count_tokens(const Tokenizer& tokenizer, std::string_view text) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point t) {
    return std::chrono::duration<double>(Clock::now() - t).count();
  };
  ComparedCounts counts;
  const Clock::time_point start = Clock::now();
  for (int round = 0; round == 0 || (round < 1000 && since(start) < 0.1); ++round) {
    const Clock::time_point begin = Clock::now();
    counts.tokens = static_cast<int64_t>(tokenizer.encode(text).size());
    const double seconds = since(begin);
    counts.seconds = round == 0 ? seconds : std::min(counts.seconds, seconds);
  }
  return counts;
}

/// The first `most` pieces of a text. Of a long text only the beginning is encoded, and its last piece is
/// dropped because it might be incomplete.
std::vector<Piece> first_pieces(const Tokenizer& tokenizer, std::string_view text, size_t most) {
  const size_t looked_at = std::max<size_t>(64 * most, 4096);
  std::string_view part = text.substr(0, looked_at);
  if (part.size() < text.size()) part = part.substr(0, valid_utf8_prefix(part));
  if (part.empty()) part = text;  // bytes that are not UTF-8
  std::vector<Piece> pieces = tokenizer.pieces(part);
  if (part.size() < text.size() && !pieces.empty()) pieces.pop_back();
  pieces.resize(std::min(pieces.size(), most));
  return pieces;
}

/// A piece as a terminal can show it: with \n, \t and \xNN for unprintable bytes.
std::string visible_piece(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const CodePoint c = decode_utf8(bytes, at);
    if (c.bytes > 0 && (c.value == ' ' || (c.value > ' ' && columns_of(c.value) > 0)))
      text += bytes.substr(at, c.bytes);
    else if (bytes[at] == '\n' || bytes[at] == '\t')
      text += bytes[at] == '\n' ? "\\n" : "\\t";
    else
      for (size_t i = at; i < at + std::max<size_t>(c.bytes, 1); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        text += {'\\', 'x', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
      }
    at += std::max<size_t>(c.bytes, 1);
  }
  return text;
}

/// The pieces in sequence, in alternating colours, or separated by bars if there is no colour; with a line
/// break after each newline of the text.
std::string pieces_text(const std::vector<Piece>& pieces, bool all) {
  const char* const colors[] = {"30;46", "30;43", "30;42", "30;45", "30;47"};
  const bool color = has_color(Stream::results);
  std::string text;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool line_begins = text.empty() || text.ends_with('\n');
    if (color)
      text += in_color(Stream::results, colors[i % std::size(colors)], visible_piece(pieces[i].source));
    else
      text += (line_begins ? "" : "|") + visible_piece(pieces[i].source);
    if (pieces[i].source.ends_with('\n')) text += '\n';
  }
  if (!all) text += text.ends_with('\n') ? "..." : color ? " ..." : "| ...";
  return text + (text.ends_with('\n') ? "" : "\n");
}

/// Learns the tokenizer from the text if `name` is a kind; otherwise opens that file or directory.
Compared opened_or_learnt(const std::string& name, std::string_view text) {
  const auto kinds = tokenizer_kinds();
  const bool learns = std::find(kinds.begin(), kinds.end(), name) != kinds.end();
  return {name, learns ? train_tokenizer(name, text) : open_tokenizer(name)};
}

Json compared_record(const Compared& one, std::string_view text, const ComparedCounts& counts,
                     const std::vector<Piece>& pieces) {
  const auto tokens = static_cast<double>(counts.tokens);
  Json record{{"tokenizer", one.name},
              {"kind", one.tokenizer->kind()},
              {"vocab_size", one.tokenizer->vocab_size()},
              {"tokens", counts.tokens},
              {"characters_per_token", static_cast<double>(characters_in(text)) / tokens},
              {"bytes_per_token", static_cast<double>(text.size()) / tokens},
              {"uniform_bits_per_token", std::log2(one.tokenizer->vocab_size())},
              {"megabytes_per_second", static_cast<double>(text.size()) / counts.seconds / 1e6}};
  record["pieces"] = Json::array();
  for (const Piece& piece : pieces)
    record["pieces"].push_back({{"id", piece.id}, {"text", std::string(piece.source)}});
  return record;
}

std::vector<std::string> compared_row(const Json& record) {
  const auto real = [&](const char* key, int digits) { return fixed(record[key].get<double>(), digits); };
  return {record["tokenizer"].get<std::string>(),
          long_count(record["vocab_size"].get<int64_t>()),
          long_count(record["tokens"].get<int64_t>()),
          real("characters_per_token", 3),
          real("bytes_per_token", 3),
          real("uniform_bits_per_token", 2),
          real("megabytes_per_second", 1)};
}

}  // namespace

int run_tokenizer_compare(const Settings& settings) {
  std::vector<std::string> names = settings.arguments;
  const bool given = settings.has("text");
  require(given || !names.empty(),
          "no text was given; use `hewn tokenizer compare [TOKENIZER...] FILE`, or --text=TEXT");
  std::optional<MappedFile> file;
  if (!given) {
    file.emplace(names.back());
    refuse_foreign_kind(file->path(), file->text());
    names.pop_back();
  }
  const std::string typed = given ? settings.text("text") : "";
  const std::string_view text = given ? std::string_view(typed) : file->text();
  if (text.empty()) fail(ErrorCode::input, given ? "--text" : file->path(), ": the text is empty");
  if (names.empty()) {
    const auto kinds = tokenizer_kinds();
    names.assign(kinds.begin(), kinds.end());
  }
  const auto most = static_cast<size_t>(settings.integer("pieces"));
  Json list = Json::array();
  std::string shown;
  for (const std::string& name : names) {
    const Doing comparing("comparing ", name);
    const Compared one = opened_or_learnt(name, text);
    const ComparedCounts counts = count_tokens(*one.tokenizer, text);
    if (counts.tokens == 0) fail(ErrorCode::input, "the text has no tokens");
    const std::vector<Piece> pieces = first_pieces(*one.tokenizer, text, most);
    list.push_back(compared_record(one, text, counts, pieces));
    if (most > 0)
      shown += "\n" + bold(Stream::results, name) + "\n" +
               pieces_text(pieces, static_cast<int64_t>(pieces.size()) == counts.tokens);
  }
  if (settings.flag("json")) {
    print(json_text(list, 2), "\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"tokenizer", "vocabulary", "tokens", "characters/token",
                                                 "bytes/token", "bits/token if uniform", "MB/s"}};
  for (const Json& record : list) rows.push_back(compared_row(record));
  print(table_text(rows), shown);
  return 0;
}

}  // namespace hewn::cli
