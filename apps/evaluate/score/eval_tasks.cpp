// hewn eval --tasks: how many questions with choices a model answers correctly.

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/evaluate/score/score.h"
#include "apps/evaluate/scores/score_report.h"
#include "apps/evaluate/scores/scored_runs.h"
#include "apps/run/text/shots.h"
#include "core/error.h"
#include "model/json.h"
#include "train/scores/eval_scores.h"

namespace hewn::cli {
namespace {

/// The answers of one run to all tasks.
using TaskAnswers = std::vector<std::vector<EvalAnswer>>;

std::vector<EvalTask> tasks_of(const Settings& settings) {
  std::vector<EvalTask> tasks = read_eval_tasks(settings.text("tasks"));
  for (EvalTask& task : tasks) {
    if (settings.given("shots")) task.shots = settings.integer("shots");
    if (settings.given("delimiter")) task.delimiter = unescaped(settings.text("delimiter"));
    if (task.shots >= std::ssize(task.rows))
      fail(ErrorCode::input, task.file, ": has ", task.rows.size(), " rows; ", task.shots,
           " shots need at least ", task.shots + 1);
  }
  return tasks;
}

TaskAnswers answers_of(const OpenRun& run, const std::vector<EvalTask>& tasks, uint64_t seed) {
  TaskAnswers all;
  for (const EvalTask& task : tasks) {
    all.push_back(answer_task(*run.model, run.texts(), task, seed, [&](size_t answered) {
      show_progress(task.name, answered, task.rows.size());
    }));
    int64_t cut = 0;
    for (const EvalAnswer& answer : all.back()) cut += answer.cut;
    if (cut > 0)
      say("note: ", task.name, ": ", cut, " of ", task.rows.size(), " rows exceed the context of ",
          run.model->config().block_size, " tokens; they were cut from the left");
  }
  return all;
}

/// A line of JSON for each row of each task.
void write_answers(AnswerFile& file, const std::string& run, const std::vector<EvalTask>& tasks,
                   const TaskAnswers& answers) {
  for (size_t t = 0; t < tasks.size(); ++t) {
    const std::vector<EvalMetric> metrics = metrics_of(tasks[t].kind);
    for (size_t i = 0; i < answers[t].size(); ++i) {
      const EvalRow& row = tasks[t].rows[i];
      Json line{{"run", run}, {"task", tasks[t].name}, {"row", i + 1}};
      if (tasks[t].kind != EvalKind::continuation) line["gold"] = row.gold;
      for (size_t m = 0; m < metrics.size(); ++m) {
        const size_t chosen = answers[t][i].chosen[m];
        line[tasks[t].kind == EvalKind::continuation ? "correct" : std::string(name_of(metrics[m]))] =
            tasks[t].kind == EvalKind::continuation ? Json(chosen == row.gold) : Json(chosen);
      }
      line["log_probabilities"] = answers[t][i].log_probability;
      file.add(json_text(line));
    }
  }
}

}  // namespace

int run_eval_tasks(const Settings& settings) {
  const ScoreFormat format = score_format(settings);
  ScoreReport report{.runs = scored_runs(settings)};
  const std::vector<EvalTask> tasks = tasks_of(settings);
  const Bootstrap bootstrap{.seed = static_cast<uint64_t>(settings.integer("seed"))};
  AnswerFile file(settings);
  std::vector<TaskAnswers> answers;
  for (const std::string& path : report.runs) {
    answers.push_back(answers_of(open_writer(settings, path), tasks, bootstrap.seed));
    write_answers(file, path, tasks, answers.back());
  }
  std::vector<ScoredRows> mains;
  for (size_t t = 0; t < tasks.size(); ++t)
    for (const EvalMetric metric : metrics_of(tasks[t].kind)) {
      ScoredRows rows{.name = tasks[t].name, .method = "", .metric = std::string(name_of(metric))};
      rows.hit = true;
      rows.chance = tasks[t].chance;
      for (const TaskAnswers& run : answers) rows.runs.push_back(hits_of(tasks[t], run[t], metric));
      report.lines.push_back(score_line(rows, bootstrap));
      if (metric == main_metric(tasks[t].kind)) mains.push_back(std::move(rows));
    }
  report.mean = centred_mean(mains, bootstrap);
  file.commit();
  print(score_text(report, format));
  return 0;
}

}  // namespace hewn::cli
