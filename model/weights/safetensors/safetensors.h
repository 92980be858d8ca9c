#pragma once
// Named tensors in a file: the safetensors format (github.com/huggingface/safetensors, "Format"): the length
// of the header as 8 little-endian bytes, the header in JSON, then the values, row-major, little-endian,
// without holes.
//   {"__metadata__": {"key": "text"}, "wte": {"dtype": "F32", "shape": [V, C], "data_offsets": [begin, end]},
//   ...}

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"
#include "model/weights/named_tensors.h"

namespace hewn {

/// Free text that travels in the header.
using Metadata = std::map<std::string, std::string>;

/// A safetensors file, mapped; nothing is read until it is touched. Pointers live as long as this object.
class SafetensorsFile final : public NamedTensors {
 public:
  /// Checks everything: the header's length and JSON, names, dtypes, and that the tensors cover the data
  /// exactly, each with the bytes its shape and dtype ask for. Throws ErrorCode::input naming file and
  /// tensor.
  explicit SafetensorsFile(const std::string& path);

  /// In the order of their data. Tensors of types Hewn has no use for (BOOL, U32, F8 ...) are not among them.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  const std::string& path() const { return file_.path(); }

  const TensorEntry* find(std::string_view name) const override;
  void each(const std::function<void(const TensorEntry&)>& use) const override;
  /// Throws ErrorCode::input if there is no such tensor, or if its type is one Hewn has no use for.
  const TensorEntry& at(std::string_view name) const;

 private:
  MappedFile file_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, size_t, std::less<>> index_;             // name -> place in entries_
  std::map<std::string, std::string, std::less<>> unsupported_;  // name -> dtype as the file spells it
  Metadata metadata_;
};

/// Writes a safetensors file, values streamed in the order of the header, through `AtomicFile`: without
/// `finish` there is no file. The data begins at a multiple of 64 bytes. Same tensors and metadata, same
/// bytes.
class SafetensorsWriter {
 public:
  /// Name, dtype and shape of each entry are used. Throws ErrorCode::usage for a name given twice,
  /// "__metadata__" as a name, text that is not UTF-8 or a shape with a negative or overflowing size;
  /// ErrorCode::failed as AtomicFile.
  SafetensorsWriter(const std::string& path, const std::vector<TensorEntry>& tensors,
                    const Metadata& metadata = {});

  /// The next bytes of tensor `name`, which has to be the one begun or the next in order. A tensor may come
  /// in pieces. Throws ErrorCode::usage for another name or bytes too many, ErrorCode::failed as AtomicFile.
  void append(std::string_view name, const void* data, size_t bytes);

  /// Throws ErrorCode::usage if values are missing, ErrorCode::failed as AtomicFile. Returns size and
  /// checksum.
  FileSum finish();

 private:
  struct Pending {
    std::string name;
    size_t left = 0;  // bytes
  };
  AtomicFile file_;
  std::vector<Pending> pending_;
  size_t next_ = 0;  // of pending_, the one that was appended to last
};

/// Writes whole tensors from `data`; `bytes` has to be what dtype and shape say. Throws as
/// `SafetensorsWriter`.
FileSum write_safetensors(const std::string& path, const std::vector<TensorEntry>& tensors,
                          const Metadata& metadata = {});

}  // namespace hewn
