// hewn eval: the probability of a text under a model, with its exact lower bound if known.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/modes.h"
#include "apps/cli/terminal.h"
#include "apps/evaluate/score/score.h"
#include "apps/finetune/own_scores.h"
#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/ranks/cores.h"
#include "apps/run/ranks/launch.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

Dataset text_to_score(const Settings& settings, const OpenRun& run) {
  if (settings.given("val")) {
    require(run.tokenizer != nullptr, settings.where("val"), ": ", run.run,
            " cannot read text: ", run.no_tokenizer);
    return open_validation(settings.text("val"), run.tokenizer, run.text_form,
                           specials_of(settings.given("special") ? settings : run.config));
  }
  require(settings.given("dataset") || run.config.given("dataset"), run.run,
          " was not trained by Hewn, so it has no dataset; give --dataset=WHAT or --val=FILE");
  DataOptions options = data_options(run.config);
  options.accepted = !settings.given("dataset");
  if (options.accepted) return open_dataset(options, run.tokenizer);  // as in training
  options.dataset = settings.text("dataset"), options.val.clear();
  if (settings.given("special")) options.specials = specials_of(settings);
  Dataset data = open_dataset(options, run.tokenizer);
  if (run.tokenizer) data.score_as(run.texts().form());
  return data;
}

void print_token(const Tokenizer* tokenizer, const ScoredToken& scored) {
  Json record{{"token", scored.token}, {"logprob", scored.log_probability}};
  if (tokenizer) record = token_record(*tokenizer, scored.token, scored.log_probability);
  record["likeliest"] = scored.likeliest;
  print(json_text(record), "\n");
}

const std::string of_generated = join(
    "md csv answers methods max_new_tokens beam length_penalty slide kv stop batch_size ", sampling_names());
const Mode scorings[] = {
    {"tasks", "md csv answers shots delimiter"},
    {"generate", of_generated},
    {"responses", "md csv answers"},
    {"", "val dataset stride per_token against", "a text"},
};

int score_answers(const Settings& settings, std::string_view mode) {
  if (mode == "tasks") return run_eval_tasks(settings);
  return mode == "generate" ? run_eval_answers(settings) : run_eval_responses(settings);
}

// What the run has lost against `before`, such as the model whose weights it has quantised.
int eval_against(const Settings& settings, OpenRun& run, OpenRun& before) {
  require_language_model(before.model->config(), before.run);
  const Dataset data = text_to_score(settings, run.config.given("dataset") ? run : before);
  const int64_t block_size = std::min(run.model->config().block_size, before.model->config().block_size);
  const EvalOptions options{.block_size = block_size, .stride = settings.integer("stride")};
  const Divergence lost = divergence(*before.model, *run.model, data, options);
  if (settings.flag("json")) {
    Json out{{"before", before.checkpoint}, {"after", run.checkpoint}};
    out.update(divergence_record(lost));
    print(json_text(out, 2), "\n");
  } else {
    print(divergence_text(lost));
  }
  return 0;
}

// Scores a text, or the rows of a fine-tuned run.
int eval_text(const Settings& settings, Ranks* ranks) {
  const bool json = settings.flag("json"), per_token = settings.flag("per_token");
  require(!(json && per_token), "json and per_token are different output formats; give one of them");
  require(!ranks || !per_token, "per_token works in one process only; leave out per_token or ranks");
  const std::string path = named_run(settings);
  OpenRun run = open_run(settings, path, open_device(settings, ranks));
  if (!settings.given("val") && !settings.given("dataset"))
    if (const std::optional<Task> task = task_of_run(run)) {
      require(!ranks, run.run, " is scored on its own rows, in one process; leave out ranks");
      return eval_own_rows(settings, run, *task);
    }
  require_language_model(run.model->config(), run.run);
  if (settings.given("against")) {
    require(!per_token, "per_token works with one model only; leave out per_token or against");
    require(!ranks, "against works in one process only; leave out against or ranks");
    OpenRun before = open_run(without_adapters(settings), settings.text("against"));
    return eval_against(settings, run, before);
  }
  const Dataset data = text_to_score(settings, run);
  if (!ranks || ranks->rank() == 0) say_notes(data.notes);
  if (ranks) {
    require_agreement(*ranks, *run.model, data.hash);
    say_ranks(*ranks, *run.device);
  }
  EvalOptions options{.block_size = run.model->config().block_size, .stride = settings.integer("stride")};
  if (per_token) options.each = [&](const ScoredToken& scored) { print_token(run.tokenizer.get(), scored); };
  if (options.stride > 0 && data.longest_document() > 0)
    say("note: each document is scored in its own window, so stride has no effect");
  const Evaluation result = evaluate(*run.model, data, options, ranks);
  if (ranks && ranks->rank() > 0) return 0;
  if (per_token)
    say(evaluation_text(result));
  else
    print(json ? evaluation_json(result, run.checkpoint) : evaluation_text(result));
  return 0;
}

}  // namespace

int run_eval(const Settings& settings) {
  const int64_t ranks = ranks_to_launch(settings);
  const bool is_rank = started_as_rank();
  if (const Mode& mode = chosen_mode(settings, scorings); !mode.key.empty()) {
    require(!is_rank && ranks == 1, mode.key, " runs in one process; leave out ranks, mpirun and srun");
    return score_answers(settings, mode.key);
  }
  if (is_rank) return as_one_of_ranks(settings, [&](Ranks& r) { return eval_text(settings, &r); });
  return ranks > 1 ? launch_ranks(settings, {.ranks = ranks}) : eval_text(settings, nullptr);
}

}  // namespace hewn::cli
