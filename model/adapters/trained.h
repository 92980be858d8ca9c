#pragma once
// Selects the parameters that training changes. The others are frozen: they have neither gradients nor
// moments, and the backward pass ends below the lowest trained layer.

#include <string>

#include "model/adapters/lora.h"
#include "model/model.h"

namespace hewn {

/// The value of the key `train`.
struct WhatTrains {
  /// all; head: the output head only; last:K: the last K blocks, the final norm, and a head that has its own
  /// weights; lora: adapters, and a classifier's head.
  std::string what = "all";
  LoraConfig lora = {};
  /// Tokens from this id on are new. Their rows are trained even in otherwise frozen tables; 0: no token is
  /// new.
  int64_t first_new = 0;

  /// Throws usage for another word or a K that is not a number of at least 1.
  void check() const;
  bool adapts() const { return what == "lora"; }
};

/// Sets `Parameter::trains` of a declared model, and declares its adapters. With tied embeddings the head is
/// the matrix of token embeddings: `head` trains it in both uses, so the backward pass reaches the
/// embeddings; `last:K` freezes it. Throws usage if the model has no such parts.
void choose_trained(Model& declared, const WhatTrains& training);

/// A model to be trained so, with parameters allocated and drawn from `seed`. Throws like `choose_trained`.
std::unique_ptr<Model> make_model(const ModelConfig& config, const WhatTrains& training, Device& device,
                                  DType dtype, uint64_t seed);

}  // namespace hewn
