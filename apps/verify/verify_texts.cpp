#include "apps/verify/verify_texts.h"

#include <algorithm>

#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/run/open_run.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "model/generation/text_ways.h"

namespace hewn::cli {
namespace {

constexpr int64_t longest_prompt = 500, new_tokens = 4;

std::vector<TextWay> ways_to(const ModelConfig& config, KvFormat kv) {
  std::vector<TextWay> ways{
      {"alone"}, {"in pieces of 7 tokens", 1, 7}, {"in pieces of 64 tokens", 1, 64}, {"16 at a time", 16}};
  for (TextWay& way : ways) way.context.kv = kv;
  // Other forms of attention, and rounded keys and values, are other computations.
  if (config.arch != "gpt" || (config.attention == AttentionForm::fused && kv == KvFormat::f32))
    ways.push_back({"without a cache", 1, 0, {.cache = false}});
  return ways;
}

/// The first text whose checksums differ.
std::string first_difference(const std::vector<uint64_t>& sums, const std::vector<uint64_t>& expected,
                             const std::vector<std::vector<int32_t>>& prompts) {
  const auto at = std::mismatch(sums.begin(), sums.end(), expected.begin()).first - sums.begin();
  return join("first in text ", at / new_tokens + 1, " of ", prompts.size(), ", ",
              prompts[static_cast<size_t>(at / new_tokens)].size(), " tokens long, at new token ",
              at % new_tokens + 1);
}

}  // namespace

int verify_texts(const Settings& settings, const std::vector<int>& threads) {
  const std::string path = named_run(settings);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<uint64_t> expected;
  int status = 0;
  catch_signals();
  const auto stop = [] { return stop_signal() != 0; };
  for (const int n : threads) {
    const OpenRun run = open_run(settings, path, make_cpu(n));
    const ModelConfig& config = run.model->config();
    require_language_model(config, path);
    if (prompts.empty()) {
      require(config.block_size > new_tokens, path, ": block_size = ", config.block_size,
              " is too short to continue a text by ", new_tokens, " tokens");
      prompts = random_prompts(settings.integer("num_samples"),
                               std::min(longest_prompt, config.block_size - new_tokens), config.vocab_size,
                               static_cast<uint64_t>(settings.integer("seed")));
      if (run.tokenizer && run.texts().begin())
        for (std::vector<int32_t>& prompt : prompts) prompt[0] = *run.texts().begin();
    }
    for (const TextWay& way : ways_to(config, kv_of(settings))) {
      const auto sums = checksums_of_logits(*run.model, prompts, new_tokens, way, stop);
      if (stop()) return stop_status();
      const std::string what = join(way.name, ", ", n, n == 1 ? " thread" : " threads");
      if (expected.empty()) {
        expected = sums;
        print(prompts.size(), prompts.size() == 1 ? " text " : " texts ", what, ": reference\n");
      } else if (sums == expected) {
        print(what, ": same bits\n");
      } else {
        print(what, ": DIFFERENT bits, ", first_difference(sums, expected, prompts), "\n");
        status = static_cast<int>(ErrorCode::numerical);
      }
      flush_results();  // a large model takes minutes for each
    }
  }
  return status;
}

}  // namespace hewn::cli
