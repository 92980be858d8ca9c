// hewn sample: text from a trained model, printed as it is made.

#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/format.h"
#include "apps/input.h"
#include "apps/open_run.h"
#include "apps/signals.h"
#include "apps/terminal.h"
#include "apps/token_view.h"
#include "core/error.h"
#include "core/file.h"
#include "model/beam.h"
#include "model/generate.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

constexpr size_t most_prompt = size_t{16} << 20;

std::string prompt_text(const Settings& settings) {
  if (!settings.given("start")) return "\n";
  const std::string start = settings.text("start");
  if (start == "-") return read_standard_input(most_prompt);
  if (start.starts_with("FILE:")) return read_small_file(start.substr(5), most_prompt);
  return start;
}

// Ids of the prompt. A vocabulary without a newline starts from token 0 when nothing was asked for.
std::vector<int32_t> encode_prompt(const Settings& settings, const Tokenizer& tokenizer,
                                   const std::string& text) {
  require(!text.empty(), settings.where("start"),
          ": an empty start; give at least one character, or leave it out");
  try {
    const Doing context("encoding the start (", settings.where("start"), ")");
    return tokenizer.encode(text);
  } catch (const Error&) {
    if (settings.given("start")) throw;
    return {0};
  }
}

// Stop strings, with | between and \n, \t, \| and \\ for what could not be written otherwise.
std::vector<std::string> stop_strings(const Settings& settings) {
  if (!settings.has("stop")) return {};
  std::vector<std::string> stops(1);
  const std::string text = settings.text("stop");
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : 0;
    if (text[i] == '|') {
      stops.emplace_back();
    } else if (text[i] == '\\' && (next == 'n' || next == 't' || next == '|' || next == '\\')) {
      stops.back() += next == 'n' ? '\n' : next == 't' ? '\t' : next;
      ++i;
    } else {
      stops.back() += text[i];
    }
  }
  for (const std::string& stop : stops)
    require(!stop.empty(), settings.where("stop"), ": a stop string is empty; write a | of the text as \\|");
  return stops;
}

GenerateOptions generation(const Settings& settings, const Tokenizer& tokenizer) {
  GenerateOptions options{.max_new_tokens = settings.integer("max_new_tokens"),
                          .temperature = settings.real("temperature"),
                          .top_k = settings.integer("top_k"),
                          .top_p = settings.real("top_p"),
                          .min_p = settings.real("min_p"),
                          .repetition_penalty = settings.real("repetition_penalty"),
                          .seed = static_cast<uint64_t>(settings.integer("seed"))};
  for (const Special& special : tokenizer.specials())
    if (special.text == "<|endoftext|>") options.stop_tokens.push_back(special.id);
  return options;
}

/// What becomes of the tokens: text as it is made, a line for each, or data at the end.
enum class View { text, probabilities, log_probabilities, json };

View view_of(const Settings& settings) {
  const bool lines = settings.flag("show_probs"), records = settings.flag("logprobs"),
             json = settings.flag("json");
  require(lines + records + json <= 1,
          "show_probs, logprobs and json print three different things; give one of them");
  return lines ? View::probabilities : records ? View::log_probabilities : json ? View::json : View::text;
}

// One text, printed as the view has it; returns all of it.
std::string write_one(const OpenRun& run, const std::vector<int32_t>& prompt, const GenerateOptions& options,
                      std::vector<std::string> stops, View view) {
  Utf8Stream characters;
  StopStrings stop(std::move(stops));
  std::string text;
  const auto add = [&](const std::string& more) {
    const std::string shown = stop.push(more);
    text += shown;
    if (view == View::text) write_result(shown);
    return !stop.found();
  };
  generate(*run.model, prompt, options, [&](const Generated& g) {
    const bool goes_on = add(characters.push(run.tokenizer->piece(g.token)));
    if (view == View::probabilities) write_result(probability_line(*run.tokenizer, g));
    if (view == View::log_probabilities) print(log_probability_record(*run.tokenizer, g).dump(), "\n");
    flush_results();
    return goes_on && stop_signal() == 0;
  });
  if (!stop.found()) {
    add(characters.finish());
    const std::string held = stop.finish();
    text += held;
    if (view == View::text) write_result(held);
  }
  return text;
}

// The best texts of a beam search, each with what it was ranked by.
int run_beams(const Settings& settings, const OpenRun& run, const std::string& begin,
              const std::vector<int32_t>& prompt) {
  for (const char* drawn :
       {"temperature", "top_k", "top_p", "min_p", "repetition_penalty", "show_probs", "logprobs", "stop"})
    require(!settings.given(drawn), settings.where(drawn),
            ": nothing is drawn in a beam search; leave out beam or this");
  const GenerateOptions drawing = generation(settings, *run.tokenizer);
  const BeamOptions options{.beams = settings.integer("beam"),
                            .max_new_tokens = drawing.max_new_tokens,
                            .length_penalty = settings.real("length_penalty"),
                            .n_best = settings.integer("num_samples"),
                            .stop_tokens = drawing.stop_tokens};
  require(options.n_best <= options.beams, "num_samples = ", options.n_best,
          " is more than beam = ", options.beams, "; follow at least as many texts as are shown");
  nlohmann::ordered_json texts = nlohmann::ordered_json::array();
  for (const BeamText& best : beam_search(*run.model, prompt, options)) {
    Utf8Stream characters;
    std::string text = begin + characters.push(run.tokenizer->decode(best.tokens)) + characters.finish();
    if (settings.flag("json")) {
      texts.push_back({{"text", text}, {"score", best.score}, {"log_probability", best.log_probability}});
      continue;
    }
    if (options.n_best > 1) print("--------------- score ", fixed(best.score, 4), "\n");
    print(text, text.ends_with('\n') ? "" : "\n");
  }
  if (settings.flag("json")) print(texts.dump(2), "\n");
  return 0;
}

}  // namespace

int run_sample(const Settings& settings) {
  const View view = view_of(settings);
  const std::vector<std::string> stops = stop_strings(settings);
  OpenRun run = open_run(settings);
  if (!run.tokenizer)
    fail(ErrorCode::input, run.run,
         ": this run has no tokenizer.json, so its tokens cannot be shown as text");
  const std::string start = prompt_text(settings);
  const std::vector<int32_t> prompt = encode_prompt(settings, *run.tokenizer, start);
  const std::string begin = settings.given("start") ? start : "";
  if (settings.integer("beam") > 0) return run_beams(settings, run, begin, prompt);
  GenerateOptions options = generation(settings, *run.tokenizer);
  nlohmann::ordered_json texts = nlohmann::ordered_json::array();
  catch_signals();
  for (int64_t n = 0; n < settings.integer("num_samples") && !stop_signal(); ++n) {
    options.sample = static_cast<uint64_t>(n);
    if (n > 0 && (view == View::text || view == View::probabilities)) print("---------------\n");
    if (view == View::text) print(begin);
    const std::string text = begin + write_one(run, prompt, options, stops, view);
    if (view == View::text) print(text.ends_with('\n') ? "" : "\n");
    texts.push_back(text);
  }
  if (view == View::json) print(texts.dump(2), "\n");
  return stop_signal() ? stop_status() : 0;
}

}  // namespace hewn::cli
