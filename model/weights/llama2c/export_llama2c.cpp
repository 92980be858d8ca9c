// Writes the files of llama2.c (github.com/karpathy/llama2.c), version 0, for its run.c.

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "core/io/path.h"
#include "model/tokenizer/sentencepiece.h"
#include "model/weights/export_formats.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/llama2c/llama2c.h"

namespace hewn::exporting {
namespace {

/// The tensors of each layer in file order: first one kind for all layers, then the next kind.
constexpr const char* llama2c_layers[] = {"attn_norm", "attn_q",   "attn_k",   "attn_v", "attn_output",
                                          "ffn_norm",  "ffn_gate", "ffn_down", "ffn_up"};

/// Cosines, then sines, of every position and pair. run.c computes its own and skips these.
std::vector<float> llama2c_turns(const ModelConfig& c) {
  std::vector<float> turns;
  for (const bool sines : {false, true}) {
    for (int64_t t = 0; t < c.block_size; ++t) {
      for (int64_t i = 0; i < c.head_size() / 2; ++i) {
        const double angle =
            static_cast<double>(t) *
            std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(c.head_size()));
        turns.push_back(static_cast<float>(sines ? std::sin(angle) : std::cos(angle)));
      }
    }
  }
  return turns;
}

/// Writes the vocabulary that `run.c -z` reads, next to the model, under the name that `open_llama2c` looks
/// for. Returns a note with the reason if there is none, else "".
std::string write_llama2c_vocabulary(const ForeignModel& model, int64_t vocab_size,
                                     const ExportOptions& options, const std::string& path, Exported& done) {
  if (!model.tokenizer) return "no tokenizer is written: " + model.no_tokenizer;
  const auto* pieces = tokenizers::sentence_pieces(*model.tokenizer);
  const auto file = pieces ? tokenizers::write_llama2c_tokenizer(*pieces, vocab_size) : std::nullopt;
  if (!file)
    return "no tokenizer is written: llama2.c cannot express one of kind " +
           std::string(model.tokenizer->kind());
  namespace fs = std::filesystem;
  const fs::path beside = fs::path(path).parent_path() / ("tok" + std::to_string(vocab_size) + ".bin");
  if (!options.force && path_exists(beside, ErrorCode::failed))
    return "no tokenizer is written: " + beside.string() + " already exists; replace it with --force";
  write_file_atomically(beside.string(), *file);
  done.files.push_back(beside.string());
  return "";
}

}  // namespace

Exported write_llama2c(const ForeignModel& model, const std::string& path, const ExportOptions& options) {
  const ModelConfig as =
      recast_config(model.config, options, family_of(model.config, "llama2.c"), RotaryPairs::interleaved);
  const auto number = [](int64_t n) { return static_cast<int32_t>(n); };
  const int32_t header[] = {number(as.n_embd),     number(as.mlp_size()),
                            number(as.n_layer),    number(as.n_head),
                            number(as.kv_heads()), number(as.tie ? as.vocab_size : -as.vocab_size),
                            number(as.block_size)};
  require_same_model("llama2.c", as, [&] {
    return llama2c_config({reinterpret_cast<const char*>(header), sizeof header});
  });
  require(options.dtype == DType::f32, "dtype = ", name_of(options.dtype),
          "; version 0 of llama2.c's format supports f32 only");
  Outgoing outgoing(model, as, gguf_naming());
  AtomicFile file(path);
  const auto put = [&](std::span<const float> values) {
    file.append(values.data(), values.size() * sizeof(float));
  };
  file.append(header, sizeof header);
  put(outgoing.values("token_embd.weight"));
  for (const char* kind : llama2c_layers)
    for (int64_t layer = 0; layer < as.n_layer; ++layer)
      put(outgoing.values("blk." + std::to_string(layer) + "." + kind + ".weight"));
  put(outgoing.values("output_norm.weight"));
  put(llama2c_turns(as));
  if (!as.tie) put(outgoing.values("output.weight"));
  file.commit();
  Exported done{.files = {path}, .notes = {}};
  if (std::string note = write_llama2c_vocabulary(model, as.vocab_size, options, path, done); !note.empty())
    done.notes.push_back(std::move(note));
  return done;
}

}  // namespace hewn::exporting
