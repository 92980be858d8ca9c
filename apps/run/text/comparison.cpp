#include "apps/run/text/comparison.h"

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/text/shots.h"
#include "apps/run/text/text_writer.h"
#include "core/error.h"
#include "model/generation/context.h"
#include "model/json.h"
#include "model/tokenizer/utf8.h"
#include "train/scores/texts/answers.h"

namespace hewn::cli {
namespace {

/// The text of one method.
struct Outcome {
  std::string method;
  std::vector<int32_t> tokens;
  std::string text;
  double log_probability = 0;  // of these tokens, by the model itself
};

class Comparison {
 public:
  Comparison(const Settings& settings, const OpenRun& run, const Prompt& prompt, const TalkEncoder* encoder)
      : settings_(settings),
        run_(run),
        prompt_(prompt),
        ends_(ends_of(settings, run.texts(), encoder)),
        trims_(!encoder && shots_of(settings).has_value()) {}

  std::vector<Outcome> outcomes() {
    std::vector<Outcome> all;
    for (const DecodingMethod& method : decoding_methods(settings_, run_.texts(), ends_))
      all.push_back(method.beam ? searched(method) : drawn(method));
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

  Outcome drawn(const DecodingMethod& method) const {
    Outcome outcome{method.label, {}, {}, 0};
    TextFlow flow(ends_.texts, trims_);
    if (stop_signal()) return outcome;
    generate(*run_.model, prompt_.tokens, method.options, [&](const Generated& g) {
      const double log_probability = log_probabilities(g.logits)[static_cast<size_t>(g.token)];
      return take(outcome, flow, g.token, log_probability) && !stop_signal();
    });
    flow.finish();
    outcome.text = flow.text();
    return outcome;
  }

  Outcome searched(const DecodingMethod& method) const {
    Outcome outcome{method.label, {}, {}, 0};
    if (stop_signal()) return outcome;
    const BeamText best = beam_search(*run_.model, prompt_.tokens, *method.beam)[0];
    TextFlow flow(ends_.texts, trims_);
    const NoGrad none;
    Context context(*run_.model, method.beam->context);
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
    const std::string text = json_text(Json(outcomes[i].text));
    const int indent = static_cast<int>(lines[i + 1].size()) + 2, width = terminal_width(Stream::results);
    const bool wraps = is_terminal(Stream::results) && width >= indent + 20;
    lines[i + 1] += "  " + (wraps ? wrap(text, width, indent) : text);
  }
  std::string table;
  for (const std::string& line : lines)
    if (!line.empty()) table += line + "\n";
  return table;
}

Json comparison_list(const std::vector<Outcome>& outcomes, const Prompt& prompt) {
  Json list = Json::array();
  for (const Outcome& o : outcomes)
    list.push_back({{"method", o.method},
                    {"tokens", o.tokens.size()},
                    {"log_probability", o.log_probability},
                    {"log_probability_per_token", per_token(o)},
                    {"distinct_1", distinct(o.tokens, 1)},
                    {"distinct_2", distinct(o.tokens, 2)},
                    {"text", prompt.text + o.text}});
  return list;
}

}  // namespace

int run_comparison(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts,
                   const TalkEncoder* encoder) {
  for (const char* other : {"show_probs", "logprobs", "num_samples", "documents", "batch_size"})
    require(!settings.given(other), settings.where(other),
            ": cannot be combined with compare, which generates one text per method; leave one of them out");
  require(prompts.size() == 1, settings.where("prompt"), ": compare accepts one prompt, not ",
          prompts.size());
  catch_signals();
  const std::vector<Outcome> outcomes = Comparison(settings, run, prompts[0], encoder).outcomes();
  if (!settings.flag("json")) {
    print(comparison_table(outcomes));
    return stop_signal() ? stop_status() : 0;
  }
  print(json_text(comparison_list(outcomes, prompts[0]), 2), "\n");
  return stop_signal() ? stop_status() : 0;
}

Json compared_texts(const Settings& settings, const OpenRun& run, const Prompt& prompt,
                    const TalkEncoder* encoder) {
  return comparison_list(Comparison(settings, run, prompt, encoder).outcomes(), prompt);
}

}  // namespace hewn::cli
