#pragma once
// Datasets: from what a user names to splits of tokens and the tokenizer that made them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/tokenizer/tokenizer.h"
#include "train/data/batches.h"

namespace hewn {

/// What data to use, as on the command line (docs/cli.md).
struct DataOptions {
  /// A text file, a directory with train.bin and val.bin, `tales`, or a mixture `A:0.7,B:0.3` of these.
  std::string dataset = {};
  std::string val = {};       ///< a text file to validate on; "" = the last part of the dataset
  double val_fraction = 0.1;  ///< of the characters of a text, or of its documents if aligned
  /// `char`, `byte`, `word` or a tokenizer.json; "" = that of the dataset if it has one, else char.
  std::string tokenizer = {};
  /// Of a tokenizer that is learnt from the texts, as in TokenizerOptions; 0: that kind's default.
  int64_t vocab_size = 0;
  int64_t tales = 20000;  ///< how many tales `tales` stands for
  uint64_t tales_seed = 1;
};

/// A source of data with its share in a mixture.
struct DatasetPart {
  std::string spec = {};
  double weight = 1;
};

/// Reads `A` or `A:0.7,B:0.3`. What exists as a file or directory is one, whatever its name looks like.
/// Throws ErrorCode::usage on an empty name or a weight that is no positive number.
std::vector<DatasetPart> parse_dataset(const std::string& dataset);

/// Data ready to make batches of. Splits stay where they are when a Dataset is moved.
struct Dataset {
  std::vector<Split> train, val;  ///< val may be empty
  std::vector<double> weights;    ///< of the training splits; val has its own or is one file
  std::vector<double> val_weights;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null for nanoGPT's files without tokenizer.json
  int64_t vocab_size = 0;
  uint64_t hash = 0;  ///< of all ids and of how they are split: equal for equal data

  std::vector<WeightedSplit> train_splits() const;
  std::vector<WeightedSplit> val_splits() const;
  int64_t train_tokens() const;
  int64_t val_tokens() const;
  /// The least block_size that aligned data needs, separator included; 0 if nothing is aligned.
  int64_t longest_document() const;
  /// Exact -log P of the validation text in nats per token: no model can have a lower expected loss on it.
  /// Only where all validation data is aligned and its source knows the probability.
  std::optional<double> val_floor() const;
  /// Bytes of validation text per token, for bits per byte; unknown for headerless files.
  std::optional<double> val_bytes_per_token() const;
};

/// Opens the data. `tokenizer`, if given, is that of an existing run or model: the data must have been made
/// by it, or is text and encoded with it. Throws ErrorCode::input, saying which source is unreadable, empty,
/// not UTF-8, damaged or made by another tokenizer; ErrorCode::usage on nonsense options.
Dataset open_dataset(const DataOptions& options, std::shared_ptr<const Tokenizer> tokenizer = nullptr);

/// The whole of a text file as validation data, and nothing to train on. Throws as open_dataset does.
Dataset open_validation(const std::string& file, std::shared_ptr<const Tokenizer> tokenizer);

/// What `data prepare` has written.
struct PreparedData {
  int64_t train_tokens = 0, val_tokens = 0, vocab_size = 0;
  bool aligned = false;
};

/// Encodes a dataset of texts and writes train.bin, val.bin and tokenizer.json into `directory`, which is
/// created if need be. Texts are mapped and encoded in pieces, so they may be larger than memory; several
/// (`A:1,B:1`) are written one after the other, their weights play no part. If `force` is not set, existing
/// files are not replaced (ErrorCode::failed).
PreparedData prepare_data(const DataOptions& options, const std::string& directory, bool force = false);

/// What `data stats` tells about a text or dataset.
struct DataStats {
  int64_t bytes = 0, characters = 0, distinct_characters = 0, lines = 0, longest_line = 0;  ///< of texts
  int64_t train_tokens = 0, val_tokens = 0, vocab_size = 0;
  int64_t documents = 0;  ///< if aligned
  std::optional<double> tokens_per_character;
  std::optional<double> nats_per_character;  ///< exact -log P where known
};
DataStats data_stats(const DataOptions& options);

}  // namespace hewn
