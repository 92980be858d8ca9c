// hewn bench sample: times the writing of texts.

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/bench/commands/model_times.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/text/prompts.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/rng.h"
#include "model/generation/generate.h"
#include "model/generation/sampling.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

// The model of the run or file that is named, or one of random weights.
OpenRun model_to_time(const Settings& settings) {
  if (!settings.arguments.empty()) {
    require(settings.arguments.size() == 1, "two models were given, ", settings.arguments[0], " and ",
            settings.arguments[1], "; give one");
    OpenRun run = open_run(settings, settings.arguments[0]);
    require_language_model(run.model->config(), run.run);
    return run;
  }
  OpenRun made{.run = {},
               .checkpoint = {},
               .device = open_device(settings),
               .tokenizer = nullptr,
               .no_tokenizer = "its weights are random",
               .model = nullptr,
               .config = settings};
  made.model = make_model(model_config(settings, {.vocab_size = settings.integer("vocab_size")}),
                          *made.device, dtype_from_name(settings.text("dtype")), 1, false);
  return made;
}

/// Where the time of a token goes, in seconds.
struct TokenTime {
  double kernels = 0, sampling = 0, rest = 0;
  double decoding = 0;  ///< ids to text, which is not a part of the measured time; 0 without a tokenizer
};

// The median time of a call that takes too little for a clock: of many at once.
double seconds_of_short(Executor& device, const std::function<void()>& call) {
  constexpr int calls = 20;
  const auto many = [&] {
    for (int i = 0; i < calls; ++i) call();
  };
  return timing_of(seconds_of(device, 5, many)).median / calls;
}

/// TimedTexts of random tokens that are written at the same time.
struct TimedTexts {
  int64_t prompt_tokens = 1, max_new_tokens = 1;
  std::vector<GenerateRequest> requests = {};

  int64_t size() const { return std::ssize(requests); }
  bool have_prompts() const { return prompt_tokens > 1; }
  /// Of a text, those whose time counts as written: all, but behind a prompt the first one follows from that.
  int64_t timed_tokens() const { return max_new_tokens - (have_prompts() ? 1 : 0); }
};

TimedTexts texts_to_time(const Settings& settings, const ModelConfig& config) {
  TimedTexts texts{.prompt_tokens = settings.integer("prompt_tokens"),
                   .max_new_tokens = settings.integer("max_new_tokens")};
  require(texts.prompt_tokens <= config.block_size, settings.where("prompt_tokens"),
          ": prompt_tokens = ", texts.prompt_tokens, ", but the context has block_size = ", config.block_size,
          " tokens; give at most as many, or a larger block_size");
  Rng rng(static_cast<uint64_t>(settings.integer("seed")));
  for (int64_t i = 0; i < settings.integer("batch_size"); ++i) {
    GenerateRequest request{.prompt = {}, .sample = static_cast<uint64_t>(i)};
    for (int64_t t = 0; t < texts.prompt_tokens; ++t)
      request.prompt.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size))));
    texts.requests.push_back(std::move(request));
  }
  return texts;
}

/// Seconds of one repetition.
struct WritingTime {
  double prompts = 0;  ///< until every text has its first new token
  double all = 0;
};

WritingTime write_texts(Model& model, const TimedTexts& texts, const GenerateOptions& options) {
  const auto start = Clock::now();
  WritingTime time;
  std::vector<bool> begun(texts.requests.size());
  const auto token = [&](size_t text, const Generated&) {
    if (!begun[text]) time.prompts = seconds_since(start);
    begun[text] = true;
    return true;
  };
  generate(model, texts.requests, options, texts.requests.size(),
           {.token = token, .done = [](size_t, bool) {}});
  time.all = seconds_since(start);
  return time;
}

/// The times of all repetitions.
struct WritingTimes {
  std::vector<double> prompts, writing, all;

  void add(const WritingTime& time, bool has_prompts) {
    prompts.push_back(time.prompts);
    writing.push_back(has_prompts ? time.all - time.prompts : time.all);
    all.push_back(time.all);
  }
};

TokenTime time_of_token(const OpenRun& run, const StepProfile& kernels, int64_t tokens) {
  const auto n = static_cast<double>(tokens);
  const std::vector<double> logits(static_cast<size_t>(run.model->config().vocab_size), 1);
  TokenTime time{.kernels = kernels.total().seconds / n};
  time.sampling = seconds_of_short(*run.device, [&] { draw(sampling_distribution(logits, {}), 0.5); });
  time.rest = std::max(0.0, kernels.step_seconds() / n - time.kernels - time.sampling);
  const int32_t id = 0;
  if (run.tokenizer)
    time.decoding = seconds_of_short(*run.device, [&] { (void)run.tokenizer->decode_more({&id, 1}); });
  return time;
}

// Adds where the time of a token goes, which a prompt would be mixed with.
void add_parts(Json& result, const TokenTime& token, bool has_tokenizer) {
  const auto ms = [](double seconds) { return fixed(seconds * 1e3, 4); };
  detail("of a token: ", ms(token.kernels), " ms in kernels, ", ms(token.sampling), " ms drawing, ",
         ms(token.rest), " ms between them",
         has_tokenizer ? "; " + ms(token.decoding) + " ms to make it text" : "");
  result["ms_of_a_token"] = {{"kernels", token.kernels * 1e3},
                             {"drawing", token.sampling * 1e3},
                             {"between", token.rest * 1e3},
                             {"tokenizer", token.decoding * 1e3}};
}

// Adds the speeds, and returns them in words.
std::string add_speeds(Json& result, const TimedTexts& texts, const WritingTimes& times) {
  const auto n = static_cast<double>(texts.size());
  std::string words;
  if (texts.have_prompts()) {
    const double seconds = timing_of(times.prompts).median;
    const double speed = n * static_cast<double>(texts.prompt_tokens) / seconds;
    result["prompt_ms"] = seconds * 1e3;
    result["prompt_tokens_per_s"] = speed;
    words = join("prompt ", short_count(speed), " tokens/s, ", fixed(seconds * 1e3, 2), " ms");
  }
  if (texts.timed_tokens() > 0) {
    const double seconds = timing_of(times.writing).median / static_cast<double>(texts.timed_tokens());
    result["tokens_per_s"] = n / seconds;
    result["ms_per_token"] = seconds * 1e3;
    words +=
        join(words.empty() ? "" : "; text ", short_count(n / seconds), " tokens/s, ", fixed(seconds * 1e3, 4),
             texts.size() == 1 ? " ms per token" : " ms per token of each text");
  }
  return join(words, " (", texts.max_new_tokens, texts.max_new_tokens == 1 ? " token" : " tokens",
              texts.size() == 1 ? "" : join(", ", texts.size(), " texts"), ", median of ", times.all.size(),
              ")");
}

}  // namespace

int run_bench_sample(const Settings& settings) {
  const OpenRun timed = model_to_time(settings);
  Executor& device = *timed.device;
  Model& model = *timed.model;
  MachineRoof roof = roof_of(device, settings);
  const TimedTexts texts = texts_to_time(settings, model.config());
  const GenerateOptions options{.max_new_tokens = texts.max_new_tokens,
                                .seed = static_cast<uint64_t>(settings.integer("seed")),
                                .context = {.kv = kv_of(settings)},
                                .cuda_graph = settings.flag("cuda_graph")};
  write_texts(model, texts, options);  // warm-up
  WritingTimes times;
  for (int64_t i = 0; i < settings.integer("repeat"); ++i)
    times.add(write_texts(model, texts, options), texts.have_prompts());
  roof.measure_again(device);
  StepProfile kernels(roof, device);
  kernels.watch([&] { write_texts(model, texts, options); });
  detail(profile_tables(kernels));

  Json result =
      entry("sample", shape_text(model.config(), texts.size()), model, timing_of(times.all), kernels);
  result["batch_size"] = texts.size();
  result["prompt_tokens"] = texts.prompt_tokens;
  const std::string speeds = add_speeds(result, texts, times);
  if (!texts.have_prompts())
    add_parts(result, time_of_token(timed, kernels, texts.size() * texts.max_new_tokens),
              timed.tokenizer != nullptr);
  print(settings.flag("json") ? json_text(Json::array({result}), 2) : speeds, "\n");
  return 0;
}

}  // namespace hewn::cli
