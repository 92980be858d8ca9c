#include "train/scores/eval_prompts.h"

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"
#include "model/generation/context.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

/// Which other rows are shown before a row.
std::vector<size_t> shots_of(const EvalTask& task, size_t row, uint64_t seed) {
  std::vector<size_t> others;
  for (size_t i = 0; i < task.rows.size(); ++i)
    if (i != row) others.push_back(i);
  const size_t n = std::min(others.size(), static_cast<size_t>(task.shots));
  Rng random(seed, row);
  for (size_t i = 0; i < n; ++i)
    std::swap(others[i], others[i + static_cast<size_t>(random.below(others.size() - i))]);
  others.resize(n);
  return others;
}

std::string_view context_of(const EvalTask& task, size_t row, size_t context) {
  const std::string_view text = task.rows[row].contexts[context];
  return task.trims_contexts && task.kind == EvalKind::continuation ? trimmed(text) : text;
}

/// The index of the right answer in a list that may have one element for all choices.
size_t one_of(const std::vector<std::string>& texts, size_t choice) { return texts.size() > 1 ? choice : 0; }

/// What stands before a continuation without a context.
int32_t token_before_text(const TextEncoder& texts) {
  return texts.begin() || texts.ends().empty() ? texts.opening()[0] : texts.ends()[0];
}

/// Context and continuation as one sequence.
Continuation joined(const TextEncoder& texts, std::string_view context, std::string_view continuation) {
  const std::string_view kept = without_trailing_space(context);
  const std::string moved = std::string(context.substr(kept.size())) + std::string(continuation);
  if (kept.empty()) {
    Continuation alone{.tokens = texts.prompt(moved), .begin = 1};
    const int32_t first = token_before_text(texts);
    if (alone.tokens.size() < 2 || alone.tokens[0] != first) alone.tokens.insert(alone.tokens.begin(), first);
    return alone;
  }
  Continuation both{.tokens = texts.prompt(kept), .begin = 0};
  const std::vector<int32_t> whole = texts.prompt(std::string(kept) + moved);
  both.begin = std::ssize(both.tokens);
  if (std::ssize(whole) > both.begin)
    both.tokens.insert(both.tokens.end(), whole.begin() + both.begin, whole.end());
  else  // the whole text has no more tokens than its beginning, which end differently
    both = {.tokens = whole, .begin = std::ssize(whole) - 1};
  if (both.begin == 0) {
    both.tokens.insert(both.tokens.begin(), token_before_text(texts));
    both.begin = 1;
  }
  return both;
}

/// How many tokens all sequences have in common at their beginning.
template <class Tokens>
int64_t common(const std::vector<Tokens>& sequences) {
  auto shared = std::ssize(sequences[0]);
  for (const Tokens& tokens : sequences)
    shared = std::min<std::ptrdiff_t>(
        shared, std::mismatch(tokens.begin(), tokens.end(), sequences[0].begin(), sequences[0].end()).first -
                    tokens.begin());
  return shared;
}

std::vector<int64_t> decisive_tokens(EvalKind kind, const Alternatives& choices) {
  std::vector<int64_t> begins;
  if (kind == EvalKind::continuation) return {choices[0].begin};
  std::vector<std::vector<int32_t>> tokens;
  for (const Continuation& choice : choices) tokens.push_back(choice.tokens);
  if (kind == EvalKind::schema)
    for (auto& sequence : tokens) std::reverse(sequence.begin(), sequence.end());
  const int64_t shared = common(tokens);
  for (const Continuation& choice : choices) {
    const int64_t n = std::ssize(choice.tokens);
    const int64_t begin = kind == EvalKind::schema ? n - shared : std::max(shared, choice.begin);
    begins.push_back(std::clamp<int64_t>(begin, 1, n - 1));  // one choice may be the beginning of another
  }
  return begins;
}

}  // namespace

std::string eval_context(const EvalTask& task, size_t row, size_t context, uint64_t seed) {
  std::string text;
  for (const size_t shot : shots_of(task, row, seed)) {
    const EvalRow& shown = task.rows[shot];
    text += join(context_of(task, shot, one_of(shown.contexts, shown.gold)), task.delimiter,
                 shown.continuations[one_of(shown.continuations, shown.gold)], "\n\n");
  }
  return text + std::string(context_of(task, row, context)) + task.delimiter;
}

EvalPrompt eval_prompt(const EvalTask& task, size_t row, const TextEncoder& texts, const EvalFormat& format) {
  const EvalRow& asked = task.rows[row];
  const Doing encoding("encoding ", asked.where);
  EvalPrompt prompt;
  for (size_t c = 0; c < asked.choices(); ++c)
    prompt.choices.push_back(joined(texts, eval_context(task, row, one_of(asked.contexts, c), format.seed),
                                    asked.continuations[one_of(asked.continuations, c)]));
  prompt.decisive = decisive_tokens(task.kind, prompt.choices);
  for (size_t c = 0; c < prompt.choices.size(); ++c) {
    Continuation& choice = prompt.choices[c];
    const int64_t over = std::ssize(choice.tokens) - (format.block_size + 1);
    if (over > 0) {
      if (over >= choice.begin)
        fail(ErrorCode::input, "the continuation has ", std::ssize(choice.tokens) - choice.begin,
             " tokens; expected at most ", format.block_size, ", the model's block_size");
      keep_newest(choice.tokens, format.block_size + 1, texts.begin());
      choice.begin -= over;
      prompt.decisive[c] = std::max<int64_t>(prompt.decisive[c] - over, 1);
      prompt.cut = true;
    }
    prompt.continuation.push_back(choice.begin);
    choice.begin = std::min(choice.begin, prompt.decisive[c]);
  }
  return prompt;
}

}  // namespace hewn
