#pragma once
// Datasets: from the names given by a user to splits of tokens and the tokenizer that produced them.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/texts/texts.h"
#include "train/data/batches.h"

namespace hewn {

/// The data to use, as on the command line (docs/cli.md).
struct DataOptions {
  /// A text file, a directory of token files (train/data/token_shards.h), `tales`, or a mixture `A:0.7,B:0.3` of these.
  std::string dataset = {};
  std::string val = {};       ///< a text file for validation; "": the last part of the dataset
  double val_fraction = 0.1;  ///< fraction of a text's characters, or of its documents if aligned
  /// `char`, `byte`, `word` or a tokenizer.json; "": the dataset's own if it has one, otherwise char.
  std::string tokenizer = {};
  /// Size of a vocabulary learned from the texts, as in TokenizerOptions; 0: the kind's default.
  int64_t vocab_size = 0;
  std::string unknown = {};  ///< treatment of characters that it lacks, see `meet_texts`; "": an error
  Specials specials = Specials::as_text;  ///< how to read special tokens in texts, such as <|endoftext|>
  bool accepted = false;  ///< used by an existing run: the file kinds of texts are not checked again
  int64_t tales = 20000;  ///< number of tales in `tales`
  uint64_t tales_seed = 1;
};

/// A data source and its share in a mixture.
struct DatasetPart {
  std::string spec = {};
  double weight = 1;
};

/// Parses `A` or `A:0.7,B:0.3`. A name that exists as a file or directory is one source, whatever it looks
/// like. Throws ErrorCode::usage for an empty name or a weight that is not a positive number.
std::vector<DatasetPart> parse_dataset(const std::string& dataset);

/// Data ready for batching. Splits keep their addresses when a Dataset is moved.
struct Dataset {
  std::vector<Split> train, val;  ///< val may be empty
  std::vector<double> weights;    ///< of the training splits; val has its own or is one file
  std::vector<double> val_weights;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null for nanoGPT's files without tokenizer.json
  std::vector<std::string>
      notes;  ///< on characters that it lacked (`meet_texts`), on special tokens in the texts
  /// How texts begin and end for a model trained on this data; empty: implied by the tokenizer.
  std::optional<TextForm> text_form;
  int64_t vocab_size = 0;
  uint64_t hash = 0;  ///< hash of all ids and of the split: equal for equal data

  /// Requires a tokenizer.
  TextEncoder texts() const { return TextEncoder(*tokenizer, text_form); }
  /// Makes validation data that is not aligned be scored in this form: documents in separate windows, or
  /// every window after the begin token.
  void score_as(const TextForm& form);
  std::vector<WeightedSplit> train_splits() const;
  std::vector<WeightedSplit> val_splits() const;
  int64_t train_tokens() const;
  int64_t val_tokens() const;
  /// The smallest block_size for aligned data, separator included; 0 if nothing is aligned.
  int64_t longest_document() const;
  /// Exact -log P of the validation text in nats per token: no model can have a lower expected loss on it.
  /// Known only if all validation data is aligned and its source knows the probability.
  std::optional<double> val_floor() const;
  /// Bytes of validation text per token, for bits per byte; unknown for headerless files.
  std::optional<double> val_bytes_per_token() const;
};

/// Opens the data. `tokenizer`, if given, is that of an existing run or model: the data must have been encoded
/// by it, or is text, which is encoded with it. Throws ErrorCode::input, naming the source that is unreadable,
/// empty, not UTF-8, damaged or encoded by another tokenizer; ErrorCode::usage for invalid options.
Dataset open_dataset(const DataOptions& options, std::shared_ptr<const Tokenizer> tokenizer = nullptr);

/// Reads a directory of token files completely. "" or a message about the first file that is missing, damaged
/// or belongs to another data set.
std::string data_damage(const std::string& directory);

/// Opens a whole text file as validation data for a model of this form, without training data. Throws like
/// open_dataset.
Dataset open_validation(const std::string& file, std::shared_ptr<const Tokenizer> tokenizer,
                        const std::optional<TextForm>& form = {}, Specials specials = Specials::as_text);

/// The result of `data prepare`.
struct PreparedData {
  int64_t train_tokens = 0, val_tokens = 0, vocab_size = 0;
  int64_t train_files = 0, val_files = 0;  ///< token files; several if in shards
  bool aligned = false;
  std::string note = {};  ///< on special tokens in the texts
};

/// Encodes a dataset of texts and writes train.bin, val.bin, tokenizer.json and MANIFEST to `directory`, which
/// is created if necessary; either all of them appear there or none (train/data/data_set_files.h). Texts are mapped
/// and encoded in pieces, so they may be larger than memory; several (`A:1,B:1`) are written one after the other,
/// and their weights are ignored. Unless `force` is set, existing files are not replaced (ErrorCode::failed).
/// A side with more than `shard_tokens` tokens is divided into files of that many tokens (the last has
/// fewer), train-000.bin, train-001.bin and so on; 0: a single file.
PreparedData prepare_data(const DataOptions& options, const std::string& directory, bool force = false,
                          int64_t shard_tokens = 0);

/// The figures that `data stats` prints about a text or dataset.
struct DataStats {
  int64_t bytes = 0, characters = 0, distinct_characters = 0, lines = 0, longest_line = 0;  ///< of texts
  int64_t train_tokens = 0, val_tokens = 0, vocab_size = 0;
  int64_t documents = 0;  ///< if aligned
  std::optional<double> tokens_per_character;
  std::optional<double> nats_per_character;  ///< exact -log P, if known
};
DataStats data_stats(const DataOptions& options);

}  // namespace hewn
