#include "apps/run/text/comparison.h"

#include <nlohmann/json.hpp>
#include <set>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/text/shots.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"
#include "model/generation/beam.h"
#include "model/generation/context.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

using Json = nlohmann::ordered_json;

/// The text of one method.
struct Outcome {
  std::string method;
  std::vector<int32_t> tokens;
  std::string text;
  double log_probability = 0;  // of these tokens, by the model itself
};

class Comparison {
 public:
  Comparison(const Settings& settings, const OpenRun& run, const Prompt& prompt)
      : settings_(settings),
        run_(run),
        prompt_(prompt),
        ends_(ends_of(settings, *run.tokenizer)),
        trims_(shots_of(settings).has_value()) {}

  std::vector<Outcome> outcomes() {
    const GenerateOptions plain{.max_new_tokens = settings_.integer("max_new_tokens"),
                                .temperature = settings_.real("temperature"),
                                .seed = static_cast<uint64_t>(settings_.integer("seed")),
                                .vocab_size = run_.tokenizer->vocab_size(),
                                .slide = slide_of(settings_),
                                .stop_tokens = ends_.tokens};
    const auto with = [&](auto change) {
      GenerateOptions options = plain;
      change(options);
      return options;
    };
    const auto key = [&](const char* name, double usual) {
      return settings_.given(name) ? settings_.real(name) : usual;
    };
    const int64_t top_k = settings_.given("top_k") ? settings_.integer("top_k") : 10;
    const double top_p = key("top_p", 0.9), min_p = key("min_p", 0.1),
                 penalty = key("repetition_penalty", 1.2);
    std::vector<Outcome> all;
    all.push_back(drawn("greedy", with([](auto& o) { o.temperature = 0; })));
    all.push_back(searched());
    for (const double t : {0.5, 1.0, 1.5})
      all.push_back(drawn(join("temperature=", t), with([&](auto& o) { o.temperature = t; })));
    const std::string at = join(" at temperature=", plain.temperature);
    all.push_back(drawn(join("top_k=", top_k, at), with([&](auto& o) { o.top_k = top_k; })));
    all.push_back(drawn(join("top_p=", top_p, at), with([&](auto& o) { o.top_p = top_p; })));
    all.push_back(drawn(join("min_p=", min_p, at), with([&](auto& o) { o.min_p = min_p; })));
    all.push_back(drawn(join("repetition_penalty=", penalty, at),
                        with([&](auto& o) { o.repetition_penalty = penalty; })));
    return all;
  }

 private:
  /// Adds a token; returns false if a stop string has ended the text.
  bool take(Outcome& outcome, TextFlow& flow, int32_t token, double log_probability) const {
    outcome.tokens.push_back(token);
    outcome.log_probability += log_probability;
    flow.push(run_.tokenizer->piece(token));
    return !flow.ended();
  }

  Outcome drawn(std::string method, const GenerateOptions& options) const {
    Outcome outcome{std::move(method), {}, {}, 0};
    TextFlow flow(ends_.texts, trims_);
    if (stop_signal()) return outcome;
    generate(*run_.model, prompt_.tokens, options, [&](const Generated& g) {
      const double log_probability = log_probabilities(g.logits)[static_cast<size_t>(g.token)];
      return take(outcome, flow, g.token, log_probability) && !stop_signal();
    });
    flow.finish();
    outcome.text = flow.text();
    return outcome;
  }

  Outcome searched() const {
    const int64_t beams = settings_.integer("beam") > 0 ? settings_.integer("beam") : 4;
    Outcome outcome{join("beam=", beams), {}, {}, 0};
    if (stop_signal()) return outcome;
    const BeamText best = beam_search(*run_.model, prompt_.tokens,
                                      {.beams = beams,
                                       .max_new_tokens = settings_.integer("max_new_tokens"),
                                       .length_penalty = settings_.real("length_penalty"),
                                       .vocab_size = run_.tokenizer->vocab_size(),
                                       .slide = slide_of(settings_),
                                       .stop_tokens = ends_.tokens})[0];
    TextFlow flow(ends_.texts, trims_);
    const NoGrad none;
    Context context(*run_.model, true, run_.tokenizer->vocab_size(), slide_of(settings_));
    for (const int32_t token : prompt_.tokens) context.push({token});
    for (const int32_t token : best.tokens) {
      const std::vector<double> logs = log_probabilities(context.next_logits());
      if (!take(outcome, flow, token, logs[static_cast<size_t>(token)])) break;
      context.push({token});
    }
    flow.finish();
    outcome.text = flow.text();
    return outcome;
  }

  const Settings& settings_;
  const OpenRun& run_;
  const Prompt& prompt_;
  Ends ends_;
  bool trims_;
};

double per_token(const Outcome& o) {
  return o.tokens.empty() ? 0 : o.log_probability / static_cast<double>(o.tokens.size());
}

// The table of numbers, with the text of each row on one line beside it, wrapped on a terminal.
std::string comparison_table(const std::vector<Outcome>& outcomes) {
  std::vector<std::vector<std::string>> rows = {
      {"method", "tokens", "log P", "per token", "distinct-1", "distinct-2"}};
  for (const Outcome& o : outcomes)
    rows.push_back({o.method, long_count(std::ssize(o.tokens)), fixed(o.log_probability, 2),
                    fixed(per_token(o), 3), fixed(distinct(o.tokens, 1), 3),
                    fixed(distinct(o.tokens, 2), 3)});
  std::vector<std::string> lines = split(table_text(rows), '\n');
  lines[0] += "  text";
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const std::string text = Json(outcomes[i].text).dump();
    const int indent = static_cast<int>(lines[i + 1].size()) + 2, width = terminal_width(Stream::results);
    const bool wraps = is_terminal(Stream::results) && width >= indent + 20;
    lines[i + 1] += "  " + (wraps ? wrap(text, width, indent) : text);
  }
  std::string table;
  for (const std::string& line : lines)
    if (!line.empty()) table += line + "\n";
  return table;
}

}  // namespace

double distinct(const std::vector<int32_t>& tokens, size_t n) {
  std::set<std::vector<int32_t>> seen;
  size_t runs = 0;
  for (auto begin = tokens.begin(); static_cast<size_t>(tokens.end() - begin) >= n; ++begin, ++runs)
    seen.emplace(begin, begin + static_cast<std::ptrdiff_t>(n));
  return runs == 0 ? 1 : static_cast<double>(seen.size()) / static_cast<double>(runs);
}

int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts) {
  for (const char* other : {"show_probs", "logprobs", "num_samples", "batch_size"})
    require(!settings.given(other), settings.where(other),
            ": compare generates one text per method; leave this out, or leave out compare");
  require(prompts.size() == 1, settings.where("start"), ": compare accepts one prompt, not ", prompts.size());
  catch_signals();
  const std::vector<Outcome> outcomes = Comparison(settings, run, prompts[0]).outcomes();
  if (!settings.flag("json")) {
    print(comparison_table(outcomes));
    return stop_signal() ? stop_status() : 0;
  }
  Json list = Json::array();
  for (const Outcome& o : outcomes)
    list.push_back({{"method", o.method},
                    {"tokens", o.tokens.size()},
                    {"log_probability", o.log_probability},
                    {"log_probability_per_token", per_token(o)},
                    {"distinct_1", distinct(o.tokens, 1)},
                    {"distinct_2", distinct(o.tokens, 2)},
                    {"text", prompts[0].text + o.text}});
  print(list.dump(2), "\n");
  return stop_signal() ? stop_status() : 0;
}

}  // namespace hewn::cli
