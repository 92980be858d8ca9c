// hewn export: writes a trained model in the format of another program.

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/convert/exporting.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "model/json.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

// The template of a run that was trained to answer; "" for others.
std::string chat_template_of(const std::string& path, const ForeignModel& model) {
  if (is_foreign_model(path) || !model.tokenizer) return "";
  const std::optional<Task> task = read_task(run_of(path));
  return task && task->chat ? task->chat->jinja(model.texts().begin().has_value()) : "";
}

std::optional<MlpActivation> activation_of(const Settings& settings) {
  if (!settings.has("act")) return std::nullopt;
  MlpActivation act{};
  parse_name(settings.text("act"), act);
  return act;
}

}  // namespace

ExportOptions export_options(const Settings& settings, const std::string& path, const ForeignModel& model) {
  return {.block_size = settings.has("block_size") ? settings.integer("block_size") : 0,
          .act = activation_of(settings),
          .chat_template = chat_template_of(path, model),
          .force = settings.flag("force")};
}

int run_export(const Settings& settings) {
  require(settings.has("format"), "no format was given; add --format=hf, safetensors, llama2c or gguf");
  require(settings.has("out"), "no output path was given; add --out=PATH");
  const std::string path = named_run(settings);
  const ForeignModel model = open_merged(settings, path);
  ExportOptions options = export_options(settings, path, model);
  options.dtype = dtype_from_name(settings.text("dtype"));
  const Exported done = export_model(model, settings.text("format"), settings.text("out"), options);
  if (settings.flag("json")) {
    print(
        json_text(Json{{"format", settings.text("format")}, {"files", done.files}, {"notes", done.notes}}, 2),
        "\n");
    return 0;
  }
  for (const std::string& note : done.notes) say(note);
  for (const std::string& file : done.files) say("wrote ", file);
  return 0;
}

}  // namespace hewn::cli
