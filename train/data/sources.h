#pragma once
// The sources of a dataset and the tokenizer they share: the common part of open_dataset,
// prepare_data and data_stats.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/data/data.h"
#include "train/data/data_set_files.h"
#include "train/data/text_source.h"

namespace hewn {

/// An opened part of a dataset: a text or a directory of token files.
struct Source {
  DatasetPart part;
  std::optional<TextSource> text = std::nullopt;
  std::optional<DataSetFiles> files = std::nullopt;
};

/// All sources named by a DataOptions, before tokenization.
struct Sources {
  std::vector<Source> parts;
  std::optional<TextSource> val;  ///< the validation file
};

/// Opens and checks existing sources. Throws like open_dataset.
Sources open_sources(const DataOptions& options);

/// The texts among them.
std::vector<std::string_view> texts_of(const Sources& sources);

/// The tokenizer of these sources: the one named in `options`, else the tokenizer of the first directory with
/// one, else the characters of all texts; null if there are only headerless files.
std::shared_ptr<const Tokenizer> choose_tokenizer(const DataOptions& options, const Sources& sources);

/// A text divided into its two sides.
struct TextSides {
  std::string_view train, val;
};
TextSides split_text(const TextSource& source, double val_fraction);

/// The id of the token "\n", which ends a document. Throws ErrorCode::input if there is none.
int32_t line_end_id(const Tokenizer& tokenizer, const std::string& name);

/// Throws ErrorCode::input unless the ids contain one newline per line.
void check_line_ends(int64_t found, int64_t lines, const std::string& name);

}  // namespace hewn
