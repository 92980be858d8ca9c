#include "train/data/text_source.h"

#include <algorithm>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "train/data/corpus.h"
#include "train/tables/structure.h"

namespace hewn {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

TextSource TextSource::file(const std::string& path, bool accepted) {
  TextSource source;
  source.name_ = path;
  source.file_ = MappedFile(path);
  if (source.text().empty()) fail(ErrorCode::input, path, ": is empty; expected some text");
  if (!accepted) refuse_foreign_kind(path, source.text());
  source.is_tales_ = score_if_tales(source.text()).has_value();
  return source;
}

TextSource TextSource::tales(int64_t count, uint64_t seed) {
  require(count >= 1, "the tales corpus needs at least 1 tale; got ", count);
  TextSource source;
  source.name_ = "tales";
  source.made_ = generate_tales(count, seed);
  source.is_tales_ = true;
  return source;
}

int64_t count_characters(std::string_view text) {
  return std::ssize(text) - std::count_if(text.begin(), text.end(), continues);
}

size_t training_bytes(std::string_view text, double val_fraction, bool by_lines) {
  require(val_fraction >= 0 && val_fraction < 1, "val_fraction is ", val_fraction,
          "; expected 0 to less than 1");
  // Rounds like nanoGPT's int(n * 0.9), which this is for 0.1.
  const auto share = [&](int64_t n) {
    return static_cast<int64_t>((1 - val_fraction) * static_cast<double>(n));
  };
  if (by_lines) {
    int64_t lines = std::count(text.begin(), text.end(), '\n');
    if (!text.empty() && text.back() != '\n') ++lines;
    size_t at = 0;
    for (int64_t left = share(lines); left > 0; --left)
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
    return at;
  }
  int64_t left = share(count_characters(text));
  size_t at = 0;
  while (at < text.size() && (left > 0 || continues(text[at]))) {
    if (!continues(text[at])) --left;
    ++at;
  }
  return at;
}

namespace {

/// The key that holds the text, by the names common in data sets; otherwise the first key.
std::string text_key(const std::vector<std::string>& keys) {
  for (const char* usual : {"text", "content", "output", "sentence"})
    if (std::find(keys.begin(), keys.end(), usual) != keys.end()) return usual;
  return keys.empty() ? "text" : keys.front();
}

std::string listed(const std::vector<std::string>& keys) {
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(keys.size(), 5); ++i) list += (i ? ", " : "") + keys[i];
  return list + (keys.size() > 5 ? ", ..." : "");
}

std::string note(const std::string& path, const std::string& what, const std::string& parts,
                 const std::string& command) {
  return join(path, " looks like ", what, "; it is read as plain text, ", parts,
              " included. To extract only the texts: ", command, " > texts.txt");
}

std::string table_note(const std::string& path, const Structure& table) {
  const auto table_of = [&](std::string_view separators) {
    return join("a table of ", table.columns, " columns separated by ", separators);
  };
  if (table.delimiter == '\t')
    return note(path, table_of("tabs"), "tabs and labels", join("cut -f", table.widest, " ", path));
  const bool comma = table.delimiter == ',';
  return note(path, table_of(comma ? "commas" : "semicolons"),
              comma ? "commas and labels" : "semicolons and labels",
              join("mlr --icsv ", comma ? "" : "--ifs ';' ", "--onidx cut -f '",
                   table.keys[static_cast<size_t>(table.widest - 1)], "' ", path));
}

}  // namespace

std::string structure_note(const std::string& path, std::string_view text) {
  const Structure found = structure_of(text);
  const std::string keys = found.keys.empty() ? "" : join(" with the keys ", listed(found.keys)),
                    key = text_key(found.keys);
  switch (found.format) {
    case Structure::Format::plain: return "";
    case Structure::Format::table: return table_note(path, found);
    case Structure::Format::json_lines:
      return note(path, "JSON Lines" + keys, "braces and keys", join("jq -r '.[\"", key, "\"]' ", path));
    case Structure::Format::json:
      return note(path, "JSON" + keys, "braces and keys",
                  join("jq -r '.. | .[\"", key, "\"]? // empty' ", path));
  }
  return "";
}

}  // namespace hewn
