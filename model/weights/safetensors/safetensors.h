#pragma once
// Named tensors in a file: the safetensors format (github.com/huggingface/safetensors, "Format"). The length of the
// header as 8 little-endian bytes, the header in JSON, then the values, row-major, little-endian, without gaps.
//   {"__metadata__": {"key": "text"},
//    "wte": {"dtype": "F32", "shape": [V, C], "data_offsets": [begin, end]}, ...}

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"
#include "model/named_tensors.h"

namespace hewn {

/// Free text in the header.
using Metadata = std::map<std::string, std::string>;

/// A memory-mapped safetensors file; values are read when accessed. Pointers live as long as this object.
class SafetensorsFile final : public NamedTensors {
 public:
  /// Checks everything: the header's length and JSON, names, dtypes, and that the tensors cover the data
  /// exactly, each with the bytes that its shape and dtype require. Throws ErrorCode::input naming file and
  /// tensor.
  explicit SafetensorsFile(const std::string& path) : SafetensorsFile(MappedFile(path)) {}
  explicit SafetensorsFile(MappedFile file);

  /// In the order of their data, without tensors of unsupported types (BOOL, U32, F8 ...).
  const std::vector<TensorEntry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  const std::string& path() const { return file_.path(); }

  const TensorEntry* find(std::string_view name) const override;
  void each(const std::function<void(const TensorEntry&)>& use) const override;
  /// Throws ErrorCode::input if there is no such tensor or its type is unsupported.
  const TensorEntry& at(std::string_view name) const;

 private:
  MappedFile file_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, size_t, std::less<>> index_;             // name -> place in entries_
  std::map<std::string, std::string, std::less<>> unsupported_;  // name -> dtype as the file spells it
  Metadata metadata_;
};

/// Writes a safetensors file through `AtomicFile`, streaming values in the order of the header. The file
/// appears only after `finish`. The data begins at a multiple of 64 bytes. The same tensors and metadata give
/// the same bytes.
class SafetensorsWriter {
 public:
  /// Uses name, dtype and shape of each entry. Throws ErrorCode::usage for a duplicate name, "__metadata__"
  /// as a name, or a shape with a negative or overflowing size; ErrorCode::input for text that is not UTF-8;
  /// ErrorCode::failed like AtomicFile.
  SafetensorsWriter(const std::string& path, const std::vector<TensorEntry>& tensors,
                    const Metadata& metadata = {});

  /// Appends bytes of tensor `name`, which must be the current or the next one. A tensor may arrive in
  /// pieces. Throws ErrorCode::usage for another name or too many bytes, ErrorCode::failed like AtomicFile.
  void append(std::string_view name, const void* data, size_t bytes);

  /// Throws ErrorCode::usage if values are missing, ErrorCode::failed like AtomicFile. Returns size and
  /// checksum.
  FileSum finish();

 private:
  struct Pending {
    std::string name;
    size_t left = 0;  // bytes
  };
  AtomicFile file_;
  std::vector<Pending> pending_;
  size_t next_ = 0;  // index in pending_ of the tensor appended to last
};

}  // namespace hewn
