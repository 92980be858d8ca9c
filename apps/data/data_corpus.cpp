// hewn data corpus: the built-in tales, and the lowest possible loss on them, from their exact probability.

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/cli/settings.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "train/data/corpus.h"

namespace hewn::cli {

int run_data_corpus(const Settings& settings) {
  require(settings.arguments.empty(), "`hewn data corpus` takes no arguments; it writes to standard output");
  const int64_t tales = settings.integer("tales");
  const auto seed = static_cast<uint64_t>(settings.integer("seed"));
  double neg_log_prob = 0;
  int64_t characters = 0;
  for (int64_t i = 0; i < tales; ++i) {
    const Grammar::Sample tale = make_tale(seed, static_cast<uint64_t>(i));
    neg_log_prob += tale.neg_log_prob;
    characters += static_cast<int64_t>(tale.text.size()) + 1;
    print(tale.text, "\n");
  }
  flush_results();
  say(long_count(tales), " tales, ", long_count(characters),
      " characters, exact -log P = ", fixed(neg_log_prob / static_cast<double>(characters), 6),
      " nats per character, line ends included");
  return 0;
}

}  // namespace hewn::cli
