// hewn sample: text from a trained model, printed as it is made.

#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/input.h"
#include "apps/open_run.h"
#include "apps/signals.h"
#include "apps/terminal.h"
#include "core/error.h"
#include "core/file.h"
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

}  // namespace

int run_sample(const Settings& settings) {
  OpenRun run = open_run(settings);
  if (!run.tokenizer)
    fail(ErrorCode::input, run.run,
         ": this run has no tokenizer.json, so its tokens cannot be shown as text");
  const std::string start = prompt_text(settings);
  const std::vector<int32_t> prompt = encode_prompt(settings, *run.tokenizer, start);
  const bool json = settings.flag("json");
  nlohmann::ordered_json texts = nlohmann::ordered_json::array();
  catch_signals();
  for (int64_t n = 0; n < settings.integer("num_samples") && !stop_signal(); ++n) {
    const GenerateOptions options{.max_new_tokens = settings.integer("max_new_tokens"),
                                  .temperature = settings.real("temperature"),
                                  .top_k = settings.integer("top_k"),
                                  .seed = static_cast<uint64_t>(settings.integer("seed")),
                                  .sample = static_cast<uint64_t>(n)};
    Utf8Stream shown;
    std::string text = settings.given("start") ? start : "";
    if (!json) {
      if (n > 0) print("---------------\n");
      print(text);
    }
    const auto add = [&](const std::string& more) {
      text += more;
      if (json) return;
      write_result(more);
      flush_results();
    };
    generate(*run.model, prompt, options, [&](int32_t token) {
      add(shown.push(run.tokenizer->piece(token)));
      return stop_signal() == 0;
    });
    add(shown.finish());
    if (!json) print(text.ends_with('\n') ? "" : "\n");
    texts.push_back(text);
  }
  if (json) print(texts.dump(2), "\n");
  return stop_signal() ? stop_status() : 0;
}

}  // namespace hewn::cli
