#include "apps/run/text/instruct.h"

#include "core/error.h"
#include "train/tasks/task.h"

namespace hewn::cli {

std::optional<ChatTemplate> template_of_run(const OpenRun& run) {
  const std::optional<Task> task = task_of_run(run);
  return task ? task->chat : std::nullopt;
}

std::optional<TalkEncoder> instruct_encoder(const Settings& settings, const OpenRun& run) {
  if (!settings.flag("instruct")) return std::nullopt;
  require(!settings.given("shots"), settings.where("shots"),
          ": cannot be combined with instruct, whose prompts use the run's template; leave one of them out");
  if (settings.given("template")) return TalkEncoder(find_template(settings.text("template")), run.texts());
  const std::optional<ChatTemplate> chat = template_of_run(run);
  require(chat.has_value(), settings.where("instruct"), ": ", run.run,
          " was not trained by hewn finetune instruct or prefer; add --template=", template_names(),
          " or a file");
  return TalkEncoder(*chat, run.texts());
}

std::optional<TalkEncoder> run_encoder(const OpenRun& run) {
  const std::optional<ChatTemplate> chat = template_of_run(run);
  if (!chat) return std::nullopt;
  return TalkEncoder(*chat, run.texts());
}

std::optional<TalkEncoder> chat_encoder(const Settings& settings, const OpenRun& run) {
  if (settings.given("template") || settings.given("shots")) return std::nullopt;
  return run_encoder(run);
}

}  // namespace hewn::cli
