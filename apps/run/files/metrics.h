#pragma once
// RUN/metrics.jsonl as series of numbers (docs/formats.md).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace hewn::cli {

/// The lines that have a number under one name, in the order of the file.
struct Series {
  std::vector<int64_t> steps;
  std::vector<double> values;
};

/// The lines that have numbers of the model's parts under one name, such as `grad_norms`.
struct PartSeries {
  std::vector<std::string> parts;  ///< in the order of the file: "wte", "h.0"
  std::vector<int64_t> steps;
  std::vector<std::vector<double>> values;  ///< [steps][parts]; NaN where a part is absent
};

struct Metrics {
  std::map<std::string, Series> numbers;    ///< by name: "loss", "val_loss"
  std::map<std::string, PartSeries> parts;  ///< by name: "grad_norms"
  int64_t lines = 0;
  int64_t unreadable = 0;  ///< lines that are not a JSON object with a step
  int64_t not_finite = 0;  ///< numbers omitted because they were NaN or infinite (null in the file)

  /// The series of this name; an empty one if there is none.
  const Series& of(const std::string& name) const;
};

/// Reads the complete lines of a file; no lines if it does not exist. Throws ErrorCode::input if it cannot be read.
Metrics read_metrics(const std::string& path);

}  // namespace hewn::cli
