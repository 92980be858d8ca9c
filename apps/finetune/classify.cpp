// hewn finetune classify: from a language model and a table of texts with labels to a classifier.

#include <filesystem>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/finetune/class_report.h"
#include "apps/finetune/finetune_start.h"
#include "apps/run/own_rows.h"
#include "apps/run/run_config.h"
#include "apps/train/training.h"
#include "core/error.h"
#include "model/json.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

/// The texts of a task as tokens.
struct ClassTexts {
  EncodedRows train, val, test;

  int64_t longest() const { return std::max({train.longest, val.longest, test.longest}); }
};

ClassTexts encode(const ClassData& data, const TextReader& reader, int64_t max_length) {
  ClassTexts texts{encode_rows(data.train, reader), encode_rows(data.val, reader),
                   encode_rows(data.test, reader)};
  say_notes(data.notes);
  say_count(
      texts.train.cut + texts.val.cut + texts.test.cut,
      join("of more than max_length = ", max_length, " tokens: only the last ", max_length, " are read"));
  say_count(texts.train.empty + texts.val.empty + texts.test.empty,
            "without a token: an end of text is read instead");
  return texts;
}

}  // namespace

int run_finetune_classify(const Settings& given) {
  Settings settings = given;
  FinetuneStart start(settings);
  const ClassData data = open_class_data(class_data_options(settings, start.task()));
  check_same_data(start.train_start(), data.hash);
  start.meet(settings, texts_of(data));
  ModelConfig architecture = start.base_config();
  architecture.n_labels = std::ssize(data.labels);
  parse_name(settings.text("position"), architecture.position);
  const int64_t max_length =
      start.max_length(settings, architecture);  // the task's limit; the data may need less
  const ClassTexts texts = encode(data, TextReader(start.texts(), max_length), max_length);

  Balance balance{};
  parse_name(settings.text("balance"), balance);
  const auto seed = static_cast<uint64_t>(settings.integer("seed"));
  const RowBatches batches(
      training_rows(texts.train.texts, static_cast<int32_t>(data.labels.size()), balance, seed),
      settings.integer("batch_size"), seed);
  const TrainConfig config = start.config(settings, architecture, batches, texts.longest());

  const std::string rows = split_text(data.train.size(), data.val.size(), data.test.size(), "rows");
  const Task task{.kind = Task::Kind::classify,
                  .labels = data.labels,
                  .columns = {{"text", settings.text("text")}, {"label", settings.text("label")}},
                  .position = settings.text("position"),
                  .max_length = max_length};
  const auto begun =
      start.begin(settings, config, data.hash, task, join(rows, "; ", data.labels.size(), " labels"));
  if (!begun) return 0;

  const ClassScorer scorer(*begun->model, data, texts.val, texts.test);
  ClassScores latest{"", {0, Confusion(0)}, Confusion(0), Confusion(0)};
  Validator validate;
  if (!data.val.empty())
    validate = [&](Model&, const Stop& stop) -> std::optional<Validation> {
      auto scores = scorer.val(stop);
      if (!scores) return std::nullopt;
      latest = std::move(*scores);
      return Validation{.loss = latest.model.loss,
                        .metrics = {{"val_accuracy", latest.model.counts.accuracy()},
                                    {"val_f1_macro", latest.model.counts.macro_f1()}}};
    };
  TrainingRun training{settings, start.run(), config, begun->trainer, batches, validate, start.state()};
  if (validate) training.report = [&] { return scores_text(latest, data.labels); };
  // The scores of the validation rows have been printed before.
  training.at_end = [&] { return scorer.report(is_quiet()); };
  training.next = "classify";
  return run_to_end(training);
}

}  // namespace hewn::cli
