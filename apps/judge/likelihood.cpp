#include "apps/judge/likelihood.h"

#include <algorithm>
#include <cmath>

#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "core/tape.h"
#include "model/generation/context.h"
#include "train/data/batch_tensors.h"

namespace hewn::cli {
namespace {

// Opens the run as `hewn eval` would.
OpenRun opened(const Settings& settings) {
  Settings named(*find_command("eval"));
  for (const char* key : {"device", "threads", "dtype", "matmul_precision"})
    if (settings.given(key)) named.set({key, settings.text(key), settings.where(key)});
  named.arguments = {settings.text("run")};
  OpenRun run = open_run(named);
  require_language_model(run.model->config(), run.run);
  if (!run.tokenizer)
    fail(ErrorCode::input, run.run, " cannot read text: ", run.no_tokenizer, "; judge with another run");
  return run;
}

}  // namespace

LikelihoodJudge::LikelihoodJudge(const Settings& settings) : run_(opened(settings)) {}

std::optional<double> LikelihoodJudge::score(const std::string& prompt, const std::string& response) {
  const NoGrad none;
  std::vector<int32_t> tokens = encoded_prompt(run_.texts(), prompt, "the prompt").tokens;
  const std::vector<int32_t> answer = run_.texts().more(response);
  if (answer.empty()) return std::nullopt;
  tokens.insert(tokens.end(), answer.begin(), answer.end());
  keep_newest(tokens, run_.model->config().block_size + 1, run_.texts().begin());
  const auto T = static_cast<int64_t>(tokens.size()) - 1;
  Batch batch{.rows = 1,
              .block_size = T,
              .tokens = {tokens.begin(), tokens.end() - 1},
              .targets = {tokens.begin() + 1, tokens.end()}};
  const auto scored = std::min(answer.size(), batch.targets.size());
  std::fill(batch.targets.begin(), batch.targets.end() - static_cast<std::ptrdiff_t>(scored), ignored_target);
  const Tensor loss = run_.model->loss(batch_tensor(run_.model->device(), batch, batch.tokens),
                                       batch_tensor(run_.model->device(), batch, batch.targets));
  return 100 * std::exp(-loss.item());
}

}  // namespace hewn::cli
