#pragma once
// TensorFlow's checkpoints ("tensor bundles": tensorflow/core/protobuf/tensor_bundle.proto) and the
// directories in which OpenAI published GPT-2: hparams.json, encoder.json, vocab.bpe, model.ckpt.index,
// model.ckpt.data-00000-of-00001.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"
#include "model/weights/foreign.h"

namespace hewn {

/// The index entry of a tensor.
struct BundleEntry {
  std::string name;
  int dtype = 0;  ///< TensorFlow's type number
  std::vector<int64_t> shape;
  uint64_t offset = 0, size = 0;  ///< bytes in the data file
  uint32_t checksum = 0;          ///< masked CRC-32C of these bytes
};

/// The tensors of an index file, in the order of their names. Throws ErrorCode::input if the index is damaged
/// or refers to several files, a tensor is sliced, or sizes are impossible.
std::vector<BundleEntry> read_bundle_index(std::string_view index);

/// A memory-mapped checkpoint.
class TensorflowCheckpoint final : public NamedTensors {
 public:
  /// Opens PREFIX.index and PREFIX.data-00000-of-00001 and checks that every tensor lies within the data,
  /// without overlaps. Skips tensors of unsupported types. Throws ErrorCode::input naming file and tensor.
  explicit TensorflowCheckpoint(const std::string& prefix);

  const TensorEntry* find(std::string_view name) const override { return tensors_->find(name); }
  void each(const std::function<void(const TensorEntry&)>& use) const override { tensors_->each(use); }

  /// Reads all values and verifies their checksums. Throws ErrorCode::input naming the tensor.
  void verify() const;

 private:
  MappedFile data_;
  std::vector<BundleEntry> index_;
  std::unique_ptr<TensorList> tensors_;
};

/// Whether the directory contains hparams.json, as OpenAI's directories do.
bool looks_like_tensorflow(const std::filesystem::path& path);

/// Opens such a directory with its tokenizer. Throws ErrorCode::input naming the problem.
ForeignModel open_tensorflow(const std::string& directory);

}  // namespace hewn
