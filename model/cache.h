#pragma once
// The state that a model caches for sequences, so that a new token costs one step instead of a whole context.

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace hewn {

/// Cached values for a batch of sequences of equal length. The model that created the cache reads and extends
/// it.
class Cache {
 public:
  /// For at most `capacity` tokens of each sequence.
  explicit Cache(int64_t capacity) : capacity_(capacity) {}
  virtual ~Cache() = default;

  /// The number of cached tokens per sequence.
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
