#pragma once
// hewn quantize --ladder: a comparison of all formats.

#include <memory>
#include <string>

#include "apps/cli/settings.h"
#include "kernels/contract/contract.h"
#include "model/json.h"
#include "model/weights/export.h"
#include "model/weights/foreign.h"
#include "train/divergence.h"

namespace hewn::cli {

/// Writes the model in each format to a temporary directory, measures it on the text of the key val, and prints a table
/// or JSON. `options` as for a single format. Throws like `export_model` and CostMeter.
void print_format_ladder(const Settings& settings, const ForeignModel& model, ExportOptions options);

// The loss of quality of a quantised model, and its speed of generation.

/// The speed at which a model generates one text, token by token.
struct WritingSpeed {
  double seconds_per_token = 0;
  /// The time to read the weights of a token at the measured bandwidth, divided by the time per token.
  double of_bandwidth = 0;
};

/// Generates 32 tokens a few times; the fastest run counts.
WritingSpeed writing_speed(Model& model);

/// Compares quantised files with the original model on a text.
class CostMeter {
 public:
  /// Opens the text of the key val, and the model in float32. Throws usage if the model cannot read text.
  CostMeter(const Settings& settings, const ForeignModel& model);

  struct Cost {
    Divergence lost;
    WritingSpeed speed;
  };
  Cost of_file(const std::string& file);
  WritingSpeed speed_before();

 private:
  std::unique_ptr<Executor> device_;
  std::unique_ptr<Model> before_;
  Dataset text_;
};

/// As the fields "perplexity", "kl", "same_top", "ms_per_token" and "bandwidth_percent" of a JSON object.
void add_cost(const CostMeter::Cost& cost, Json& to);

}  // namespace hewn::cli
