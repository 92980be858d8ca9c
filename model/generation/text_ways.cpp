#include "model/generation/text_ways.h"

#include <algorithm>
#include <memory>

#include "core/io/checksum.h"
#include "core/rng.h"

namespace hewn {
namespace {

int32_t likeliest_of(const std::vector<double>& logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// Pushes a prompt, and computes all of it but the last piece.
void begin(Context& context, const std::vector<int32_t>& prompt, int64_t piece) {
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (piece > 0 && i > 0 && static_cast<int64_t>(i) % piece == 0) (void)context.next_logits();
    context.push({prompt[i]});
  }
}

}  // namespace

std::vector<std::vector<int32_t>> random_prompts(int64_t number, int64_t most, int64_t vocab_size,
                                                 uint64_t seed) {
  std::vector<std::vector<int32_t>> prompts;
  Rng random(seed);
  for (int64_t i = 0; i < number; ++i) {
    std::vector<int32_t> prompt;
    if (i % 2 == 1) {
      const std::vector<int32_t>& before = prompts.back();
      prompt.assign(before.begin(), before.begin() + static_cast<int64_t>(random.below(before.size() + 1)));
    }
    const auto length = std::max<int64_t>(
        std::ssize(prompt), 1 + static_cast<int64_t>(random.below(static_cast<uint64_t>(most))));
    while (std::ssize(prompt) < length)
      prompt.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocab_size))));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

std::vector<uint64_t> checksums_of_logits(Model& model, std::span<const std::vector<int32_t>> prompts,
                                          int64_t more, const TextWay& way,
                                          const std::function<bool()>& stop) {
  const NoGrad none;
  std::vector<uint64_t> sums;
  const auto step = std::make_shared<TokenStep>(model);
  for (size_t first = 0; first < prompts.size(); first += way.at_once) {
    const auto group = prompts.subspan(first, std::min(way.at_once, prompts.size() - first));
    std::vector<std::unique_ptr<Context>> contexts;
    std::vector<Context*> together;
    for (const std::vector<int32_t>& prompt : group) {
      if (stop()) return sums;
      contexts.push_back(std::make_unique<Context>(model, way.context, step));
      together.push_back(contexts.back().get());
      begin(*contexts.back(), prompt, way.piece);
    }
    std::vector<uint64_t> of_group(group.size() * static_cast<size_t>(more));
    for (int64_t n = 0; n < more; ++n) {
      if (stop()) return sums;
      const auto logits = Context::next_logits(together);
      for (size_t i = 0; i < group.size(); ++i) {
        of_group[i * static_cast<size_t>(more) + static_cast<size_t>(n)] =
            checksum(logits[i].data(), logits[i].size() * sizeof(double));
        contexts[i]->push({likeliest_of(logits[i])});
      }
    }
    sums.insert(sums.end(), of_group.begin(), of_group.end());
  }
  return sums;
}

}  // namespace hewn
