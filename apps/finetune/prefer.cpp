// hewn finetune prefer: from a language model and pairs of better and worse answers to a model that prefers the better.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/finetune/class_report.h"
#include "apps/finetune/finetune_start.h"
#include "apps/run/own_rows.h"
#include "apps/run/run_config.h"
#include "apps/train/training.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/tasks/preference/data.h"
#include "train/tasks/preference/reference.h"

namespace hewn::cli {
namespace {

// The pairs of all sides, as tokens; says what did not fit.
struct PreferenceRows {
  PreferencePairs train, val, test;

  PreferenceRows(const PreferenceData& data, const TalkEncoder& encoder, int64_t max_length)
      : train(preference_pairs(data.train, encoder, max_length)),
        val(preference_pairs(data.val, encoder, max_length)),
        test(preference_pairs(data.test, encoder, max_length)) {
    say_count(train.shortened + val.shortened + test.shortened,
              join("with an answer cut after max_length = ", max_length, " tokens"));
    say_count(train.dropped + val.dropped + test.dropped,
              join("left out: an answer, or the difference of the answers, lies beyond max_length = ",
                   max_length, " tokens"));
    say_notes(data.notes);
    if (train.pairs.empty())
      fail(ErrorCode::input, "no row fits: in every row, the first ", max_length,
           " tokens (max_length) end before the answers or before they differ; raise max_length, or use a "
           "model with a "
           "longer context");
  }
};

// Prints the first training pairs, as text or as data.
void show_pairs(const Settings& settings, const Tokenizer& tokenizer, const PreferenceData& data,
                const PreferencePairs& rows) {
  Json list = Json::array();
  const auto count = static_cast<size_t>(std::min(settings.integer("show"), std::ssize(rows.pairs)));
  for (size_t i = 0; i < count; ++i) {
    const int64_t line = data.train[static_cast<size_t>(rows.numbers[i])].chosen.line;
    const PreferencePair& pair = rows.pairs[i];
    const auto as_data = [](const TrainingRow& row) {
      return Json{{"tokens", row.tokens}, {"targets", row.targets}};
    };
    if (settings.flag("json")) {
      list.push_back(
          {{"line", line}, {"chosen", as_data(pair.chosen)}, {"rejected", as_data(pair.rejected)}});
      continue;
    }
    const std::string title =
        join("row ", i + 1, " of ", rows.pairs.size(), ", ", settings.text("data"), " line ", line);
    print(row_view(tokenizer, pair.chosen, title + ", chosen"),
          row_view(tokenizer, pair.rejected, title + ", rejected"));
  }
  if (settings.flag("json")) print(json_text(list), "\n");
}

// The log probabilities of the reference model, which is the model before the first step: those that the run has, or
// computed now. Returns false if a signal stopped that.
bool take_reference(const FinetuneStart& start, Model& model, PairSides& sides, int64_t batch_size) {
  const std::string path = start.run().file(reference_file);
  if (path_exists(path)) {
    read_reference(path, sides);
    return true;
  }
  if (start.state().step > 0)
    fail(ErrorCode::input, path,
         ": is missing; it holds the reference model's log probabilities, which cannot be computed again. "
         "Restore the file, or start again with --init_from=RUN and --force");
  catch_signals();
  say("compare with the model as it is now: computing the log probabilities of all answers");
  for (auto* pairs : {&sides.train, &sides.val, &sides.test})
    if (!note_reference(model, *pairs, batch_size, [] { return stop_signal() != 0; })) return false;
  write_reference(path, sides);
  return true;
}

}  // namespace

int run_finetune_prefer(const Settings& given) {
  Settings settings = given;
  FinetuneStart start(settings);
  const ChatTemplate chat = start.chat(settings);
  const PreferenceData data = open_preference_data(talk_files(settings, start.task()), chat);
  check_same_data(start.train_start(), data.hash);
  std::vector<std::string_view> texts = chat.texts();
  for (const auto* side : {&data.train, &data.val, &data.test})
    for (const Preference& row : *side) add_texts(row.chosen, texts), add_texts(row.rejected, texts);
  start.meet(settings, texts);
  const ModelConfig architecture = start.base_config();
  const int64_t max_length = start.max_length(settings, architecture);
  PreferenceRows rows(data, TalkEncoder(chat, start.texts()), max_length);
  if (settings.integer("show") > 0) {
    show_pairs(settings, start.tokenizer(), data, rows.train);
    return 0;
  }
  const int64_t batch_size = settings.integer("batch_size");
  PairSides sides{std::move(rows.train.pairs), std::move(rows.val.pairs), std::move(rows.test.pairs)};
  const int64_t longest =
      std::max({longest_row(sides.train), longest_row(sides.val), longest_row(sides.test)});
  const PairBatches batches(sides.train, batch_size, static_cast<uint64_t>(settings.integer("seed")));
  TrainConfig config = start.config(settings, architecture, batches, longest);
  config.preference.on = true;

  const Task task{
      .kind = Task::Kind::prefer, .columns = data.columns, .chat = chat, .max_length = max_length};
  const auto begun =
      start.begin(settings, config, data.hash, task,
                  split_text(sides.train.size(), sides.val.size(), sides.test.size(), "pairs"));
  if (!begun) return 0;
  begun->trainer.minimise(preference_loss(config.preference));
  Model& model = *begun->model;
  if (!take_reference(start, model, sides, batch_size)) {
    say(resume_hint(settings, start.run().path()));
    return stop_status();
  }

  Validator validate;
  if (!sides.val.empty())
    validate = [&](Model&, const Stop& stop) -> std::optional<Validation> {
      const auto score = score_preferences(model, sides.val, batch_size, config.preference, stop);
      if (!score) return std::nullopt;
      return Validation{.loss = score->loss,
                        .metrics = {{"val_margin", score->margin()},
                                    {"val_accuracy", score->accuracy()},
                                    {"val_likelier", score->likelier()}}};
    };
  TrainingRun training{settings, start.run(), config, begun->trainer, batches, validate, start.state()};
  training.at_end = [&] { return preference_report(model, sides, batch_size, config.preference); };
  training.next = "chat";
  return run_to_end(training);
}

}  // namespace hewn::cli
