#include "model/weights/safetensors/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/json.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace {

using namespace safetensors;

/// The JSON of the header. Throws ErrorCode::input if the file cannot hold it.
std::string_view header_text(const MappedFile& file) {
  uint64_t length = 0;
  if (file.size() <= length_bytes || file.text()[length_bytes] != '{')
    refuse_foreign_kind(file.path(), file.text());
  if (file.size() < length_bytes) {
    fail(ErrorCode::input, "the file has ", file.size(),
         " bytes, too few for a safetensors file; was it cut short?");
  }
  std::memcpy(&length, file.data(), length_bytes);
  if (length > max_header_bytes || length > file.size() - length_bytes) {
    fail(ErrorCode::input, "the file states a header of ", length, " bytes, but has ", file.size(),
         " in total (and a header has at most ", max_header_bytes,
         "); it is cut short or not a safetensors file");
  }
  const std::string_view text = file.text().substr(length_bytes, length);
  if (text.find('\0') != text.npos)
    fail(ErrorCode::input, "the header is not valid JSON: it contains a zero byte");
  if (!text.starts_with('{'))
    fail(ErrorCode::input, "the header does not begin with {, so this is not a safetensors file");
  return text;
}

/// Size in bytes of a tensor in the file. Throws ErrorCode::input if it overflows.
uint64_t checked_bytes(const HeaderEntry& tensor, size_t element) {
  uint64_t bytes = element;
  for (uint64_t size : tensor.shape) {
    const auto product = multiply(bytes, size);
    if (!product || size > uint64_t{std::numeric_limits<int64_t>::max()}) {
      fail(ErrorCode::input, "tensor ", in_quotes(tensor.name), ": its shape is too large");
    }
    bytes = *product;
  }
  return bytes;
}

/// The tensors in the order of their data, which they must cover exactly.
std::vector<const HeaderEntry*> in_data_order(const Header& header, uint64_t data_bytes) {
  std::vector<const HeaderEntry*> order;
  for (const HeaderEntry& tensor : header.tensors) {
    order.push_back(&tensor);
    if (tensor.begin > tensor.end || tensor.end > data_bytes) {
      fail(ErrorCode::input, "tensor ", in_quotes(tensor.name), ": its data_offsets [", tensor.begin, ", ",
           tensor.end, "] are not within the ", data_bytes, " bytes of data; was the file cut short?");
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const HeaderEntry* a, const HeaderEntry* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  uint64_t covered = 0;
  for (const HeaderEntry* tensor : order) {
    if (tensor->begin != covered) {
      fail(ErrorCode::input, "tensor ", in_quotes(tensor->name), ": its data begins at byte ", tensor->begin,
           ", but the previous tensor ends at ", covered, "; expected neither overlaps nor gaps");
    }
    covered = tensor->end;
  }
  if (covered != data_bytes) {
    fail(ErrorCode::input, "the tensors end at byte ", covered, ", but there are ", data_bytes,
         " bytes of data; expected nothing after the last tensor");
  }
  return order;
}

/// The type of a tensor. Checks that its size in bytes matches its shape.
const Type& checked_type(const HeaderEntry& tensor) {
  const Type* const type = find_type(tensor.type);
  if (type == nullptr) {
    fail(ErrorCode::input, "tensor ", in_quotes(tensor.name), ": unknown dtype ", in_quotes(tensor.type),
         "; expected one of ", supported_types());
  }
  const uint64_t bytes = checked_bytes(tensor, type->size);
  if (bytes != tensor.end - tensor.begin) {
    fail(ErrorCode::input, "tensor ", in_quotes(tensor.name), ": shape and dtype ", tensor.type, " make ",
         bytes, " bytes, but data_offsets span ", tensor.end - tensor.begin);
  }
  return *type;
}

/// Size in bytes of a tensor to be written. Throws ErrorCode::usage.
size_t checked_bytes(const TensorEntry& tensor) {
  uint64_t bytes = size_of(tensor.dtype);
  for (int64_t size : tensor.shape) {
    const auto product = size < 0 ? std::nullopt : multiply(bytes, static_cast<uint64_t>(size));
    require(product.has_value(), "tensor ", in_quotes(tensor.name),
            ": a size in its shape is negative or too large");
    bytes = *product;
  }
  return bytes;
}

}  // namespace

SafetensorsFile::SafetensorsFile(MappedFile file) : file_(std::move(file)) {
  const Doing reading("reading ", path());
  const std::string_view text = header_text(file_);
  const size_t data_start = length_bytes + text.size();
  Header header = parse_header(text);
  for (const HeaderEntry* tensor : in_data_order(header, file_.size() - data_start)) {
    const Type& type = checked_type(*tensor);
    if (!type.dtype) {
      unsupported_.emplace(tensor->name, tensor->type);
      continue;
    }
    index_.emplace(tensor->name, entries_.size());
    entries_.push_back({tensor->name,
                        *type.dtype,
                        {tensor->shape.begin(), tensor->shape.end()},
                        file_.data() + data_start + tensor->begin,
                        tensor->end - tensor->begin});
  }
  metadata_ = std::move(header.metadata);
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void SafetensorsFile::each(const std::function<void(const TensorEntry&)>& use) const {
  for (const TensorEntry& entry : entries_) use(entry);
}

const TensorEntry& SafetensorsFile::at(std::string_view name) const {
  if (const TensorEntry* const found = find(name)) return *found;
  if (const auto found = unsupported_.find(name); found != unsupported_.end()) {
    fail(ErrorCode::input, path(), ": tensor ", in_quotes(name), " has dtype ", found->second,
         "; expected one of ", supported_types());
  }
  std::string some;
  for (size_t i = 0; i < std::min<size_t>(entries_.size(), 5); ++i)
    some += (i ? ", " : "") + in_quotes(entries_[i].name);
  fail(ErrorCode::input, path(), ": there is no tensor ", in_quotes(name), " among the file's ",
       entries_.size(), " (", some, entries_.size() > 5 ? ", ...)" : ")");
}

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<TensorEntry>& tensors,
                                     const Metadata& metadata)
    : file_(path) {
  const Doing writing("writing ", path);
  auto header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string_view> names{"__metadata__"};
  uint64_t offset = 0;
  for (const TensorEntry& tensor : tensors) {
    require(names.insert(tensor.name).second, "tensor ", in_quotes(tensor.name), ": the name is used twice");
    const size_t bytes = checked_bytes(tensor);
    uint64_t end = 0;
    require(!__builtin_add_overflow(offset, bytes, &end), "tensor ", in_quotes(tensor.name),
            ": the tensors have too many bytes in total");
    header[tensor.name] = {
        {"dtype", type_name(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
    pending_.push_back({tensor.name, bytes});
  }
  std::string text = exact_json_text(header);
  constexpr size_t alignment = 64;
  text.append((alignment - (length_bytes + text.size()) % alignment) % alignment, ' ');
  require(text.size() <= max_header_bytes, "the header has ", text.size(), " bytes; at most ",
          max_header_bytes, " are allowed");
  const uint64_t length = text.size();
  file_.append(&length, length_bytes);
  file_.append(text);
}

void SafetensorsWriter::append(std::string_view name, const void* data, size_t bytes) {
  size_t at = next_;
  while (at < pending_.size() && pending_[at].left == 0 && pending_[at].name != name) ++at;
  require(at < pending_.size() && pending_[at].name == name, "tensor ", in_quotes(name), " is out of order; ",
          at < pending_.size() ? "expected " + in_quotes(pending_[at].name) : "expected no more");
  Pending& tensor = pending_[at];
  require(bytes <= tensor.left, "tensor ", in_quotes(name), ": got ", bytes, " bytes, but only ", tensor.left,
          " are left");
  next_ = at;
  file_.append(data, bytes);
  tensor.left -= bytes;
}

FileSum SafetensorsWriter::finish() {
  for (const Pending& tensor : pending_) {
    require(tensor.left == 0, "tensor ", in_quotes(tensor.name), ": ", tensor.left, " bytes are missing");
  }
  return file_.commit();
}

}  // namespace hewn
