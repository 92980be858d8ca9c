#include "model/weights/tensorflow/tensorflow.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/weights/bytes.h"
#include "model/weights/safetensors/safetensors_header.h"
#include "model/weights/tensorflow/table.h"

namespace hewn {
namespace {

using safetensors::in_quotes;

constexpr size_t most_hparams_bytes = size_t{1} << 20;
constexpr size_t most_bundle_dimensions = 8;

/// A field of a message (developers.google.com/protocol-buffers, "Message Structure"): a number, or bytes.
struct ProtoField {
  uint64_t field = 0, number = 0;
  std::string_view bytes;
};

ProtoField next_field(ByteReader& message) {
  ProtoField f;
  const uint64_t key = message.varint();
  f.field = key >> 3;
  switch (key & 7) {
    case 0: f.number = message.varint(); break;
    case 1: f.number = message.number<uint64_t>(); break;
    case 2: f.bytes = message.take(message.varint()); break;
    case 5: f.number = message.number<uint32_t>(); break;
    default: fail(ErrorCode::input, "a message in the index has a field of the unknown kind ", key & 7);
  }
  return f;
}

void check_bundle_header(std::string_view bytes) {
  ByteReader message(bytes, "the header of the index");
  uint64_t files = 1, big_endian = 0;
  while (message.left() > 0) {
    const ProtoField f = next_field(message);
    if (f.field == 1) files = f.number;
    if (f.field == 2) big_endian = f.number;
  }
  if (files != 1)
    fail(ErrorCode::input, "the tensors are in ", files,
         " files; only checkpoints with one file are supported");
  if (big_endian)
    fail(ErrorCode::input, "the checkpoint is big-endian; only little-endian ones are supported");
}

std::vector<int64_t> bundle_shape(std::string_view bytes) {
  ByteReader message(bytes, "a shape in the index");
  std::vector<int64_t> shape;
  while (message.left() > 0) {
    const ProtoField f = next_field(message);
    if (f.field == 3 && f.number) fail(ErrorCode::input, "the tensor's shape is unknown");
    if (f.field != 2) continue;
    if (shape.size() == most_bundle_dimensions)
      fail(ErrorCode::input, "the tensor has more than ", most_bundle_dimensions, " dimensions");
    ByteReader dimension(f.bytes, "a size in the index");
    shape.push_back(0);
    while (dimension.left() > 0)
      if (const ProtoField size = next_field(dimension); size.field == 1)
        shape.back() = static_cast<int64_t>(size.number);
    if (shape.back() < 0)
      fail(ErrorCode::input, "the tensor's shape has the size ", shape.back(), "; expected 0 or more");
  }
  return shape;
}

BundleEntry bundle_entry(const TableEntry& entry) {
  const Doing context("reading the entry of tensor ", in_quotes(entry.key));
  ByteReader message(entry.value, "the entry");
  BundleEntry tensor{.name = entry.key, .shape = {}};
  while (message.left() > 0) {
    const ProtoField f = next_field(message);
    switch (f.field) {
      case 1: tensor.dtype = static_cast<int>(std::min<uint64_t>(f.number, 1000)); break;
      case 2: tensor.shape = bundle_shape(f.bytes); break;
      case 3:
        if (f.number)
          fail(ErrorCode::input, "the tensor is in file ", f.number, ", but there is only file 0");
        break;
      case 4: tensor.offset = f.number; break;
      case 5: tensor.size = f.number; break;
      case 6: tensor.checksum = static_cast<uint32_t>(f.number); break;
      case 7: fail(ErrorCode::input, "the tensor is stored in slices; only whole tensors are supported");
      default: break;
    }
  }
  return tensor;
}

/// The DType of TensorFlow's type number (tensorflow/core/framework/types.proto).
std::optional<DType> bundle_dtype(int number) {
  constexpr std::pair<int, DType> known[] = {{1, DType::f32},   {2, DType::f64},  {3, DType::i32},
                                             {4, DType::u8},    {6, DType::i8},   {9, DType::i64},
                                             {14, DType::bf16}, {17, DType::u16}, {19, DType::f16}};
  for (const auto& [theirs, ours] : known)
    if (theirs == number) return ours;
  return std::nullopt;
}

/// Throws ErrorCode::input unless shape and type match the size in bytes.
void check_bundle_size(const BundleEntry& tensor, DType dtype) {
  std::optional<uint64_t> bytes = size_of(dtype);
  for (const int64_t size : tensor.shape)
    if (bytes) bytes = safetensors::multiply(*bytes, static_cast<uint64_t>(size));
  if (!bytes || *bytes != tensor.size)
    fail(ErrorCode::input, "tensor ", in_quotes(tensor.name), ": its shape does not match its ", tensor.size,
         " bytes");
}

void check_bundle_places(std::vector<const BundleEntry*> tensors, uint64_t data_bytes) {
  std::sort(tensors.begin(), tensors.end(),
            [](const BundleEntry* a, const BundleEntry* b) { return a->offset < b->offset; });
  uint64_t behind = 0;
  for (const BundleEntry* t : tensors) {
    if (t->offset > data_bytes || t->size > data_bytes - t->offset)
      fail(ErrorCode::input, "tensor ", in_quotes(t->name), " has ", t->size, " bytes at byte ", t->offset,
           ", but the data file has ", data_bytes, "; was it cut short?");
    if (t->size > 0 && t->offset < behind)
      fail(ErrorCode::input, "tensor ", in_quotes(t->name), " overlaps the previous tensor at byte ",
           t->offset);
    behind = std::max(behind, t->offset + t->size);
  }
}

ModelConfig openai_config(const std::string& text) {
  ModelConfig c;
  c.bias = true;
  try {
    const auto hparams = parse_json(text);
    c.vocab_size = hparams.at("n_vocab");
    c.block_size = hparams.at("n_ctx");
    c.n_embd = hparams.at("n_embd");
    c.n_head = hparams.at("n_head");
    c.n_layer = hparams.at("n_layer");
    c.check();
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, "the file does not have the expected content: ", json_reason(error));
  } catch (const Error& error) {
    throw Error(ErrorCode::input, error.what());
  }
  return c;
}

/// "transformer.h.3.attn.c_attn.weight" is "model/h3/attn/c_attn/w"; norms have "g" and "b".
Origin openai_origin(const Parameter& p, const ModelConfig&) {
  const int64_t width = p.shape[p.shape.rank() - 1];
  constexpr std::string_view first = "transformer.", block = "transformer.h.";
  if (p.name.ends_with(".wte.weight") || p.name.ends_with(".wpe.weight"))
    return {{{"model/" + p.name.substr(first.size(), 3), width}}};
  const size_t end = p.name.rfind('.');
  const bool in_block = p.name.starts_with(block);
  std::string name = in_block ? "h" + p.name.substr(block.size(), end - block.size())
                              : p.name.substr(first.size(), end - first.size());
  std::replace(name.begin(), name.end(), '.', '/');
  const char* kind = p.name.ends_with(".bias") ? "b" : p.shape.rank() == 2 ? "w" : "g";
  return {{{"model/" + name + "/" + kind, width}}};
}

}  // namespace

std::vector<BundleEntry> read_bundle_index(std::string_view index) {
  const std::vector<TableEntry> table = read_table(index);
  if (table.empty() || !table[0].key.empty())
    fail(ErrorCode::input, "the file has no header, so it is not the index of a checkpoint");
  check_bundle_header(table[0].value);
  std::vector<BundleEntry> tensors;
  for (size_t i = 1; i < table.size(); ++i) {
    tensors.push_back(bundle_entry(table[i]));
    if (const auto dtype = bundle_dtype(tensors.back().dtype)) check_bundle_size(tensors.back(), *dtype);
  }
  return tensors;
}

TensorflowCheckpoint::TensorflowCheckpoint(const std::string& prefix)
    : data_(prefix + ".data-00000-of-00001") {
  const MappedFile index(prefix + ".index");
  const Doing reading("reading ", index.path());
  refuse_foreign_kind(index.path(), index.text());
  refuse_foreign_text(data_.path(), data_.text());
  index_ = read_bundle_index(index.text());
  std::vector<const BundleEntry*> places;
  for (const BundleEntry& t : index_) places.push_back(&t);
  check_bundle_places(places, data_.size());
  std::vector<TensorEntry> entries;
  for (const BundleEntry& t : index_) {
    const auto dtype = bundle_dtype(t.dtype);
    if (dtype) entries.push_back({t.name, *dtype, t.shape, data_.data() + t.offset, t.size});
  }
  tensors_ = std::make_unique<TensorList>(std::move(entries), nullptr);
}

void TensorflowCheckpoint::verify() const {
  for (const BundleEntry& t : index_)
    if (masked_crc32c(crc32c(data_.text().substr(t.offset, t.size))) != t.checksum)
      fail(ErrorCode::input, data_.path(), ": the checksum of tensor ", in_quotes(t.name),
           " is wrong; the file is damaged");
}

bool looks_like_tensorflow(const fs::path& path) { return path_exists(path / "hparams.json"); }

ForeignModel open_tensorflow(const std::string& directory) {
  const Doing context("opening ", directory);
  const fs::path folder = directory;
  ForeignModel opened;
  opened.format = "TensorFlow, GPT-2 of OpenAI";
  {
    const Doing reading("reading hparams.json");
    opened.config = openai_config(read_small_file((folder / "hparams.json").string(), most_hparams_bytes));
  }
  auto checkpoint = std::make_shared<TensorflowCheckpoint>((folder / "model.ckpt").string());
  std::vector<TensorEntry> tensors;
  checkpoint->each([&](const TensorEntry& entry) {
    tensors.push_back(entry);
    std::vector<int64_t>& shape = tensors.back().shape;  // weights are stored as convolutions of width 1
    if (shape.size() == 3 && shape[0] == 1) shape.erase(shape.begin());
  });
  opened.tensors = std::make_unique<TensorList>(std::move(tensors), checkpoint);
  opened.verify = [checkpoint] { checkpoint->verify(); };
  opened.naming = {openai_origin,
                   [](std::string_view name, const ModelConfig&) { return !name.starts_with("model/"); }};
  if (path_exists(folder / "encoder.json"))
    opened.tokenizer = load_tokenizer((folder / "encoder.json").string());
  else
    opened.no_tokenizer = "the directory has no encoder.json";
  return opened;
}

}  // namespace hewn
