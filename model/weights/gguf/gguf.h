#pragma once
// GGUF, the format of ggml and llama.cpp (github.com/ggml-org/ggml, docs/gguf.md, version 3), little-endian:
//   "GGUF", u32 version, u64 number of tensors, u64 number of keys
//   each key:     its name, u32 type, the value
//   each tensor:  its name, u32 number of dimensions, u64 sizes (innermost first), u32 type, u64 offset in the data
//   the data:     starts at the next multiple of the alignment (32, or general.alignment), and
//                 each tensor is padded to such a multiple
// Strings are a u64 length followed by that many bytes.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/io/file.h"
#include "model/named_tensors.h"

namespace hewn {

/// The value of a key. Integers of 8 and 16 bits are read as 32 bits; lists of anything but strings, i32 and
/// f32 are skipped and represented by std::monostate, which cannot be written.
using GgufValue =
    std::variant<std::monostate, bool, uint32_t, int32_t, uint64_t, int64_t, float, double, std::string,
                 std::vector<std::string>, std::vector<int32_t>, std::vector<float>>;

/// The key, set to true, of files whose q8_0 tensors have one scale per row, as in our format dynamic_q8 (see
/// TensorEntry). Other programs read them as plain q8_0.
inline constexpr const char* one_scale_key = "hewn.one_scale";

/// The key with the JSON of a tokenizer (`Tokenizer::to_json`), in files whose other keys cannot express it.
inline constexpr const char* own_tokenizer_key = "hewn.tokenizer";
inline constexpr const char* own_texts_key = "hewn.texts";

/// Keys in the order in which they are written.
using GgufKeys = std::vector<std::pair<std::string, GgufValue>>;

/// The part of a GGUF file before the data: keys, and the names, types and shapes of the tensors.
class GgufHead {
 public:
  GgufHead() = default;
  /// The head of a file with these keys and tensors.
  GgufHead(const GgufKeys& keys, std::vector<TensorEntry> tensors);

  /// In file order; shapes outermost first.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  /// The tensor with this name, or null.
  const TensorEntry* tensor(std::string_view name) const;
  /// The keys by name.
  const std::map<std::string, GgufValue, std::less<>>& keys() const { return keys_; }
  /// nullptr if there is no such key.
  const GgufValue* find_key(std::string_view name) const;
  /// The value of a required key, of any integer or any real type. Throws ErrorCode::input.
  std::string text(std::string_view key) const;
  int64_t integer(std::string_view key) const;
  double real(std::string_view key) const;

 protected:
  std::map<std::string, GgufValue, std::less<>> keys_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> place in entries_
};

/// A memory-mapped GGUF file. Pointers live as long as this object.
class GgufFile final : public NamedTensors, public GgufHead {
 public:
  /// Checks everything but the values: counts and lengths against the available bytes, before memory is
  /// allocated for them; duplicate names; types; and that the tensors follow each other from the start of the
  /// data, each with the bytes that its shape and type require. Reads versions 2 and 3, which are equal in
  /// this respect. Throws ErrorCode::input naming file and key or tensor.
  explicit GgufFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const TensorEntry* find(std::string_view name) const override { return tensor(name); }
  void each(const std::function<void(const TensorEntry&)>& use) const override;

 private:
  bool has_one_scale() const;

  MappedFile file_;
};

/// Writes a GGUF file through `AtomicFile`, streaming values in the order of the tensors. The file appears
/// only after `finish`.
class GgufWriter {
 public:
  /// Uses name, type (blocks, or f64, f32, f16, bf16, i64, i32 or i8) and shape of each tensor; shapes have 1 to 4
  /// sizes. Throws ErrorCode::usage for anything else and for duplicate names, ErrorCode::failed like
  /// AtomicFile.
  GgufWriter(const std::string& path, const GgufKeys& keys, const std::vector<TensorEntry>& tensors);

  /// All values of the next tensor. Throws ErrorCode::usage for another name or number of bytes,
  /// ErrorCode::failed like AtomicFile.
  void append(std::string_view name, const void* data, size_t bytes);

  /// Throws ErrorCode::usage if tensors are missing, ErrorCode::failed like AtomicFile.
  FileSum finish();

 private:
  struct Waiting {
    std::string name;
    size_t bytes = 0;
  };
  void pad();

  AtomicFile file_;
  std::vector<Waiting> waiting_;
  size_t next_ = 0;  // of waiting_
};

}  // namespace hewn
