#include "model/config.h"

#include "core/error.h"

namespace hewn {
ModelConfig ModelConfig::resolved() const {
  ModelConfig config = *this;
  for (const auto& key : model_keys)
    if (key.derive) key.derive(config);
  return config;
}

void ModelConfig::check() const {
  check_keys(model_keys, *this);
  require(n_labels != 1, "n_labels = 1, but a classifier needs at least two labels");
  require(!classifies() || arch == "gpt", "a classifier needs arch = gpt, not ", arch);
  if (arch != "gpt") return;
  require(n_embd % n_head == 0, "n_embd = ", n_embd, " must be a multiple of n_head = ", n_head);
  require(n_head % kv_heads() == 0, "n_kv_head = ", n_kv_head, "; it must divide n_head = ", n_head);
  require(pos != Positions::rotary || head_size() % 2 == 0,
          "pos = rope rotates pairs of elements, but a head has n_embd / n_head = ", head_size(),
          " elements; expected an even number");
  if (concatenates()) {
    require(n_embd % 2 == 0, "pos_combine = concat gives half of n_embd to positions, but n_embd = ", n_embd,
            " is odd");
    require(!tie,
            "pos_combine = concat has token embeddings of width n_embd / 2, which cannot be shared with the "
            "output head; use tie = false");
  }
}

}  // namespace hewn
