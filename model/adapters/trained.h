#pragma once
// Which parameters training changes. The others keep their values: they have neither gradients nor moments, and the
// backward pass ends below the lowest layer that trains.

#include <string>

#include "model/adapters/lora.h"
#include "model/model.h"

namespace hewn {

/// What training changes, as the key `train` states it.
struct WhatTrains {
  /// all; head: the output head only; last:K: the last K blocks, the final norm, and a head with weights of its own;
  /// lora: adapters, and a classifier's head.
  std::string what = "all";
  LoraConfig lora = {};
  /// Tokens from this id on are new. Their rows train beside whatever else does, also in tables that otherwise keep their
  /// values; 0: no token is.
  int64_t first_new = 0;

  /// Throws usage for another word or a K that is not a number of at least 1.
  void check() const;
  bool adapts() const { return what == "lora"; }
};

/// Sets `Parameter::trains` of a declared model, and declares its adapters. With tied embeddings the head is the matrix of token embeddings:
/// `head` trains it in both uses, so the backward pass reaches the embeddings, and `last:K` leaves it as it is.
/// Throws usage if the model has no such parts.
void choose_trained(Model& declared, const WhatTrains& training);

/// A model to be trained like this, with parameters allocated and drawn from `seed`. Throws like `choose_trained`.
std::unique_ptr<Model> make_model(const ModelConfig& config, const WhatTrains& training, Device& device,
                                  DType dtype, uint64_t seed);

}  // namespace hewn
