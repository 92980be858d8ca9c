#include "model/weights/gguf/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/weights/gguf/gguf_types.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace gguf {
namespace {

constexpr TensorType tensor_types[] = {
    {0, "F32", DType::f32},
    {1, "F16", DType::f16},
    {30, "BF16", DType::bf16},
    {28, "F64", DType::f64},
    {24, "I8", DType::i8},
    {26, "I32", DType::i32},
    {27, "I64", DType::i64},
    {8, "Q8_0", {}, BlockType::q8_0},
    {2, "Q4_0", {}, BlockType::q4_0},
    {3, "Q4_1", {}, BlockType::q4_1},
    {6, "Q5_0", {}, BlockType::q5_0},
    {7, "Q5_1", {}, BlockType::q5_1},
    {10, "Q2_K", {}, BlockType::q2_k},
    {11, "Q3_K", {}, BlockType::q3_k},
    {12, "Q4_K", {}, BlockType::q4_k},
    {13, "Q5_K", {}, BlockType::q5_k},
    {14, "Q6_K", {}, BlockType::q6_k},
    {9, "Q8_1"},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {25, "I16"},
    {29, "IQ1_M"},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {39, "MXFP4"},
};

}  // namespace

const TensorType* find_tensor_type(uint32_t number) {
  const auto* found = std::find_if(std::begin(tensor_types), std::end(tensor_types),
                                   [&](const TensorType& type) { return type.number == number; });
  return found == std::end(tensor_types) ? nullptr : found;
}

const TensorType* find_tensor_type(DType dtype) {
  const auto* found = std::find_if(std::begin(tensor_types), std::end(tensor_types),
                                   [&](const TensorType& type) { return type.dtype == dtype; });
  return found == std::end(tensor_types) ? nullptr : found;
}

const TensorType* find_tensor_type(BlockType blocks) {
  const auto* found = std::find_if(std::begin(tensor_types), std::end(tensor_types),
                                   [&](const TensorType& type) { return type.blocks == blocks; });
  return found == std::end(tensor_types) ? nullptr : found;
}

namespace {

/// Reads from the front of the file; never past the end, which is an error.
class GgufCursor {
 public:
  explicit GgufCursor(std::string_view bytes) : bytes_(bytes) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  std::string_view take(uint64_t bytes, std::string_view what) {
    if (bytes > left())
      fail(ErrorCode::input, "the file ends in ", what, ": ", bytes, " bytes are expected, but ", left(),
           " are left; was it cut short?");
    at_ += static_cast<size_t>(bytes);
    return bytes_.substr(at_ - static_cast<size_t>(bytes), static_cast<size_t>(bytes));
  }
  template <class T>
  T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string_view text(std::string_view what) { return take(number<uint64_t>(what), what); }
  /// A count of items that take at least `least` bytes each.
  size_t count(uint64_t least, std::string_view what) {
    const auto n = number<uint64_t>(what);
    if (n > left() / least)
      fail(ErrorCode::input, "the file claims to contain ", n, " ", what, ", but the ", left(),
           " bytes left are too few");
    return static_cast<size_t>(n);
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

constexpr size_t bytes_of(ValueType type) {
  switch (type) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean: return 1;
    case ValueType::u16:
    case ValueType::i16: return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32: return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
    case ValueType::text: return 8;  // at least its length
    case ValueType::list: break;
  }
  return 0;
}

template <class T>
std::vector<T> gguf_numbers(GgufCursor& from, size_t n) {
  std::vector<T> values(n);
  const std::string_view bytes = from.take(n * sizeof(T), "a list");
  if (n > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

GgufValue read_list(GgufCursor& from) {
  const auto type = static_cast<ValueType>(from.number<uint32_t>("a list"));
  const size_t size = bytes_of(type);
  if (size == 0)
    fail(ErrorCode::input, "the value is a list of type ", static_cast<uint32_t>(type),
         "; expected numbers, strings or booleans");
  const size_t n = from.count(size, "values");
  if (type == ValueType::i32) return gguf_numbers<int32_t>(from, n);
  if (type == ValueType::f32) return gguf_numbers<float>(from, n);
  if (type != ValueType::text) return from.take(n * size, "a list"), GgufValue();
  std::vector<std::string> texts;
  for (size_t i = 0; i < n; ++i) texts.emplace_back(from.text("a list of strings"));
  return texts;
}

GgufValue read_value(GgufCursor& from) {
  const auto type = from.number<uint32_t>("a value");
  const std::string_view what = "a value";
  switch (static_cast<ValueType>(type)) {
    case ValueType::u8: return uint32_t{from.number<uint8_t>(what)};
    case ValueType::i8: return int32_t{from.number<int8_t>(what)};
    case ValueType::u16: return uint32_t{from.number<uint16_t>(what)};
    case ValueType::i16: return int32_t{from.number<int16_t>(what)};
    case ValueType::u32: return from.number<uint32_t>(what);
    case ValueType::i32: return from.number<int32_t>(what);
    case ValueType::f32: return from.number<float>(what);
    case ValueType::boolean: return from.number<uint8_t>(what) != 0;
    case ValueType::text: return std::string(from.text(what));
    case ValueType::list: return read_list(from);
    case ValueType::u64: return from.number<uint64_t>(what);
    case ValueType::i64: return from.number<int64_t>(what);
    case ValueType::f64: return from.number<double>(what);
  }
  fail(ErrorCode::input, "the value has type ", type, ", which does not exist");
}

/// "F32, F16, ..."
std::string supported_types() {
  std::string names;
  for (const TensorType& type : tensor_types)
    if (type.supported()) names += (names.empty() ? "" : ", ") + std::string(type.name);
  return names;
}

/// A tensor as described by the header; `data` is set later.
struct GgufTensor {
  TensorEntry entry;
  uint64_t place = 0;
};

GgufTensor read_tensor(GgufCursor& from) {
  const std::string_view what = "the description of a tensor";
  GgufTensor tensor;
  tensor.entry.name = from.text(what);
  const Doing reading("reading tensor ", safetensors::in_quotes(tensor.entry.name));
  const auto dimensions = from.number<uint32_t>(what);
  if (dimensions > most_dimensions)
    fail(ErrorCode::input, "the tensor has ", dimensions, " dimensions; expected at most ", most_dimensions);
  uint64_t elements = 1;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto size = from.number<uint64_t>(what);
    const auto product = safetensors::multiply(elements, size);
    if (size == 0 || !product || *product > uint64_t{INT64_MAX} / 8)
      fail(ErrorCode::input, "the tensor's size ", size, " is 0 or too large");
    elements = *product;
    tensor.entry.shape.insert(tensor.entry.shape.begin(), static_cast<int64_t>(size));
  }
  const auto number = from.number<uint32_t>(what);
  const TensorType* type = find_tensor_type(number);
  if (type == nullptr || !type->supported())
    fail(ErrorCode::input, "the tensor is of type ", type ? std::string(type->name) : std::to_string(number),
         "; supported are ", supported_types());
  const int64_t row = tensor.entry.shape.empty() ? 1 : tensor.entry.shape.back();
  if (row % type->elements() != 0)
    fail(ErrorCode::input, "the tensor's rows have ", row, " elements; expected a multiple of ",
         type->elements(), ", the elements of a block of ", type->name);
  tensor.entry.dtype = type->dtype.value_or(DType::f32);
  tensor.entry.blocks = type->blocks;
  tensor.entry.bytes = static_cast<size_t>(elements / static_cast<uint64_t>(type->elements()) *
                                           static_cast<uint64_t>(type->bytes()));
  tensor.place = from.number<uint64_t>(what);
  return tensor;
}

uint64_t padded(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// The alignment stated in the file.
uint64_t alignment_of(const GgufFile& file) {
  const std::string_view key = "general.alignment";
  if (file.find_key(key) == nullptr) return usual_alignment;
  const int64_t given = file.integer(key);
  if (given < 8 || given > 1 << 20 || !std::has_single_bit(static_cast<uint64_t>(given)))
    fail(ErrorCode::input, key, " is ", given, "; expected a power of two from 8 to 1048576");
  return static_cast<uint64_t>(given);
}

/// Sets `data` and returns the entries. Each tensor begins at the padded end of the previous one.
std::vector<TensorEntry> placed(std::vector<GgufTensor> tensors, std::string_view file, size_t header,
                                uint64_t alignment) {
  const uint64_t start = padded(header, alignment);
  const uint64_t bytes = file.size() > start ? file.size() - start : 0;
  std::vector<TensorEntry> entries;
  uint64_t end = 0;
  for (GgufTensor& tensor : tensors) {
    const Doing reading("reading tensor ", safetensors::in_quotes(tensor.entry.name));
    if (tensor.place != end)
      fail(ErrorCode::input, "the tensor's data begins at byte ", tensor.place, "; expected ", end,
           ", the end of the previous tensor");
    if (tensor.entry.bytes > bytes || end > bytes - tensor.entry.bytes)
      fail(ErrorCode::input, "the tensor needs bytes ", end, " to ", end + tensor.entry.bytes,
           " of the data, but there are ", bytes, "; was the file cut short?");
    tensor.entry.data = file.data() + start + end;
    end += padded(tensor.entry.bytes, alignment);
    entries.push_back(std::move(tensor.entry));
  }
  return entries;
}

}  // namespace
}  // namespace gguf

GgufFile::GgufFile(const std::string& path) : file_(path) {
  using namespace gguf;
  const Doing reading("reading ", path);
  GgufCursor from(file_.text());
  if (!file_.text().starts_with(magic)) refuse_foreign_kind(path, file_.text());
  if (!file_.text().starts_with(magic))
    fail(ErrorCode::input, "the file does not begin with GGUF, so it is not a GGUF file");
  from.take(magic.size(), "the magic number");
  const auto stated = from.number<uint32_t>("the version");
  if (stated != 2 && stated != gguf::version)
    fail(ErrorCode::input, "the file has format version ", stated,
         stated << 16 == 0 ? " (a big-endian file?)" : "", "; versions 2 and 3 are supported");
  const size_t n_tensors = from.count(24, "tensors");
  const size_t n_keys = from.count(13, "keys");
  for (size_t i = 0; i < n_keys; ++i) {
    std::string name(from.text("the name of a key"));
    const Doing value("reading key ", safetensors::in_quotes(name));
    GgufValue held = read_value(from);
    if (!keys_.try_emplace(std::move(name), std::move(held)).second)
      fail(ErrorCode::input, "the key is given twice");
  }
  std::vector<GgufTensor> tensors;
  for (size_t i = 0; i < n_tensors; ++i) {
    tensors.push_back(read_tensor(from));
    if (!index_.try_emplace(tensors.back().entry.name, i).second)
      fail(ErrorCode::input, "tensor ", safetensors::in_quotes(tensors.back().entry.name), " is given twice");
  }
  entries_ = placed(std::move(tensors), file_.text(), from.at(), alignment_of(*this));
  for (TensorEntry& entry : entries_) entry.one_scale = entry.blocks == BlockType::q8_0 && has_one_scale();
}

bool GgufFile::has_one_scale() const {
  const GgufValue* value = find_key(one_scale_key);
  if (value == nullptr) return false;
  if (!std::holds_alternative<bool>(*value))
    fail(ErrorCode::input, "the key ", one_scale_key, " is not true or false");
  return std::get<bool>(*value);
}

GgufHead::GgufHead(const GgufKeys& keys, std::vector<TensorEntry> tensors)
    : keys_(keys.begin(), keys.end()), entries_(std::move(tensors)) {
  for (size_t i = 0; i < entries_.size(); ++i) index_.try_emplace(entries_[i].name, i);
}

const TensorEntry* GgufHead::tensor(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void GgufFile::each(const std::function<void(const TensorEntry&)>& use) const {
  for (const TensorEntry& entry : entries_) use(entry);
}

const GgufValue* GgufHead::find_key(std::string_view name) const {
  const auto found = keys_.find(name);
  return found == keys_.end() ? nullptr : &found->second;
}

std::string GgufHead::text(std::string_view key) const {
  const GgufValue* value = find_key(key);
  const auto* held = value ? std::get_if<std::string>(value) : nullptr;
  if (held == nullptr) fail(ErrorCode::input, "the key ", key, " is missing or not a string");
  return *held;
}

int64_t GgufHead::integer(std::string_view key) const {
  if (const GgufValue* value = find_key(key)) {
    if (const auto* held = std::get_if<uint32_t>(value)) return *held;
    if (const auto* held = std::get_if<int32_t>(value)) return *held;
    if (const auto* held = std::get_if<int64_t>(value)) return *held;
    if (const auto* held = std::get_if<uint64_t>(value); held && *held <= uint64_t{INT64_MAX})
      return static_cast<int64_t>(*held);
  }
  fail(ErrorCode::input, "the key ", key, " is missing or not an integer");
}

double GgufHead::real(std::string_view key) const {
  const GgufValue* value = find_key(key);
  if (value && std::holds_alternative<float>(*value)) return static_cast<double>(std::get<float>(*value));
  if (value && std::holds_alternative<double>(*value)) return std::get<double>(*value);
  fail(ErrorCode::input, "the key ", key, " is missing or not a real number");
}

}  // namespace hewn
