#include "model/weights/llama2c/llama2c.h"

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "model/weights/bytes.h"
#include "model/weights/huggingface/huggingface_names.h"

namespace hewn {
namespace {

constexpr uint32_t llama2c_magic = 0x616b3432;
constexpr size_t version1_header = 256;

/// The content of the header.
struct Llama2cHeader {
  int version = 0;
  ModelConfig config;
  size_t bytes = 0;  ///< length of the header
};

Llama2cHeader read_llama2c_header(std::string_view file) {
  ByteReader reader(file, "the header");
  Llama2cHeader header;
  if (reader.number<uint32_t>() == llama2c_magic) {
    header.version = reader.number<int32_t>();
    if (header.version != 1)
      fail(ErrorCode::input, "the file has format version ", header.version,
           header.version == 2 ? ", quantised;" : ";", " versions 0 and 1 are supported");
  } else {
    reader = ByteReader(file, "the header");
  }
  ModelConfig& c = header.config;
  int64_t sizes[7];
  for (int64_t& size : sizes) size = reader.number<int32_t>();
  const auto [dim, hidden, layers, heads, kv_heads, vocab, longest] = sizes;
  // In version 0, a negative vocabulary size means that the head has its own weights.
  c.tie = header.version == 1 ? reader.number<uint8_t>() != 0 : vocab > 0;
  header.bytes = header.version == 1 ? version1_header : reader.at();
  const int64_t tokens = header.version == 0 && vocab < 0 ? -vocab : vocab;
  for (const auto& [name, size] : {std::pair("width", dim),
                                   {"hidden width", hidden},
                                   {"number of layers", layers},
                                   {"number of heads", heads},
                                   {"number of key heads", kv_heads},
                                   {"vocabulary", tokens},
                                   {"longest context", longest}})
    if (size < 1) fail(ErrorCode::input, "the ", name, " is ", size, "; is this a model of llama2.c?");
  c.vocab_size = tokens;
  c.block_size = longest;
  c.n_layer = layers;
  c.n_head = heads;
  c.n_kv_head = kv_heads;
  c.n_embd = dim;
  c.mlp_width = hidden;
  c.bias = false;
  c.qkv_bias = false;
  c.norm = NormKind::rmsnorm;
  c.norm_eps = 1e-5;
  c.pos = Positions::rotary;
  c.rope_pairs = RotaryPairs::interleaved;
  c.act = MlpActivation::swiglu;
  try {
    c.check();
  } catch (const Error& error) {
    throw Error(ErrorCode::input, error.what());
  }
  return header;
}

/// Takes tensors from the values in file order, under the names used in Hugging Face's files.
class Llama2cTensors {
 public:
  explicit Llama2cTensors(std::string_view values) : values_(values) {}

  /// Without a name, the values are skipped.
  void take(const std::string& name, const std::vector<int64_t>& shape) {
    size_t bytes = sizeof(float);
    for (const int64_t size : shape)
      if (__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes))
        bytes = SIZE_MAX;  // more than any file has
    needed_ = __builtin_add_overflow(needed_, bytes, &needed_) ? SIZE_MAX : needed_;
    if (needed_ > values_.size()) return;
    const char* data = values_.data() + needed_ - bytes;
    if (!name.empty())
      entries_.push_back({.name = name, .dtype = DType::f32, .shape = shape, .data = data, .bytes = bytes});
  }
  /// Takes one tensor per layer.
  void take_layers(int64_t layers, const std::string& name, const std::vector<int64_t>& shape) {
    for (int64_t layer = 0; layer < layers && needed_ <= values_.size(); ++layer)
      take("model.layers." + std::to_string(layer) + "." + name + ".weight", shape);
  }
  std::vector<TensorEntry> finish(size_t header) {
    if (needed_ > values_.size())
      fail(ErrorCode::input, "the header describes more values than fit in the file's ",
           values_.size() + header, " bytes; was it cut short?");
    if (needed_ < values_.size())
      fail(ErrorCode::input, "the file has ", values_.size() + header, " bytes, but its header describes ",
           needed_ + header);
    return std::move(entries_);
  }

 private:
  std::string_view values_;
  std::vector<TensorEntry> entries_;
  size_t needed_ = 0;
};

std::vector<TensorEntry> llama2c_entries(const Llama2cHeader& header, std::string_view values) {
  const ModelConfig& c = header.config;
  const int64_t C = c.n_embd, L = c.n_layer, H = c.mlp_width, kv = c.kv_heads() * c.head_size();
  const bool old = header.version == 0;
  Llama2cTensors tensors(values);
  const auto norms = [&](const char* name) { tensors.take_layers(L, name, {C}); };
  const auto embedding = [&] { tensors.take("model.embed_tokens.weight", {c.vocab_size, C}); };
  if (old) embedding();
  norms("input_layernorm");
  if (!old) {
    norms("post_attention_layernorm");
    tensors.take("model.norm.weight", {C});
    embedding();
  }
  tensors.take_layers(L, "self_attn.q_proj", {C, C});
  tensors.take_layers(L, "self_attn.k_proj", {kv, C});
  tensors.take_layers(L, "self_attn.v_proj", {kv, C});
  tensors.take_layers(L, "self_attn.o_proj", {C, C});
  if (old) norms("post_attention_layernorm");
  tensors.take_layers(L, "mlp.gate_proj", {H, C});
  tensors.take_layers(L, "mlp.down_proj", {C, H});
  tensors.take_layers(L, "mlp.up_proj", {H, C});
  if (old) {
    tensors.take("model.norm.weight", {C});
    tensors.take("", {c.block_size, c.head_size()});  // cosines and sines, which are computed here instead
  }
  if (!c.tie) tensors.take("lm_head.weight", {c.vocab_size, C});
  return tensors.finish(header.bytes);
}

void find_llama2c_tokenizer(const fs::path& model, ForeignModel& opened) {
  const std::string own = "tok" + std::to_string(opened.config.vocab_size) + ".bin";
  opened.no_tokenizer = "there is no tokenizer.bin or " + own + " beside it; give --tokenizer=FILE";
  for (const std::string& name : {own, std::string("tokenizer.bin")}) {
    const fs::path file = model.parent_path() / name;
    if (!path_exists(file)) continue;
    opened.tokenizer = load_tokenizer(file.string());
    opened.no_tokenizer.clear();
    return;
  }
}

}  // namespace

bool looks_like_llama2c(const fs::path& path) { return path.extension() == ".bin" && path_is_file(path); }

ModelConfig llama2c_config(std::string_view header) { return read_llama2c_header(header).config; }

ForeignModel open_llama2c(const std::string& path) {
  const Doing context("opening ", path);
  const auto file = std::make_shared<const MappedFile>(path);
  refuse_foreign_kind(path, file->text());
  const Llama2cHeader header = read_llama2c_header(file->text());
  if (file->size() < header.bytes)
    fail(ErrorCode::input, "the file ends within its header of ", header.bytes, " bytes");
  ForeignModel opened;
  opened.format = "llama2.c, version " + std::to_string(header.version);
  opened.config = header.config;
  opened.tensors =
      std::make_unique<TensorList>(llama2c_entries(header, file->text().substr(header.bytes)), file);
  opened.naming = llama_naming();
  find_llama2c_tokenizer(path, opened);
  return opened;
}

}  // namespace hewn
