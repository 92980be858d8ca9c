// hewn eval: the loss on the whole validation split, beside the exact floor where there is one.

#include "apps/commands.h"
#include "apps/evaluation.h"
#include "apps/open_run.h"
#include "apps/run_config.h"
#include "apps/terminal.h"

namespace hewn::cli {

int run_eval(const Settings& settings) {
  OpenRun run = open_run(settings);
  DataOptions options = data_options(run.config);
  if (settings.given("dataset")) options.dataset = settings.text("dataset"), options.val.clear();
  if (settings.given("val")) options.val = settings.text("val");
  const Dataset data = open_dataset(options, run.tokenizer);
  const Evaluation result = evaluate(*run.model, data, run.model->config().block_size);
  print(settings.flag("json") ? evaluation_json(result, run.checkpoint) : evaluation_text(result));
  return 0;
}

}  // namespace hewn::cli
