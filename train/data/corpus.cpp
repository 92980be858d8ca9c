#include "train/data/corpus.h"

#include "core/error.h"
#include "core/rng.h"

// train/data/tales.txt: the rules, in the notation of train/data/grammar.h. tests/train/data checks that they are
// unambiguous and that every tale has 80 to 159 characters, so that a tale with its newline fits in a window of 160 tokens.
//
// Designed to be learned: most choices are local. The long-range dependencies are a made-up name (copied letter by letter),
// he or she (by the name's last letter), the action of a thing, the motion of a vehicle, and the fear or missing skill at
// the start of a tale.
extern "C" const char hewn_tales[], hewn_tales_end[];

namespace hewn {
namespace {

/// A line of a text, and whether it ended with a newline.
struct Line {
  std::string_view text;
  bool ended = false;
};

Line take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const Line line{rest.substr(0, end), end != std::string_view::npos};
  rest.remove_prefix(line.ended ? end + 1 : rest.size());
  return line;
}

}  // namespace

const Grammar& tales_grammar() {
  static const Grammar grammar(std::string_view(hewn_tales, hewn_tales_end));
  return grammar;
}

Grammar::Sample make_tale(uint64_t seed, uint64_t index) {
  Rng rng(seed, index);
  return tales_grammar().sample([&](uint64_t n) { return rng.below(n); });
}

std::string generate_tales(int64_t count, uint64_t seed) {
  require(count >= 0, "cannot make ", count, " tales");
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    text += make_tale(seed, static_cast<uint64_t>(i)).text;
    text += '\n';
  }
  return text;
}

double tale_neg_log_prob(std::string_view tale) {
  const Grammar::Derivations found = tales_grammar().derivations(tale);
  if (found.count == 0) {
    const size_t shown = found.furthest < 40 ? 0 : found.furthest - 40;
    fail(ErrorCode::input, "not a tale of the built-in corpus: the grammar matches up to character ",
         found.furthest, ", \"", tale.substr(shown, found.furthest - shown), "\", but not the following \"",
         tale.substr(found.furthest, 20), "\"; `hewn data corpus` prints such tales");
  }
  return found.neg_log_prob;
}

TalesScore& TalesScore::operator+=(const TalesScore& other) {
  tales += other.tales;
  characters += other.characters;
  neg_log_prob += other.neg_log_prob;
  return *this;
}

TalesScore score_tales(std::string_view text) {
  TalesScore score;
  while (!text.empty()) {
    const Line line = take_line(text);
    const Doing reading("reading tale ", score.tales + 1);
    if (!line.ended) fail(ErrorCode::input, "the last tale does not end with a newline");
    score.neg_log_prob += tale_neg_log_prob(line.text);
    score.characters += std::ssize(line.text) + 1;
    ++score.tales;
  }
  return score;
}

std::optional<TalesScore> score_if_tales(std::string_view text) {
  TalesScore score;
  while (!text.empty()) {
    const Line line = take_line(text);
    const Grammar::Derivations found = tales_grammar().derivations(line.text);
    if (!line.ended || found.count == 0) return std::nullopt;
    score.neg_log_prob += found.neg_log_prob;
    score.characters += std::ssize(line.text) + 1;
    ++score.tales;
  }
  if (score.tales == 0) return std::nullopt;
  return score;
}

}  // namespace hewn
