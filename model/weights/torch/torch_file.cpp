#include "model/weights/torch/torch_file.h"

#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/weights/safetensors/safetensors_header.h"
#include "model/weights/torch/zip.h"

namespace hewn {
namespace {

using safetensors::in_quotes;
using ZipFiles = std::map<std::string_view, std::string_view>;

constexpr size_t most_dimensions = 8;
constexpr size_t longest_folder = 256;  // with its slash

struct TorchType {
  std::string_view storage;
  size_t size;
  std::optional<DType> dtype;
};

constexpr TorchType torch_types[] = {
    {"torch.FloatStorage", 4, DType::f32}, {"torch.DoubleStorage", 8, DType::f64},
    {"torch.HalfStorage", 2, DType::f16},  {"torch.BFloat16Storage", 2, DType::bf16},
    {"torch.LongStorage", 8, DType::i64},  {"torch.IntStorage", 4, DType::i32},
    {"torch.CharStorage", 1, DType::i8},   {"torch.ByteStorage", 1, DType::u8},
    {"torch.ShortStorage", 2, {}},         {"torch.BoolStorage", 1, {}}};

const TorchType& torch_type_of(PickleValue storage) {
  for (const TorchType& type : torch_types)
    if (type.storage == storage.item(0).global()) return type;
  fail(ErrorCode::input, storage.item(0).global(), " is not a storage type");
}

/// The archive's top folder, which holds all files, with its slash.
std::string folder_of(const ZipFiles& files) {
  constexpr std::string_view pickle = "/data.pkl";
  for (const auto& [name, bytes] : files)
    if (name.ends_with(pickle) && name.find('/') == name.size() - pickle.size()) {
      const std::string_view folder = name.substr(0, name.size() - pickle.size() + 1);
      if (folder.size() > longest_folder)  // it is part of the name of every storage
        fail(ErrorCode::input, "the archive's folder has a name of ", folder.size() - 1,
             " bytes; expected at most ", longest_folder - 1);
      return std::string(folder);
    }
  fail(ErrorCode::input, "the archive has no data.pkl, so torch.save did not write it");
}

std::vector<int64_t> tuple_sizes(PickleValue tuple) {
  if (tuple.kind() != PickleKind::tuple || tuple.size() > most_dimensions)
    fail(ErrorCode::input, "expected shape and strides as tuples of at most ", most_dimensions, " numbers");
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < tuple.size(); ++i) {
    sizes.push_back(tuple.item(i).integer());
    if (sizes.back() < 0)
      fail(ErrorCode::input, "the tensor has the size or stride ", sizes.back(), "; expected 0 or more");
  }
  return sizes;
}

/// Number of elements of a row-major, contiguous tensor. Throws ErrorCode::input for other strides.
uint64_t rows_in_order(const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  if (shape.size() != strides.size())
    fail(ErrorCode::input, "the tensor has ", shape.size(), " sizes and ", strides.size(), " strides");
  for (const int64_t size : shape)
    if (size == 0) return 0;
  uint64_t numel = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] > 1 && static_cast<uint64_t>(strides[i]) != numel)
      fail(ErrorCode::input, "the tensor is a strided view (dimension ", i, " has stride ", strides[i],
           "; contiguous rows have ", numel, "); save its .contiguous() instead");
    const auto product = safetensors::multiply(numel, static_cast<uint64_t>(shape[i]));
    if (!product) fail(ErrorCode::input, "the tensor's shape is too large");
    numel = *product;
  }
  return numel;
}

/// A tensor of the file; empty if Hewn does not support its type.
std::optional<TensorEntry> tensor_entry(const ZipFiles& files, const std::string& folder,
                                        std::string_view name, PickleValue tensor) {
  const Doing context("reading tensor ", in_quotes(name));
  const PickleValue storage = tensor.item(0);
  const TorchType& type = torch_type_of(storage);
  const std::string key = folder + "data/" + std::string(storage.item(1).text().substr(0, 100));
  const auto values = files.find(key);
  if (values == files.end()) fail(ErrorCode::input, "there is no file ", in_quotes(key), " with its values");

  TensorEntry entry{.name = std::string(name), .shape = tuple_sizes(tensor.item(2))};
  const uint64_t numel = rows_in_order(entry.shape, tuple_sizes(tensor.item(3)));
  const int64_t offset = tensor.item(1).integer();
  const uint64_t held = values->second.size() / type.size;
  if (offset < 0 || static_cast<uint64_t>(offset) > held || numel > held - static_cast<uint64_t>(offset))
    fail(ErrorCode::input, "the tensor has ", numel, " values from number ", offset, " on, but ",
         in_quotes(key), " contains ", held);
  if (!type.dtype) return std::nullopt;
  entry.dtype = *type.dtype;
  entry.data = values->second.data() + static_cast<size_t>(offset) * type.size;
  entry.bytes = numel * type.size;
  return entry;
}

PickleValue state_dict(PickleValue root) {
  if (root.kind() != PickleKind::dict)
    fail(ErrorCode::input, "the file contains ", name_of(root.kind()), "; expected a dict of tensors");
  for (const char* key : {"model", "model_state_dict", "state_dict"})
    if (const auto found = root.find(key); found && found->kind() == PickleKind::dict) return *found;
  return root;
}

}  // namespace

TorchFile::TorchFile(const std::string& path) : file_(path) {
  const Doing reading("reading ", path);
  if (!file_.text().starts_with("PK")) refuse_foreign_kind(path, file_.text());
  if (file_.text().starts_with("\x80"))
    fail(ErrorCode::input,
         "the file is a bare pickle, as PyTorch wrote before version 1.6; load and save it with a newer "
         "version");
  const ZipFiles files = read_zip(file_.text());
  const std::string folder = folder_of(files);
  const auto order = files.find(folder + "byteorder");
  if (order != files.end() && order->second != "little")
    fail(ErrorCode::input, "the numbers have byte order ", in_quotes(order->second), "; expected \"little\"");
  pickle_ = std::make_unique<Pickle>(files.find(folder + "data.pkl")->second);

  const PickleValue saved = state_dict(root());
  std::vector<TensorEntry> entries;
  entries.reserve(saved.size());
  std::set<std::string_view> names;  // checked at once, since a dict of many entries may have one long key
  for (size_t i = 0; i < saved.size(); ++i) {
    if (saved.value(i).kind() != PickleKind::tensor) continue;
    if (!names.insert(saved.key(i).text()).second)
      fail(ErrorCode::input, "tensor ", in_quotes(saved.key(i).text()), " appears twice");
    auto entry = tensor_entry(files, folder, saved.key(i).text(), saved.value(i));
    if (entry) entries.push_back(std::move(*entry));
  }
  tensors_ = std::make_unique<TensorList>(std::move(entries), nullptr);
}

}  // namespace hewn
