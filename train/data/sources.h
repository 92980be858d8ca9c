#pragma once
// The sources a dataset is made of, and the tokenizer they share: what open_dataset, prepare_data and
// data_stats have in common.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/data/data.h"
#include "train/data/text_source.h"

namespace hewn {

/// A part of a dataset, opened: a text, or else a directory with token files.
struct Source {
  DatasetPart part;
  std::optional<TextSource> text;
};

/// Everything a DataOptions names, before it is tokens.
struct Sources {
  std::vector<Source> parts;
  std::optional<TextSource> val;  ///< the second file
};

/// Opens and checks what exists. Throws as open_dataset does.
Sources open_sources(const DataOptions& options);

/// The tokenizer of these sources: the one that `options` names, else that of the first directory that has
/// one, else characters of all texts; null if there are only headerless files.
std::shared_ptr<const Tokenizer> choose_tokenizer(const DataOptions& options, const Sources& sources);

/// A text cut into its two sides.
struct TextSides {
  std::string_view train, val;
};
TextSides split_text(const TextSource& source, double val_fraction);

/// The id of "\n" alone, which ends a document. Throws ErrorCode::input if there is none.
int32_t line_end_id(const Tokenizer& tokenizer, const std::string& name);

/// Fails (ErrorCode::input) unless as many line ends were found among the ids as there are lines.
void check_line_ends(int64_t found, int64_t lines, const std::string& name);

}  // namespace hewn
