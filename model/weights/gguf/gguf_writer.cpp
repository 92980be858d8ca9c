#include <set>

#include "core/error.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_types.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace {

using gguf::ValueType;

template <class T>
void put_number(AtomicFile& file, T value) {
  file.append(&value, sizeof value);
}

void put_text(AtomicFile& file, std::string_view text) {
  put_number<uint64_t>(file, text.size());
  file.append(text);
}

/// Writes a value's type, the type of a list's elements, and the bytes: one overload for each
/// alternative of GgufValue.
struct PutValue {
  AtomicFile& file;

  template <class T>
  void number(ValueType type, T value) const {
    put_number(file, type);
    put_number(file, value);
  }
  template <class T>
  void list(ValueType type, const std::vector<T>& values) const {
    put_number(file, ValueType::list);
    put_number(file, type);
    put_number<uint64_t>(file, values.size());
    file.append(values.data(), values.size() * sizeof(T));
  }
  void operator()(std::monostate) const { fail(ErrorCode::usage, "a key has no value"); }
  void operator()(bool value) const { number(ValueType::boolean, static_cast<uint8_t>(value)); }
  void operator()(uint32_t value) const { number(ValueType::u32, value); }
  void operator()(int32_t value) const { number(ValueType::i32, value); }
  void operator()(uint64_t value) const { number(ValueType::u64, value); }
  void operator()(int64_t value) const { number(ValueType::i64, value); }
  void operator()(float value) const { number(ValueType::f32, value); }
  void operator()(double value) const { number(ValueType::f64, value); }
  void operator()(const std::string& value) const {
    put_number(file, ValueType::text);
    put_text(file, value);
  }
  void operator()(const std::vector<int32_t>& values) const { list(ValueType::i32, values); }
  void operator()(const std::vector<float>& values) const { list(ValueType::f32, values); }
  void operator()(const std::vector<std::string>& values) const {
    put_number(file, ValueType::list);
    put_number(file, ValueType::text);
    put_number<uint64_t>(file, values.size());
    for (const std::string& value : values) put_text(file, value);
  }
};

/// The size in bytes of a tensor's values. Refuses tensors that cannot be written.
uint64_t gguf_bytes(const TensorEntry& tensor, const gguf::TensorType& type) {
  const std::string name = safetensors::in_quotes(tensor.name);
  require(!tensor.shape.empty() && tensor.shape.size() <= gguf::most_dimensions, "tensor ", name, " has ",
          tensor.shape.size(), " dimensions; GGUF allows 1 to ", gguf::most_dimensions);
  const auto elements = static_cast<uint64_t>(type.elements());
  require(static_cast<uint64_t>(tensor.shape.back()) % elements == 0, "tensor ", name, " has rows of ",
          tensor.shape.back(), " elements; expected a multiple of ", elements, " for ", type.name);
  uint64_t bytes = static_cast<uint64_t>(type.bytes());
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const int64_t size = tensor.shape[i];
    const uint64_t units = static_cast<uint64_t>(size) / (i + 1 == tensor.shape.size() ? elements : 1);
    const auto product = size < 1 ? std::nullopt : safetensors::multiply(bytes, units);
    require(product.has_value(), "tensor ", name, ": a size in its shape is less than 1 or too large");
    bytes = *product;
  }
  return bytes;
}

uint64_t gguf_padding(uint64_t bytes) {
  return (gguf::usual_alignment - bytes % gguf::usual_alignment) % gguf::usual_alignment;
}

}  // namespace

GgufWriter::GgufWriter(const std::string& path, const GgufKeys& keys, const std::vector<TensorEntry>& tensors)
    : file_(path) {
  const Doing writing("writing ", path);
  file_.append(gguf::magic);
  put_number(file_, gguf::version);
  put_number<uint64_t>(file_, tensors.size());
  put_number<uint64_t>(file_, keys.size());
  std::set<std::string_view> names;
  for (const auto& [name, value] : keys) {
    require(names.insert(name).second, "the key ", safetensors::in_quotes(name), " is given twice");
    put_text(file_, name);
    std::visit(PutValue{file_}, value);
  }
  names.clear();
  uint64_t place = 0;
  for (const TensorEntry& tensor : tensors) {
    const gguf::TensorType* type =
        tensor.blocks ? gguf::find_tensor_type(*tensor.blocks) : gguf::find_tensor_type(tensor.dtype);
    require(type != nullptr, "GGUF has no type for ", tensor.type_name());
    const uint64_t bytes = gguf_bytes(tensor, *type);
    require(names.insert(tensor.name).second, "tensor ", safetensors::in_quotes(tensor.name),
            ": the name is used twice");
    put_text(file_, tensor.name);
    put_number(file_, static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i-- > 0;) put_number(file_, static_cast<uint64_t>(tensor.shape[i]));
    put_number(file_, type->number);
    put_number(file_, place);
    place += bytes + gguf_padding(bytes);
    waiting_.push_back({tensor.name, static_cast<size_t>(bytes)});
  }
  pad();
}

void GgufWriter::pad() {
  constexpr char zeros[gguf::usual_alignment] = {};
  file_.append(zeros, gguf_padding(file_.sum().size));
}

void GgufWriter::append(std::string_view name, const void* data, size_t bytes) {
  require(next_ < waiting_.size() && waiting_[next_].name == name, "tensor ", safetensors::in_quotes(name),
          " is out of order");
  require(bytes == waiting_[next_].bytes, "tensor ", safetensors::in_quotes(name), ": got ", bytes,
          " bytes; expected ", waiting_[next_].bytes);
  file_.append(data, bytes);
  pad();
  ++next_;
}

FileSum GgufWriter::finish() {
  require(next_ == waiting_.size(), waiting_.size() - next_, " tensors are missing");
  return file_.commit();
}

}  // namespace hewn
