// hewn eval: the probability of a text under a model, with the exact floor if it is known.

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/commands/commands.h"
#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/text/token_view.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

Dataset text_to_score(const Settings& settings, const OpenRun& run) {
  if (settings.given("val")) {
    require(run.tokenizer != nullptr, settings.where("val"), ": ", run.run,
            " cannot read text: ", run.no_tokenizer);
    return open_validation(settings.text("val"), run.tokenizer);
  }
  require(settings.given("dataset") || run.config.given("dataset"), run.run,
          " was not trained here, so it has no data of its own; give --dataset=WHAT or --val=FILE");
  DataOptions options = data_options(run.config);
  if (settings.given("dataset")) options.dataset = settings.text("dataset"), options.val.clear();
  return open_dataset(options, run.tokenizer);
}

/// Replaces training's error, which asks for a longer text or a smaller block_size; scoring needs neither.
void require_whole_windows(const Dataset& data, int64_t block_size) {
  for (const Split& split : data.val)
    if (!split.separator && split.tokens.size() <= block_size)
      fail(ErrorCode::input, split.name, ": has ", split.tokens.size(), " tokens, fewer than the ",
           block_size + 1, " of a whole window; give --stride=", block_size, " to score shorter texts");
}

void print_token(const Tokenizer* tokenizer, const ScoredToken& scored) {
  nlohmann::ordered_json record{{"token", scored.token}, {"logprob", scored.log_probability}};
  if (tokenizer) record = token_record(*tokenizer, scored.token, scored.log_probability);
  record["likeliest"] = scored.likeliest;
  print(record.dump(), "\n");
}

}  // namespace

int run_eval(const Settings& settings) {
  const bool json = settings.flag("json"), per_token = settings.flag("per_token");
  require(!(json && per_token), "json and per_token are different output formats; give one of them");
  OpenRun run = open_run(settings);
  const Dataset data = text_to_score(settings, run);
  EvalOptions options{.block_size = run.model->config().block_size, .stride = settings.integer("stride")};
  if (per_token) options.each = [&](const ScoredToken& scored) { print_token(run.tokenizer.get(), scored); };
  if (options.stride > 0 && data.longest_document() > 0)
    say("note: each document is scored in its own window, so stride has no effect");
  if (options.stride == 0) require_whole_windows(data, options.block_size);
  const Evaluation result = evaluate(*run.model, data, options);
  if (per_token)
    say(evaluation_text(result));
  else
    print(json ? evaluation_json(result, run.checkpoint) : evaluation_text(result));
  return 0;
}

}  // namespace hewn::cli
