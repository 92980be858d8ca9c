// hewn judge: scores answers from 0 to 100, by asking another model or by their likelihood under a run.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/judge/endpoint.h"
#include "apps/judge/likelihood.h"
#include "apps/run/text/shots.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "core/io/line_file.h"
#include "model/json.h"
#include "train/judge/reply.h"
#include "train/sweep/results.h"

namespace hewn::cli {
namespace {

constexpr size_t kept_reply_bytes = 1000;

// A line of scores.jsonl.
struct JudgedLine {
  std::optional<double> score;
  std::string reply;    // of the judge, shortened
  std::string why_not;  // without a score
};

// Judges a prompt; null if a signal stopped it.
using Judge = std::function<std::optional<JudgedLine>(const Response&, const std::string& prompt)>;

std::string filled(const std::string& template_text, const Response& row) {
  std::string text;
  for (size_t at = 0; at < template_text.size();) {
    const std::string_view rest = std::string_view(template_text).substr(at);
    const std::pair<std::string_view, const std::string*> fields[] = {{"{instruction}", &row.instruction},
                                                                      {"{input}", &row.input},
                                                                      {"{output}", &row.output},
                                                                      {"{response}", &row.response}};
    const auto field = std::find_if(std::begin(fields), std::end(fields),
                                    [&](const auto& f) { return rest.starts_with(f.first); });
    if (field != std::end(fields)) {
      text += *field->second;
      at += field->first.size();
    } else {
      text += template_text[at++];
    }
  }
  return text;
}

// Identifies a judgement: the same judge was asked the same.
std::string judgement_key(const std::string& judge, const std::string& prompt) {
  Checksum sum;
  for (const std::string* part : {&judge, &prompt}) {
    const uint64_t size = part->size();
    sum.update(&size, sizeof size);
    sum.update(part->data(), part->size());
  }
  return to_hex(sum.value());
}

// The judgements in scores.jsonl, by key.
std::map<std::string, JudgedLine> read_scores(const LineFile& file) {
  std::map<std::string, JudgedLine> scores;
  for (size_t i = 0; i < file.lines().size(); ++i) {
    const Doing reading("reading ", file.path(), ":", i + 1, " (choose another file with --scores)");
    try {
      const Json in = parse_ordered_json(file.lines()[i]);
      JudgedLine line;
      if (!in.at("score").is_null()) line.score = in.at("score").get<double>();
      if (in.contains("reason")) line.why_not = in.at("reason").get<std::string>();
      if (in.contains("reply")) line.reply = in.at("reply").get<std::string>();
      scores[in.at("key").get<std::string>()] = line;
    } catch (const nlohmann::json::exception& error) {
      fail(ErrorCode::input, "not a score: ", json_reason(error));
    }
  }
  return scores;
}

std::string score_line(size_t row, const std::string& key, const std::string& judge, const JudgedLine& line) {
  Json out{{"row", row + 1}, {"key", key}, {"judge", judge}};
  out["score"] = line.score ? Json(*line.score) : Json(nullptr);
  if (!line.why_not.empty()) out["reason"] = line.why_not;
  if (!line.reply.empty()) out["reply"] = line.reply;
  return json_text(out);
}

int report_scores(const Settings& settings, const std::string& judge,
                  const std::vector<std::optional<double>>& scores, size_t asked) {
  std::vector<double> given;
  for (const auto& score : scores)
    if (score) given.push_back(*score);
  std::sort(given.begin(), given.end());
  Json out{{"judge", judge}, {"rows", scores.size()}, {"judged", asked}, {"scored", given.size()}};
  if (!given.empty()) {
    const MeanDeviation m = mean_deviation(given);
    out["mean"] = m.mean;
    if (m.deviation) out["deviation"] = *m.deviation;
    out["median"] = (given[(given.size() - 1) / 2] + given[given.size() / 2]) / 2;
  }
  if (settings.flag("json")) {
    print(json_text(out, 2), "\n");
  } else if (given.empty()) {
    print("no scores\n");
  } else {
    print("score   ", fixed(out["mean"], 2), " of 100 on average",
          out.contains("deviation") ? " (standard deviation " + fixed(out["deviation"], 2) + ")" : "",
          ", median ", fixed(out["median"], 2), "\n");
    print("rows    ", given.size(), " of ", scores.size(), " scored\n");
  }
  return 0;
}

Judge endpoint_judge(const Settings& settings) {
  require(settings.has("model"), "--url needs the name of a model, as in --model=llama3.2");
  const std::string name = settings.text("model");
  const ChatEndpoint endpoint =
      chat_endpoint(settings.text("url"), settings.given("api") ? settings.text("api") : "");
  require_http();
  AskOptions options{.timeout = settings.real("timeout"),
                     .retries = settings.integer("retries"),
                     .retry_wait = settings.real("retry_wait"),
                     .api_key = {}};
  const std::string variable = settings.text("api_key_env");
  if (const char* key = std::getenv(variable.c_str())) options.api_key = api_key_of(key, variable);
  return [=](const Response&, const std::string& prompt) -> std::optional<JudgedLine> {
    const std::string reply = ask(endpoint, name, prompt, options);
    if (stop_signal() != 0) return std::nullopt;
    const JudgedScore found = score_in(reply);
    std::string kept = reply.substr(0, kept_reply_bytes);
    return JudgedLine{found.score, std::move(kept), found.why_not};
  };
}

Judge likelihood_judge(const Settings& settings) {
  const auto run = std::make_shared<LikelihoodJudge>(settings);
  return [run](const Response& row, const std::string& prompt) -> std::optional<JudgedLine> {
    if (stop_signal() != 0) return std::nullopt;
    return JudgedLine{run->score(prompt, row.response), "",
                      row.response.empty() ? "the response is empty" : ""};
  };
}

}  // namespace

int run_judge(const Settings& settings) {
  require(settings.arguments.size() == 1, "give one file of responses, as written by hewn finetune instruct");
  const bool local = settings.has("run");
  require(local != settings.has("url"),
          "give a judge: --url=URL with --model=NAME for a chat endpoint, or --run=RUN for a local run");
  const std::vector<Response> rows = responses_in(open_table(settings.arguments[0]));
  const std::string judge = local ? settings.text("run") : settings.text("model");
  const std::string form =
      local && !settings.given("template") ? likelihood_template : unescaped(settings.text("template"));
  const Judge judged_by = local ? likelihood_judge(settings) : endpoint_judge(settings);
  const std::string kept = settings.text("scores");
  const Descriptor lock = lock_file(
      kept, kept + " is in use by another `hewn judge`; wait for it to end, or choose another --scores");
  LineFile file(kept);
  std::map<std::string, JudgedLine> known = read_scores(file);
  std::vector<std::optional<double>> scores;
  catch_signals();
  size_t asked = 0, read_otherwise = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Doing judging("judging row ", i + 1);
    const std::string prompt = filled(form, rows[i]);
    // A local judge's prompt lacks the response.
    const std::string key = judgement_key(judge, prompt + (local ? "\n" + rows[i].response : ""));
    if (!known.contains(key)) {
      const std::optional<JudgedLine> line = judged_by(rows[i], prompt);
      if (!line) {
        say("stopped after ", i, " of ", rows.size(), " rows; the same command continues");
        return stop_status();
      }
      file.add(score_line(i, key, judge, *line));
      known[key] = *line;
      ++asked;
      detail("row ", i + 1, ": ", line->score ? fixed(*line->score, 1) : "no score: " + line->why_not);
    }
    const JudgedLine& line = known[key];
    const bool whole = !line.reply.empty() && line.reply.size() < kept_reply_bytes;
    read_otherwise += whole && score_in(line.reply).score != line.score;
    if (!line.score) say("note: row ", i + 1, " has no score: ", line.why_not);
    scores.push_back(line.score);
  }
  if (read_otherwise > 0)
    say("note: ", read_otherwise, " of the scores in ", file.path(),
        " were read by an earlier version, by other rules; to judge these rows again, remove their lines");
  return report_scores(settings, judge, scores, asked);
}

}  // namespace hewn::cli
