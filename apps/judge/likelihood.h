#pragma once
// Judges answers by their likelihood under a run, without a network.

#include <optional>
#include <string>

#include "apps/cli/settings.h"
#include "apps/run/open_run.h"

namespace hewn::cli {

/// The text before an answer if no template is given.
inline constexpr const char* likelihood_template = "{instruction}\n{input}\n";

class LikelihoodJudge {
 public:
  /// Opens the run of the key `run`. Throws ErrorCode::input if it has no tokenizer.
  explicit LikelihoodJudge(const Settings& settings);

  /// 100 times the geometric mean of the probabilities of the response's tokens after the prompt; empty for an
  /// empty response. Text beyond the model's context is cut from the left.
  std::optional<double> score(const std::string& prompt, const std::string& response);

 private:
  OpenRun run_;
};

}  // namespace hewn::cli
