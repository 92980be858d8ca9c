#include "apps/gradcheck/subject.h"

#include <algorithm>

#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "core/io/path.h"

namespace hewn::cli {

std::unique_ptr<Model> Subject::make(Device& device, DType dtype, uint64_t seed) const {
  check_parameter_memory(config, 4 * sizeof(double));  // values, gradients, where they start, where they go
  auto model = make_model(config, device, dtype, seed);
  if (run) load_foreign(*run, *model);
  return model;
}

Subject subject_of(const Settings& settings) {
  if (settings.arguments.empty()) {
    const ModelConfig config = model_config(settings, data_sizes(settings));
    require(config.arch != "ngram", settings.where("arch"),
            ": n-grams are counted and have no gradients to check");
    return {config, std::nullopt};
  }
  const std::string& path = settings.arguments[0];
  require(settings.arguments.size() == 1, "two runs were given, ", path, " and ", settings.arguments.back(),
          "; give one");
  require(is_lesson(path) || path_exists(path), "'", path,
          "' is neither a run, a model file, a CONFIG.toml nor a key");
  Subject subject{.config = {}, .run = open_merged(settings, path)};
  subject.config = subject.run->config;
  require(subject.config.arch != "ngram", path, " counts n-grams: it has no gradients to check");
  for (const Assignment& of_run : model_settings(subject.config, path))
    require(!settings.takes(of_run.key) || !settings.given(of_run.key) ||
                settings.text(of_run.key) == of_run.value,
            settings.where(of_run.key), ": ", of_run.key, " = ", settings.text(of_run.key), ", but ", path,
            " has ", of_run.value, "; leave it out");
  return subject;
}

namespace {

/// The tokens of `text` and their successors as one row.
Batch batch_of_text(const Settings& settings, const Subject& subject) {
  require(subject.run.has_value(), settings.where("prompt"),
          ": text needs the tokenizer of a RUN; leave text out");
  const ForeignModel& model = *subject.run;
  if (!model.tokenizer)
    fail(ErrorCode::input, settings.arguments[0], " cannot read text: ", model.no_tokenizer);
  require(!model.config.classifies(), settings.where("prompt"),
          ": the model is a classifier, whose targets are labels; leave text out");
  const std::vector<int32_t> ids = model.texts().text(settings.text("prompt"));
  check_row_of_text(settings, ids.size(), model.config);
  Batch batch{.rows = 1, .block_size = std::ssize(ids) - 1, .tokens = ids, .targets = ids};
  batch.tokens.pop_back();
  batch.targets.erase(batch.targets.begin());
  return batch;
}

}  // namespace

std::vector<Batch> batches_of(const Settings& settings, const Subject& subject) {
  if (settings.given("prompt")) return {batch_of_text(settings, subject)};
  ModelConfig shortened = subject.config;
  shortened.block_size = std::min(shortened.block_size, settings.integer("length"));
  const auto seed = static_cast<uint64_t>(settings.integer("seed"));
  std::vector<Batch> batches;
  for (int64_t i = 0; i < settings.integer("gradient_accumulation_steps"); ++i)
    batches.push_back(
        random_batch(settings.integer("batch_size"), shortened, seed + static_cast<uint64_t>(i)));
  return batches;
}

}  // namespace hewn::cli
