#pragma once
// What a model keeps of the sequences that it continues, so that a new token costs one step instead of a whole context.

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace hewn {

/// Kept values of a batch of sequences of equal length, which the model that made it reads and extends.
class Cache {
 public:
  /// For at most `capacity` tokens of each sequence.
  explicit Cache(int64_t capacity) : capacity_(capacity) {}
  virtual ~Cache() = default;

  /// Tokens held per sequence.
  int64_t length() const { return length_; }
  int64_t capacity() const { return capacity_; }
  /// Counts tokens after every layer has seen them.
  void advance(int64_t tokens) { length_ += tokens; }
  virtual void clear() { length_ = 0; }
  /// Selects these sequences, in this order; a sequence may occur several times, as in beam search.
  virtual void select(const std::vector<int64_t>& sequences) = 0;
  /// The addresses of the kept values. They change in `select`.
  std::vector<const void*> addresses() const {
    std::vector<const void*> all;
    for (const Tensor& values : kept_) all.push_back(values.data());
    return all;
  }

 protected:
  // A copy shares the kept values until one of the two selects.
  Cache(const Cache&) = default;
  Cache& operator=(const Cache&) = default;

  std::vector<Tensor> kept_;

 private:
  int64_t capacity_, length_ = 0;
};

}  // namespace hewn
