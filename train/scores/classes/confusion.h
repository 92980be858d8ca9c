#pragma once
// The agreement of a classifier's labels with the true ones.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hewn {

// Intervals of a proportion, such as an accuracy.

struct Bounds {
  double low = 0, high = 0;
};

/// The 95% score interval of a proportion, given `hits` out of `n` (Wilson, "Probable inference, the law of
/// succession, and statistical inference", 1927): unlike hits / n +- 1.96 standard errors, it stays within 0
/// and 1 and has a positive width even for 0 or n hits. n = 0 gives 0 to 1.
Bounds wilson_interval(int64_t hits, int64_t n);

/// The scores of one class. A ratio whose denominator is 0 is 0.
struct ClassScore {
  int64_t rows = 0;       ///< rows of this class
  int64_t predicted = 0;  ///< rows that were given this label
  double precision = 0;   ///< fraction of the rows given this label that are of this class
  double recall = 0;      ///< fraction of the rows of this class that were given this label
  double f1 = 0;          ///< harmonic mean of both
};

/// Counts of true and predicted labels.
class Confusion {
 public:
  explicit Confusion(size_t labels) : labels_(labels), counts_(labels * labels) {}

  /// Counts a row. Throws usage for a label that does not exist.
  void add(size_t truth, size_t predicted);

  /// The number of rows of class `truth` that were labelled `predicted`.
  int64_t count(size_t truth, size_t predicted) const { return counts_[truth * labels_ + predicted]; }
  int64_t rows() const;
  int64_t hits() const;
  /// Fraction of the rows whose label is right; 0 without rows.
  double accuracy() const;
  Bounds accuracy_interval() const { return wilson_interval(hits(), rows()); }
  ClassScore score(size_t label) const;
  /// Mean F1 of the classes that occur as true or predicted labels; 0 without rows.
  double macro_f1() const;

 private:
  size_t labels_;
  std::vector<int64_t> counts_;  // [truth, predicted]
};

}  // namespace hewn
