#include "model/generation/generate.h"

#include <algorithm>
#include <array>
#include <list>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "kernels/contract/contract.h"
#include "model/generation/context.h"

namespace hewn {
namespace {

/// A text in progress.
struct Writing {
  size_t request;
  std::unique_ptr<Context> context;
  Rng random;
  std::vector<int32_t> seen;
  int64_t left;  // tokens that may still be added
  std::unique_ptr<Drafter> drafter;
  Ambition ambition;

  Writing(Model& model, size_t number, const GenerateRequest& asked, const GenerateOptions& options,
          const std::shared_ptr<TokenStep>& step)
      : request(number),
        context(std::make_unique<Context>(model, options.context, step)),
        random(options.seed, asked.sample),
        seen(asked.prompt),
        left(options.max_new_tokens),
        drafter(
            make_drafter(options.draft, options.context, options.sampling, Rng(options.seed, ~asked.sample))),
        ambition(options.draft.most) {
    require(!drafter || context->can_drop(), "arch = ", model.config().arch,
            " cannot check several tokens at a time; leave the draft out");
    require(!asked.prompt.empty(), "generation needs a prompt of at least one token");
    for (const int32_t token : asked.prompt) context->push({token});
  }

  /// Chooses the next token; returns false at the end of the text.
  bool go_on(const std::vector<double>& logits, const GenerateOptions& options,
             const GenerateEvents& events) {
    const int32_t token =
        draw(sampling_distribution(logits, options.sampling, seen), random.uniform_double());
    if (!add(token, logits, options, events)) return false;
    context->push({token});
    return true;
  }

  /// The same, for all tokens of a draft that are accepted, and one more.
  bool check_draft(const GenerateOptions& options, const GenerateEvents& events) {
    std::vector<Proposal> proposals;
    // Not for the first token: how much of the prompt is fresh depends on what other texts have computed of it.
    if (left < options.max_new_tokens && context->fresh() == 1)
      if (const int64_t most = std::min({ambition.next(), left - 1, context->room()}); most > 0)
        proposals = drafter->propose(seen, most);
    if (proposals.empty()) return go_on(context->next_logits(), options, events);
    for (const Proposal& proposal : proposals) context->push({proposal.token});
    const std::vector<std::vector<double>> logits = context->fresh_logits();
    const auto proposed = std::ssize(proposals);
    int64_t accepted = 0;
    bool open = true;
    while (open && accepted < proposed) {
      const auto i = static_cast<size_t>(accepted);
      const Decided next =
          decide(proposals[i], sampling_distribution(logits[i], options.sampling, seen), random);
      if (!next.accepted) context->drop(proposed - accepted);
      open = add(next.token, logits[i], options, events);
      if (!next.accepted) {
        context->push({next.token});
        break;
      }
      ++accepted;
    }
    ambition.learn(proposed, accepted);
    if (events.checked) events.checked(proposed, accepted);
    return open && (accepted < proposed || go_on(logits.back(), options, events));
  }

 private:
  /// Adds a token to the text, but not to the context; returns false at the end of the text.
  bool add(int32_t token, const std::vector<double>& logits, const GenerateOptions& options,
           const GenerateEvents& events) {
    if (std::find(options.stop_tokens.begin(), options.stop_tokens.end(), token) != options.stop_tokens.end())
      return false;
    if (!events.token(request, {token, logits}) || --left == 0) return false;
    seen.push_back(token);
    return true;
  }
};

/// Writes all texts, `at_once` at a time.
void write_texts(Model& model, const std::vector<GenerateRequest>& requests, const GenerateOptions& options,
                 size_t at_once, const GenerateEvents& events) {
  const auto step = std::make_shared<TokenStep>(model, options.cuda_graph);
  const auto remembered = options.remembered ? options.remembered : std::make_shared<Remembered>();
  std::list<Writing> texts;
  for (size_t next = 0; next < requests.size() || !texts.empty();) {
    if (events.stop && events.stop()) return;
    for (; texts.size() < at_once && next < requests.size(); ++next) {
      texts.emplace_back(model, next, requests[next], options, step);
      if (remembered->context) texts.back().context->share_beginning(std::array{remembered->context.get()});
    }
    std::vector<Context*> contexts;
    for (Writing& text : texts) contexts.push_back(text.context.get());
    std::vector<std::vector<double>> logits(texts.size());
    if (!options.draft.on()) logits = Context::next_logits(contexts);
    auto row = logits.begin();
    for (auto text = texts.begin(); text != texts.end(); ++row) {
      if (text->left > 0 &&
          (text->drafter ? text->check_draft(options, events) : text->go_on(*row, options, events))) {
        ++text;
        continue;
      }
      events.done(text->request, text->context->slid());
      if (text->context->can_share()) remembered->context = std::move(text->context);
      text = texts.erase(text);
    }
  }
}

}  // namespace

void generate(Model& model, const std::vector<GenerateRequest>& requests, const GenerateOptions& options,
              size_t at_once, const GenerateEvents& events) {
  require(at_once >= 1, "at_once is 0; expected 1 or more");
  check_sampling(options.sampling);
  const NoGrad none;
  const Scope scope("generate");
  long_region(executor(model.device()).threads(),
              [&] { write_texts(model, requests, options, at_once, events); });
}

bool generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(const Generated&)>& emit) {
  bool slid = false;
  generate(model, {{prompt, options.sample}}, options, 1,
           {.token = [&](size_t, const Generated& g) { return emit(g); },
            .done = [&](size_t, bool did) { slid = did; }});
  return slid;
}

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  for (const std::string& stop : stops_)
    require(!stop.empty(), "a stop string is empty; expected at least one character");
}

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  held_ += text;
  size_t end = held_.size();
  for (const std::string& stop : stops_)
    if (const size_t at = held_.find(stop); at < end) end = at, found_ = true;
  if (!found_)
    for (const std::string& stop : stops_)  // the longest suffix that begins a stop string
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
