// hewn merge: writes a run with whole weights from adapters and their base model.

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/train_start.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

// The configuration of the merged run: that of the run, but it trains all of its weights.
Settings merged_config(const std::string& path, const ForeignModel& model) {
  if (is_foreign_model(path)) return settings_of(model.config, "f32", path);
  Settings config = read_run_config(run_of(path));
  for (const Option* option : options_of(config.command()))
    if (option->name == "train" || option->name.starts_with("lora_"))
      config.set({std::string(option->name), option->initial, "merge"});
  return config;
}

Json origin_of(const Settings& settings, const std::string& path) {
  const auto whole = [](const std::string& name) { return absolute_path(name); };
  Json adapters = Json::array();
  for (const NamedAdapter& adapter : adapters_of(settings))
    adapters.push_back({{"path", whole(adapter.path)}, {"weight", adapter.weight}});
  return {{"merged_from", whole(path)}, {"adapters", adapters}};
}

// What a fine-tuned run knows of its task holds for the merged one.
std::optional<Task> task_of(const std::string& path) {
  return is_foreign_model(path) ? std::nullopt : read_task(run_of(path));
}

}  // namespace

int run_merge(const Settings& settings) {
  require(settings.has("out"), "no output run was given; add --out=RUN");
  const std::string path = named_run(settings);
  const bool has_own = !is_foreign_model(path) && is_adapted(find_checkpoint(path));
  require(has_own || settings.has("adapter"), path,
          " has no adapter to merge: it was not trained with train = lora; name one with --adapter=PATH");
  const ForeignModel model = open_merged(settings, path);
  const Settings config = merged_config(path, model);
  const RunDirectory run(settings.text("out"),
                         settings.flag("force") ? RunDirectory::Open::force : RunDirectory::Open::fresh,
                         "out");
  const std::string checkpoint =
      write_whole_run(run, model, config, origin_of(settings, path), task_of(path));
  const int64_t parameters = declare_model(model.config)->parameters().numel();
  if (settings.flag("json")) {
    print(json_text(Json{{"run", run.path()}, {"checkpoint", checkpoint}, {"parameters", parameters}}, 2),
          "\n");
    return 0;
  }
  print("run         ", run.path(), "\n", "parameters  ", long_count(parameters), "\n");
  if (model.tokenizer) say_next(program(), " sample ", shell_word(run.path()));
  return 0;
}

}  // namespace hewn::cli
