#include "train/data/structured.h"

#include <algorithm>

#include "core/error.h"
#include "train/tables/structure.h"

namespace hewn {
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
