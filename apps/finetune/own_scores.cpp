#include "apps/finetune/own_scores.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/finetune/class_report.h"
#include "apps/run/own_rows.h"
#include "apps/run/run_config.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "model/json.h"
#include "train/tasks/instruct_data.h"
#include "train/tasks/preference/data.h"

namespace hewn::cli {
namespace {

int64_t limit_of(const OpenRun& run, const Task& task) {
  return task.longest_row(run.model->config().block_size);
}

// Other rows would be divided otherwise, so that the model might know the rows of the test. Prints notes about the rows.
void require_same_rows(const OpenRun& run, const auto& data) {
  const uint64_t expected = checkpoint_state(run.checkpoint).data_hash;
  if (expected != 0 && expected != data.hash)
    fail(ErrorCode::input, run.config.text("data"), ": the data differs from the data that ", run.run,
         " was trained on: its hash is ", to_hex(data.hash), "; expected ", to_hex(expected), "; restore it");
  say_notes(data.notes);
}

FinalReport class_scores(const OpenRun& run, const Task& task) {
  const ClassData data = open_class_data(class_data_options(run.config, &task));
  require_same_rows(run, data);
  const TextReader reader(run.texts(), limit_of(run, task));
  const EncodedRows val = encode_rows(data.val, reader), test = encode_rows(data.test, reader);
  return ClassScorer(*run.model, data, val, test).report(true);
}

int64_t targets_in(const std::vector<TrainingRow>& rows) {
  int64_t n = 0;
  for (const TrainingRow& row : rows)
    n += std::ssize(row.targets) - std::count(row.targets.begin(), row.targets.end(), ignored_target);
  return n;
}

FinalReport answer_losses(const OpenRun& run, const Task& task) {
  const InstructData data = open_instruct_data(talk_files(run.config, &task), *task.chat);
  require_same_rows(run, data);
  const TalkEncoder encoder(*task.chat, run.texts());
  FinalReport report;
  for (const auto& [name, talks] : {std::pair{"validation", &data.val}, std::pair{"test", &data.test}}) {
    const TalkRows rows = training_rows(*talks, encoder, mask_of(run.config), limit_of(run, task));
    if (rows.rows.empty()) continue;
    const RowBatches batches(rows.rows, run.config.integer("batch_size"), 0, RowBatches::Order::by_length);
    const double loss =
        finite_loss(estimate_loss(*run.model, batches, batches.batch_count()), join("the ", name, " rows"));
    const int64_t tokens = targets_in(rows.rows);
    report.json[name] = {
        {"rows", rows.rows.size()}, {"tokens", tokens}, {"loss", loss}, {"perplexity", std::exp(loss)}};
    report.text +=
        join(report.text.empty() ? "" : "\n", name, ", ", long_count(std::ssize(rows.rows)), " rows, ",
             long_count(tokens), " tokens: loss ", fixed(loss, 4), ", perplexity ", fixed(std::exp(loss), 4));
  }
  return report;
}

FinalReport preference_scores(const OpenRun& run, const Task& task) {
  const PreferenceData data = open_preference_data(talk_files(run.config, &task), *task.chat);
  require_same_rows(run, data);
  const TalkEncoder encoder(*task.chat, run.texts());
  const auto pairs = [&](const std::vector<Preference>& rows) {
    return preference_pairs(rows, encoder, limit_of(run, task)).pairs;
  };
  PairSides sides{pairs(data.train), pairs(data.val), pairs(data.test)};
  read_reference(run.run + "/" + reference_file, sides);
  const PreferenceConfig config = train_config(run.config, run.model->config()).preference;
  return preference_report(*run.model, sides, run.config.integer("batch_size"), config);
}

}  // namespace

int eval_own_rows(const Settings& settings, const OpenRun& run, const Task& task) {
  for (const char* name : {"stride", "per_token"})
    require(!settings.given(name), settings.where(name), ": applies to a text; ",
            task.kind == Task::Kind::classify ? "" : "give one with --val=FILE, or ", "leave it out");
  require(run.tokenizer != nullptr, run.run, " cannot read text: ", run.no_tokenizer);
  FinalReport report = task.kind == Task::Kind::classify   ? class_scores(run, task)
                       : task.kind == Task::Kind::instruct ? answer_losses(run, task)
                                                           : preference_scores(run, task);
  require(!report.json.empty(), run.run, " has no validation or test rows",
          task.kind == Task::Kind::classify ? "" : "; give a text as --val=FILE");
  report.json["checkpoint"] = run.checkpoint;
  print(settings.flag("json") ? json_text(report.json, 2) : report.text, "\n");
  return 0;
}

bool write_responses(const std::string& path, Model& model, const TalkEncoder& encoder,
                     const std::vector<Talk>& talks, int64_t max_new_tokens) {
  constexpr size_t at_once = 16;
  const Tokenizer& tokenizer = encoder.texts().tokenizer();
  std::vector<GenerateRequest> requests;
  std::vector<TextFlow> answers;
  for (const Talk& talk : talks) {
    requests.push_back({.prompt = encoder.prompt(talk.prompt())});
    answers.emplace_back(encoder.end_texts());
  }
  generate(model, requests,
           {.max_new_tokens = max_new_tokens,
            .sampling = {.temperature = 0},
            .context = {.vocab_size = tokenizer.vocab_size(), .begin = encoder.texts().begin()},
            .stop_tokens = encoder.end_tokens()},
           at_once,
           {.token =
                [&](size_t i, const Generated& generated) {
                  answers[i].push(tokenizer.piece(generated.token));
                  return !answers[i].ended();
                },
            .done = [&](size_t i, bool) { answers[i].finish(); },
            .stop = [] { return stop_signal() != 0; }});
  if (stop_signal()) return false;
  Json list = Json::array();
  for (size_t i = 0; i < talks.size(); ++i)
    list.push_back({{"instruction", talks[i].instruction},
                    {"input", talks[i].input},
                    {"output", talks[i].answer()},
                    {"response", answers[i].text()}});
  write_file_atomically(path, json_text(list, 2) + "\n");
  return true;
}

}  // namespace hewn::cli
