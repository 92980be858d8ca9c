// hewn eval --generate: how well generated answers agree with references.

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/evaluate/score/score.h"
#include "apps/evaluate/scores/score_report.h"
#include "apps/evaluate/scores/scored_runs.h"
#include "apps/run/text/instruct.h"
#include "apps/run/text/shots.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/scores/texts/answer_scores.h"
#include "train/scores/texts/words.h"

namespace hewn::cli {
namespace {

/// The methods named by `methods`, or all of them.
std::vector<DecodingMethod> methods_of(const Settings& settings, const TextEncoder& texts, const Ends& ends) {
  const std::vector<DecodingMethod> all = decoding_methods(settings, texts, ends);
  if (settings.text("methods") == "all") return all;
  std::vector<DecodingMethod> chosen;
  std::string names;
  for (const DecodingMethod& method : all)
    if (names.find(method.name) == names.npos) names += (names.empty() ? "" : ", ") + method.name;
  for (const std::string& name : split(settings.text("methods"), ',')) {
    const size_t before = chosen.size();
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                 [&](const DecodingMethod& method) { return method.name == name; });
    require(chosen.size() > before, settings.where("methods"), ": \"", name, "\" is not a method; expected ",
            names, ", or all");
  }
  return chosen;
}

/// The answers of a run to all prompts.
class Answering {
 public:
  Answering(const Settings& settings, const OpenRun& run, const std::vector<AnswerRow>& rows)
      : settings_(settings),
        run_(run),
        encoder_(run_encoder(run)),
        ends_(ends_of(settings, run.texts(), encoder_ ? &*encoder_ : nullptr)) {
    for (const AnswerRow& row : rows) prompts_.push_back(prompt_of(row));
  }

  std::vector<DecodingMethod> methods() const { return methods_of(settings_, run_.texts(), ends_); }

  std::vector<std::string> answers(const DecodingMethod& method) const {
    std::vector<std::string> found = method.beam ? searched(method) : drawn(method);
    for (std::string& answer : found) answer = std::string(trimmed(answer));
    return found;
  }

 private:
  // A run that was trained to answer sees the prompt in its template, as in training.
  std::vector<int32_t> prompt_of(const AnswerRow& row) const {
    if (!encoder_) return encoded_prompt(run_.texts(), row.prompt, row.where).tokens;
    const Doing encoding("encoding the prompt (", row.where, ")");
    const Message message{Role::user, row.prompt};
    return encoder_->prompt(std::span(&message, 1));
  }

  std::vector<std::string> drawn(const DecodingMethod& method) const {
    std::vector<GenerateRequest> requests;
    std::vector<TextFlow> flows;
    for (const auto& prompt : prompts_) {
      requests.push_back({prompt, static_cast<uint64_t>(requests.size())});
      flows.emplace_back(ends_.texts);
    }
    size_t done = 0;
    generate(*run_.model, requests, method.options, static_cast<size_t>(settings_.integer("batch_size")),
             {.token =
                  [&](size_t i, const Generated& g) {
                    flows[i].push(run_.tokenizer->piece(g.token));
                    return !flows[i].ended();
                  },
              .done = [&](size_t, bool) { show_progress(method.label, ++done, prompts_.size()); }});
    std::vector<std::string> texts;
    for (TextFlow& flow : flows) {
      flow.finish();
      texts.push_back(flow.text());
    }
    return texts;
  }

  std::vector<std::string> searched(const DecodingMethod& method) const {
    std::vector<std::string> texts;
    for (const auto& prompt : prompts_) {
      TextFlow flow(ends_.texts);
      flow.push(run_.tokenizer->decode_more(beam_search(*run_.model, prompt, *method.beam)[0].tokens));
      flow.finish();
      texts.push_back(flow.text());
      show_progress(method.label, texts.size(), prompts_.size());
    }
    return texts;
  }

  const Settings& settings_;
  const OpenRun& run_;
  std::optional<TalkEncoder> encoder_;
  Ends ends_;
  std::vector<std::vector<int32_t>> prompts_;
};

/// The answers of one run by each method.
using RunAnswers = std::vector<std::vector<std::string>>;

/// A line of the file of answers: what is known, and the metrics that are means over rows.
std::string with_scores(Json line, const std::string& answer, const AnswerRow& row) {
  for (const AnswerMetric& metric : answer_metrics())
    if (const auto figures = metric.figures(answer, row.references); figures.size() == 1)
      line[std::string(metric.name)] = figures[0];
  return json_text(line);
}

/// Adds a line per metric: of one run's answers, or of the difference between two runs'.
void add_lines(ScoreReport& report, const Settings& settings, const std::string& source,
               const std::string& method, const std::vector<std::vector<std::string>>& answers,
               const std::vector<AnswerRow>& rows) {
  const Bootstrap bootstrap{.seed = static_cast<uint64_t>(settings.integer("seed"))};
  for (const AnswerMetric& metric : answer_metrics()) {
    ScoredRows scored{
        .name = fs::path(source).stem().string(), .method = method, .metric = std::string(metric.name)};
    scored.value = metric.value;
    scored.hit = metric.hit;
    for (const auto& run : answers) scored.runs.push_back(figures_of(metric, run, rows));
    report.lines.push_back(score_line(scored, bootstrap));
  }
}

}  // namespace

int run_eval_answers(const Settings& settings) {
  const ScoreFormat format = score_format(settings);
  ScoreReport report{.runs = scored_runs(settings)};
  const std::string source = settings.text("generate");
  const std::vector<AnswerRow> rows = answer_rows_of(open_table(source));
  AnswerFile file(settings);
  std::vector<std::string> labels;
  std::vector<RunAnswers> answers;
  for (const std::string& path : report.runs) {
    const OpenRun run = open_writer(settings, path);
    const Answering answering(settings, run, rows);
    labels.clear();
    answers.emplace_back();
    for (const DecodingMethod& method : answering.methods()) {
      labels.push_back(method.label);
      answers.back().push_back(answering.answers(method));
      for (size_t i = 0; i < rows.size(); ++i)
        file.add(with_scores({{"run", path},
                              {"method", method.label},
                              {"row", i + 1},
                              {"prompt", rows[i].prompt},
                              {"answer", answers.back().back()[i]},
                              {"reference", rows[i].references}},
                             answers.back().back()[i], rows[i]));
    }
  }
  for (size_t m = 0; m < labels.size(); ++m) {
    std::vector<std::vector<std::string>> by_run;
    for (const RunAnswers& run : answers) by_run.push_back(run[m]);
    add_lines(report, settings, source, labels[m], by_run, rows);
  }
  file.commit();
  print(score_text(report, format));
  return 0;
}

int run_eval_responses(const Settings& settings) {
  const ScoreFormat format = score_format(settings);
  const std::string source = settings.text("responses");
  require(settings.arguments.empty(), settings.where("responses"),
          ": the answers are in the file, so no run is needed; leave out ",
          settings.arguments.empty() ? "" : settings.arguments[0]);
  const Table table = open_table(source);
  const std::vector<AnswerRow> rows = answer_rows_of(table, Prompts::unused);
  const std::vector<std::string> answers = responses_of(table);
  ScoreReport report{.runs = {source}};
  AnswerFile file(settings);
  for (size_t i = 0; i < rows.size(); ++i)
    file.add(with_scores({{"row", i + 1}, {"answer", answers[i]}, {"reference", rows[i].references}},
                         answers[i], rows[i]));
  add_lines(report, settings, source, "", {answers}, rows);
  file.commit();
  print(score_text(report, format));
  return 0;
}

}  // namespace hewn::cli
