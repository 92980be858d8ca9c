// hewn finetune instruct: from a language model and a table of instructions to a model that answers.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/finetune/finetune_start.h"
#include "apps/finetune/own_scores.h"
#include "apps/run/own_rows.h"
#include "apps/run/run_config.h"
#include "apps/train/training.h"
#include "core/error.h"
#include "model/json.h"
#include "train/tasks/instruct_data.h"

namespace hewn::cli {
namespace {

// The rows of all sides, as tokens; says what did not fit.
struct InstructRows {
  TalkRows train, val;

  InstructRows(const InstructData& data, const TalkEncoder& encoder, Mask mask, int64_t max_length)
      : train(training_rows(data.train, encoder, mask, max_length)),
        val(training_rows(data.val, encoder, mask, max_length)) {
    say_count(train.shortened + val.shortened, join("cut after max_length = ", max_length, " tokens"));
    say_count(train.dropped + val.dropped,
              join("left out: the prompt alone takes max_length = ", max_length, " tokens"));
    say_notes(data.notes);
    if (train.rows.empty())
      fail(ErrorCode::input, "no row fits: every prompt takes max_length = ", max_length,
           " tokens or more; raise max_length, or use a model with a longer context");
  }

  int64_t longest() const {
    size_t most = 1;
    for (const TalkRows* side : {&train, &val})
      for (const TrainingRow& row : side->rows) most = std::max(most, row.tokens.size());
    return static_cast<int64_t>(most);
  }
};

// Prints the first training rows, as text or as data.
void show_rows(const Settings& settings, const Tokenizer& tokenizer, const InstructData& data,
               const TalkRows& rows) {
  Json list = Json::array();
  const auto count = static_cast<size_t>(std::min(settings.integer("show"), std::ssize(rows.rows)));
  for (size_t i = 0; i < count; ++i) {
    const int64_t line = data.train[static_cast<size_t>(rows.numbers[i])].line;
    const TrainingRow& row = rows.rows[i];
    if (settings.flag("json"))
      list.push_back({{"line", line}, {"tokens", row.tokens}, {"targets", row.targets}});
    else
      print(row_view(
          tokenizer, row,
          join("row ", i + 1, " of ", rows.rows.size(), ", ", settings.text("data"), " line ", line)));
  }
  if (settings.flag("json")) print(json_text(list), "\n");
}

}  // namespace

int run_finetune_instruct(const Settings& given) {
  Settings settings = given;
  FinetuneStart start(settings);
  const ChatTemplate chat = start.chat(settings);
  const auto seed = static_cast<uint64_t>(settings.integer("seed"));
  const InstructData data = open_instruct_data(talk_files(settings, start.task()), chat);
  check_same_data(start.train_start(), data.hash);
  std::vector<std::string_view> texts = chat.texts();
  for (const auto* side : {&data.train, &data.val, &data.test})
    for (const Talk& talk : *side) add_texts(talk, texts);
  start.meet(settings, texts);
  const ModelConfig architecture = start.base_config();
  const int64_t max_length = start.max_length(settings, architecture);
  const TalkEncoder encoder(chat, start.texts());
  const InstructRows rows(data, encoder, mask_of(settings), max_length);
  if (settings.integer("show") > 0) {
    show_rows(settings, start.tokenizer(), data, rows.train);
    return 0;
  }
  const RowBatches batches(rows.train.rows, settings.integer("batch_size"), seed);
  const TrainConfig config = start.config(settings, architecture, batches, rows.longest());

  const Task task{.kind = Task::Kind::instruct,
                  .columns = data.columns,
                  .chat = chat,
                  .mask = settings.text("mask"),
                  .max_length = max_length};
  const auto begun = start.begin(settings, config, data.hash, task,
                                 split_text(data.train.size(), data.val.size(), data.test.size(), "rows"));
  if (!begun) return 0;

  std::optional<RowBatches> val;
  if (!rows.val.rows.empty())
    val.emplace(rows.val.rows, settings.integer("batch_size"), seed, RowBatches::Order::by_length);
  Validator validate;
  if (val)
    validate = [&](Model& current, const Stop& stop) -> std::optional<Validation> {
      const auto loss = estimate_loss(current, *val, val->batch_count(), stop);
      return loss ? std::optional(Validation{.loss = *loss, .metrics = {}}) : std::nullopt;
    };
  const auto answer = [&] {
    if (!data.test.empty())
      write_responses(start.run().file("responses.json"), *begun->model, encoder, data.test,
                      settings.integer("max_new_tokens"));
  };
  TrainingRun training{settings, start.run(), config, begun->trainer, batches, validate, start.state()};
  training.on_sample = [&](int64_t) { answer(); };
  training.at_end = [&] {
    answer();
    FinalReport report;
    if (const auto loss = val ? estimate_loss(*begun->model, *val, val->batch_count(), {}) : std::nullopt)
      report.text = join("validation, ", long_count(std::ssize(data.val)), " rows: loss ", fixed(*loss, 4));
    return report;
  };
  training.next = "chat";
  return run_to_end(training);
}

}  // namespace hewn::cli
