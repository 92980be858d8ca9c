#include "apps/run/text/prompts.h"

#include <optional>

#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "apps/run/text/shots.h"
#include "core/error.h"
#include "core/io/file.h"

namespace hewn::cli {
namespace {

constexpr size_t most_prompt = size_t{16} << 20;

std::string content_of(const std::string& path) {
  return path == "-" ? read_standard_input(most_prompt) : read_given_file(path, most_prompt);
}

// The non-empty lines, with their escapes resolved.
std::vector<std::string> filled_lines(const std::string& content) {
  std::vector<std::string> lines;
  for (std::string& line : split(content, '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(unescaped(line));
  }
  return lines;
}

// The texts in `stop`, separated by |, with the escapes \n, \t, \| and \\.
std::vector<std::string> stop_texts(const Settings& settings) {
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
    require(!stop.empty(), settings.where("stop"), ": a stop string is empty; write \\| for a | in the text");
  return stops;
}

}  // namespace

OpenRun open_writer(const Settings& settings) { return open_writer(settings, named_run(settings)); }

OpenRun open_writer(const Settings& settings, const std::string& path) {
  OpenRun run = open_run(settings, path);
  require_language_model(run.model->config(), run.run);
  if (!run.tokenizer)
    fail(ErrorCode::input, run.run, ": ", run.no_tokenizer, ", so its tokens cannot be shown as text");
  return run;
}

Prompt encoded_prompt(const TextEncoder& texts, std::string text, const std::string& where) {
  const Doing context("encoding the prompt (", where, ")");
  std::vector<int32_t> tokens = texts.prompt(text);
  return {std::move(text), std::move(tokens)};
}

std::vector<Prompt> prompts_of(const Settings& settings, const TextEncoder& model,
                               const TalkEncoder* encoder) {
  const std::optional<Shots> shots = encoder ? std::nullopt : shots_of(settings);
  require(!shots || settings.given("prompt"), "shots and template require an input; add --prompt=TEXT");
  require(!encoder || settings.given("prompt"), "instruct requires an instruction; add --prompt=TEXT");
  if (!settings.given("prompt")) return {{"", model.opening()}};
  const std::string start = settings.text("prompt"), where = settings.where("prompt");
  std::vector<std::string> texts{start};
  if (start == "-" || start.starts_with("FILE:"))
    texts = {content_of(start == "-" ? start : start.substr(5))};
  else if (start.starts_with("LINES:"))
    texts = filled_lines(content_of(start.substr(6)));
  require(!texts.empty() && !texts[0].empty(), where,
          ": the prompt is empty; give at least one character, or leave it out");
  std::vector<Prompt> prompts;
  for (std::string& text : texts) {
    if (encoder) {
      const Message message{Role::user, std::move(text)};
      prompts.push_back({"", encoder->prompt(std::span(&message, 1))});
      continue;
    }
    prompts.push_back(encoded_prompt(model, shots ? shots->prompt(text) : std::move(text), where));
    if (shots) prompts.back().text.clear();
  }
  return prompts;
}

Ends ends_of(const Settings& settings, const TextEncoder& texts, const TalkEncoder* encoder) {
  Ends ends{.texts = stop_texts(settings), .tokens = texts.ends()};
  if (encoder) {
    ends.tokens = encoder->end_tokens();
    if (ends.texts.empty()) ends.texts = encoder->end_texts();
  } else if (ends.texts.empty() && shots_of(settings))
    ends.texts = {"\n"};
  for (const Special& special : texts.tokenizer().specials())
    if (std::erase(ends.texts, special.text) > 0) ends.tokens.push_back(special.id);
  return ends;
}

KvFormat kv_of(const Settings& settings) {
  KvFormat format{};
  parse_name(settings.text("kv"), format);
  return format;
}

ContextOptions context_of(const Settings& settings, const TextEncoder& texts) {
  return {.kv = kv_of(settings),
          .vocab_size = texts.tokenizer().vocab_size(),
          .slide = settings.text("slide") == "one" ? Slide::one : Slide::half,
          .begin = texts.begin()};
}

SamplingOptions sampling_of(const Settings& settings) {
  SamplingOptions options;
  for (const auto& [key, usual, keeps] : sampling_methods)
    key.set(options, value_of(settings, key.name, key.domain));
  return options;
}

GenerateOptions generation(const Settings& settings, const TextEncoder& texts, const Ends& ends) {
  return {.max_new_tokens = settings.integer("max_new_tokens"),
          .sampling = sampling_of(settings),
          .seed = static_cast<uint64_t>(settings.integer("seed")),
          .context = context_of(settings, texts),
          .cuda_graph = settings.flag("cuda_graph"),
          .stop_tokens = ends.tokens};
}

void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model) {
  const auto most = static_cast<size_t>(model.block_size) + 1;
  require(tokens >= 2 && tokens <= most, settings.where("prompt"), ": the text has ", tokens,
          tokens == 1 ? " token" : " tokens", "; expected 2 to ", most, ", the model's context plus one");
}

}  // namespace hewn::cli
