#include "model/generate.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "model/context.h"

namespace hewn {
void generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(const Generated&)>& emit) {
  require(!prompt.empty(), "generation needs a prompt of at least one token");
  const SamplingOptions sampling = options.sampling();
  check_sampling(sampling);
  const NoGrad none;
  const Scope scope("generate");
  Rng rng(options.seed, options.sample);
  Context context(model, options.cache);
  std::vector<int32_t> seen = prompt;
  for (const int32_t token : prompt) context.push({token});
  for (int64_t n = 0; n < options.max_new_tokens; ++n) {
    const std::vector<double> logits = context.next_logits();
    const int32_t token = draw(sampling_distribution(logits, sampling, seen), rng.uniform_double());
    if (std::find(options.stop_tokens.begin(), options.stop_tokens.end(), token) != options.stop_tokens.end())
      return;
    if (!emit({token, logits})) return;
    context.push({token});
    seen.push_back(token);
  }
}

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_) require(!stop.empty(), "a stop string is empty; expected some text");
}

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  held_ += text;
  size_t end = held_.size();
  for (const std::string& stop : stops_)
    if (const size_t at = held_.find(stop); at < end) end = at, found_ = true;
  if (!found_)
    for (const std::string& stop : stops_)  // the longest tail that begins a stop string
      for (size_t n = std::min(stop.size() - 1, held_.size()); n > 0; --n)
        if (held_.ends_with(std::string_view(stop).substr(0, n))) {
          end = std::min(end, held_.size() - n);
          break;
        }
  std::string shown = held_.substr(0, end);
  held_.erase(0, found_ ? held_.size() : end);
  return shown;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace hewn
