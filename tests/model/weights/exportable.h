#pragma once
// Small models to be written for other programs.

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/devices/devices.h"
#include "model/weights/export.h"
#include "model/weights/outgoing.h"
#include "model/weights/weights.h"
#include "tests/support/env.h"

namespace hewn::test {

inline ModelConfig gpt2_like() {
  ModelConfig c;
  c.vocab_size = 11;
  c.block_size = 6;
  c.n_layer = 2;
  c.n_head = 2;
  c.n_embd = 8;
  c.mlp_width = 12;
  c.bias = true;
  return c;
}

inline ModelConfig llama_like() {
  ModelConfig c = gpt2_like();
  c.n_head = 4;
  c.n_kv_head = 2;
  c.n_embd = 16;
  c.bias = false;
  c.tie = false;
  c.norm = NormKind::rmsnorm;
  c.pos = Positions::rotary;
  c.act = MlpActivation::swiglu;
  return c;
}

template <class Change>
ModelConfig with(ModelConfig config, const Change& change) {
  change(config);
  return config;
}

/// A model with all its parameters at random, norms and biases too, saved to be exported.
struct Exportable {
  TempDir dir;
  std::unique_ptr<Model> model;
  ForeignModel own;

  explicit Exportable(const ModelConfig& config, std::shared_ptr<const Tokenizer> tokenizer = nullptr)
      : model(make_model(config, cpu(), DType::f32, 3, false)) {
    float next = 0;
    for (Parameter& p : model->parameters().all()) {
      std::vector<float> values = p.value.values<float>();
      for (float& value : values) value += 0.1f * std::sin(next += 1);
      p.value.upload(values.data());
    }
    const std::string weights = (dir / "model.safetensors").string();
    save_weights(weights, *model);
    own = own_model(weights, config, std::move(tokenizer));
  }

  std::string path(const std::string& name) const { return (dir / name).string(); }
  /// The model as it is after being written and opened again.
  std::unique_ptr<Model> again(const char* format, const ExportOptions& options = {}) const {
    std::filesystem::remove_all(dir / format);
    export_model(own, format, path(format), options);
    return load_foreign(open_foreign(path(format)), cpu());
  }
};

}  // namespace hewn::test
