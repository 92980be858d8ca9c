// hewn sample: generates text from a trained model and prints it as it is generated.

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/text/comparison.h"
#include "apps/run/text/draft.h"
#include "apps/run/text/drawn_text.h"
#include "apps/run/text/instruct.h"
#include "apps/run/text/prompts.h"
#include "apps/run/text/shots.h"
#include "apps/run/text/text_writer.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "kernels/contract/contract.h"
#include "model/generation/beam.h"
#include "model/json.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

View view_of(const Settings& settings) {
  const bool lines = settings.flag("show_probs"), records = settings.flag("logprobs"),
             json = settings.flag("json");
  require(lines + records + json <= 1,
          "show_probs, logprobs and json are different output formats; give one of them");
  return lines ? View::probabilities : records ? View::log_probabilities : json ? View::json : View::text;
}

// Whether somebody watches, or asked for it: messages into a file or a pipe remain those that matter.
bool tells_pace() { return is_verbose() || is_terminal(Stream::messages); }

// How long the prompts and the tokens after them take.
class Pace {
 public:
  void count() {
    if (tokens_++ == 0) begun_ = seconds_since(start_);
  }
  // Tokens per second, and how close that is to what memory allows, if texts are written one by one.
  void report(const Model& model, int64_t prompt, bool alone) const {
    if (is_quiet() || !tells_pace() || tokens_ < 2) return;
    const double speed = static_cast<double>(tokens_ - 1) / (seconds_since(start_) - begun_);
    std::string bound;
    if (alone && !executor(model.device()).gpu() && model.parameters().numel() > 0)
      bound = join(", ", fixed(100 * speed * seconds_to_read(model), 0), "% of the speed of memory");
    say("wrote ", long_count(tokens_), " tokens, ", short_count(speed), " per second", bound, ", after ",
        long_count(prompt), prompt == 1 ? " token" : " tokens", " of prompts, ",
        short_count(static_cast<double>(prompt) / begun_), " per second");
  }

 private:
  Clock::time_point start_ = Clock::now();
  double begun_ = 0;  // seconds until the first token
  int64_t tokens_ = 0;
};

// Prints the best texts of a beam search, each with its score.
int run_beams(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts,
              const TalkEncoder* encoder) {
  for (const std::string& drawn :
       split(join(sampling_names(), " show_probs logprobs stop draft documents"), ' '))
    require(!settings.given(drawn), settings.where(drawn),
            ": does not apply to beam search; leave it out, or leave out beam");
  require(prompts.size() == 1, settings.where("prompt"), ": beam search accepts one prompt, not ",
          prompts.size());
  const BeamOptions options{.beams = settings.integer("beam"),
                            .max_new_tokens = settings.integer("max_new_tokens"),
                            .length_penalty = settings.real("length_penalty"),
                            .n_best = settings.integer("num_samples"),
                            .context = context_of(settings, run.texts()),
                            .stop_tokens = ends_of(settings, run.texts(), encoder).tokens};
  require(options.n_best <= options.beams, "num_samples = ", options.n_best,
          " exceeds beam = ", options.beams, "; expected at least as many beams as texts");
  Json texts = Json::array();
  for (const BeamText& best : beam_search(*run.model, prompts[0].tokens, options)) {
    Utf8Stream characters;
    std::string text =
        prompts[0].text + characters.push(run.tokenizer->decode_more(best.tokens)) + characters.finish();
    if (settings.flag("json")) {
      texts.push_back({{"text", text}, {"score", best.score}, {"log_probability", best.log_probability}});
      continue;
    }
    if (options.n_best > 1) print("--------------- score ", fixed(best.score, 4), "\n");
    print(text, text.ends_with('\n') ? "" : "\n");
  }
  if (settings.flag("json")) print(json_text(texts, 2), "\n");
  return 0;
}

// Generates num_samples texts for each prompt, several at a time.
int run_draws(const Settings& settings, const OpenRun& run, const std::vector<Prompt>& prompts, View view,
              const TalkEncoder* encoder) {
  const Ends ends = ends_of(settings, run.texts(), encoder);
  const int64_t samples = settings.integer("num_samples"), documents = settings.integer("documents");
  require(documents == 1 || !ends.tokens.empty(), settings.where("documents"), ": no token ends a text of ",
          run.run, ", so there is no next document; leave it out");
  std::vector<GenerateRequest> requests;
  std::vector<std::string> begins;
  for (const Prompt& prompt : prompts)
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t d = 0; d < documents; ++d) {
        requests.push_back(
            {d == 0 ? prompt.tokens : run.texts().opening(), static_cast<uint64_t>(d * samples + n)});
        begins.push_back(d == 0 ? prompt.text : "");
      }
  catch_signals();
  TextWriter writer(*run.tokenizer, view, begins, ends.texts, !encoder && shots_of(settings).has_value(),
                    static_cast<size_t>(documents));
  bool slid = false;
  Pace pace;
  const OpenDraft draft = open_draft(settings, run);
  DraftCount count;
  GenerateOptions options = generation(settings, run.texts(), ends);
  options.draft = draft.options;
  generate(*run.model, requests, options, static_cast<size_t>(settings.integer("batch_size")),
           {.token =
                [&](size_t i, const Generated& g) {
                  pace.count();
                  return writer.token(i, g);
                },
            .done =
                [&](size_t i, bool did) {
                  slid |= did;
                  writer.done(i);
                },
            .stop = [] { return stop_signal() != 0; },
            .checked = [&](int64_t proposed, int64_t accepted) { count.add(proposed, accepted); }});
  if (stop_signal()) writer.stop();
  if (view == View::json) {
    Json texts = Json::array();
    for (size_t i = 0; i < requests.size(); ++i) texts.push_back(writer.text(i));
    print(json_text(texts, 2), "\n");
  }
  flush_results();
  int64_t prompt_tokens = 0;
  for (const GenerateRequest& request : requests) prompt_tokens += std::ssize(request.prompt);
  pace.report(*run.model, prompt_tokens,
              !draft.options.on() && (requests.size() == 1 || settings.integer("batch_size") == 1));
  if (const std::string checked = count.text(); !checked.empty() && tells_pace()) say(checked);
  if (slid)
    say("note: a text exceeded the context of ", run.model->config().block_size, " tokens; the model kept ",
        options.context.slide == Slide::one ? "the newest tokens" : "its newest half each time");
  return stop_signal() ? stop_status() : 0;
}

}  // namespace

int run_sample(const Settings& settings) {
  const View view = view_of(settings);
  OpenRun run = open_writer(settings);
  const std::optional<TalkEncoder> instruct = instruct_encoder(settings, run);
  const TalkEncoder* const encoder = instruct ? &*instruct : nullptr;
  const std::vector<Prompt> prompts = prompts_of(settings, run.texts(), encoder);
  require(!settings.flag("compare") || !settings.given("draft"), settings.where("draft"),
          ": does not apply to a comparison; leave it out, or leave out compare");
  if (settings.flag("compare")) return run_comparison(settings, run, prompts, encoder);
  return settings.integer("beam") > 0 ? run_beams(settings, run, prompts, encoder)
                                      : run_draws(settings, run, prompts, view, encoder);
}

}  // namespace hewn::cli
