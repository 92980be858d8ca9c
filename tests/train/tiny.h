#pragma once
// Models, batches and runs small enough to train in a test.

#include <cstring>
#include <string>
#include <vector>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "train/hewn.h"
#include "train/ranks/rank_exchange.h"

namespace hewn::test {

inline ModelConfig tiny_model() {
  return {.vocab_size = 11, .block_size = 8, .n_layer = 2, .n_head = 2, .n_embd = 16, .bias = true};
}

/// Random tokens and targets for `config`, every fifth target ignored.
inline Batch random_batch(Random& random, const ModelConfig& config, int64_t rows) {
  Batch batch{.rows = rows, .block_size = config.block_size, .tokens = {}, .targets = {}};
  for (int64_t i = 0; i < rows * config.block_size; ++i) {
    batch.tokens.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
    batch.targets.push_back(i % 5 == 4 ? ignored_target
                                       : static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
  }
  return batch;
}

/// Validation data of random tokens.
inline Dataset some_text(int64_t tokens, int64_t vocabulary) {
  Random random("text");
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < tokens; ++i) ids.push_back(static_cast<int32_t>(random.integer(0, vocabulary - 1)));
  Dataset data;
  data.vocab_size = vocabulary;
  data.val.resize(1);
  data.val[0].name = "text";
  data.val[0].tokens = Tokens(ids);
  data.val_weights = {1};
  return data;
}

/// What one allocation of `bytes` counts as: 256-byte units and, in builds that check memory, a fence on both sides.
inline size_t allocated(size_t bytes) {
  if (bytes == 0) return 0;
  const size_t before = cpu().pool().stats().live;
  const auto block = Storage::allocate(cpu(), 1);
  const size_t fences = cpu().pool().stats().live - before - 256;
  return (bytes + 255) / 256 * 256 + fences;
}

/// The bytes of a tensor.
inline std::string bytes_of(const Tensor& t) {
  std::string bytes(t.bytes(), '\0');
  t.device().download(bytes.data(), t.data(), bytes.size());
  return bytes;
}

/// The bytes of all parameters and all moments. With several ranks, all call it.
inline std::string bytes_of(Trainer& trainer) {
  using Piece = Optimizer::Piece;
  trainer.exchange().gather_values();
  std::string bytes;
  for (const Parameter& p : trainer.model().parameters().all()) bytes += bytes_of(p.value);
  for (const auto& moment : trainer.optimizer().moments())
    for (const Piece& piece : moment.pieces) {
      const std::string here = piece.here.defined() ? bytes_of(piece.here) : "";
      bytes += piece.owner == Piece::every_rank
                   ? here
                   : ranks_of(trainer)->gather(here).at(static_cast<size_t>(piece.owner));
    }
  return bytes;
}

/// What an Error thrown by `action` says, and its code; "" when nothing was thrown.
struct Thrown {
  std::string text;
  ErrorCode code = ErrorCode::failed;
  bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};
template <class Action>
Thrown thrown_by(Action action) {
  try {
    action();
  } catch (const Error& e) {
    return {e.what(), e.code()};
  }
  return {};
}

}  // namespace hewn::test

/// `action` must throw an Error of this code whose text contains `part`.
#define CHECK_ERROR(action, wanted, part)                               \
  do {                                                                  \
    const auto thrown = hewn::test::thrown_by([&] { (void)(action); }); \
    INFO("thrown: " << thrown.text);                                    \
    CHECK(thrown.code == (wanted));                                     \
    CHECK(!thrown.text.empty());                                        \
    CHECK(thrown.says(part));                                           \
  } while (false)
