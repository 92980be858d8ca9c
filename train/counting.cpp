#include "train/counting.h"

#include "model/baselines/ngram.h"

namespace hewn {
namespace {

int64_t sequences_in(const Dataset& data) {
  int64_t n = 0;
  for (const Split& split : data.train)
    n += split.separator ? static_cast<int64_t>(split.documents.size()) - 1 : int64_t{1};
  return n;
}

/// All sequences of the training data, each with its end.
std::vector<int32_t> text_of(const Dataset& data) {
  std::vector<int32_t> text;
  text.reserve(static_cast<size_t>(data.train_tokens() + 2 * sequences_in(data)));
  const auto add = [&](const Tokens& tokens, int64_t begin, int64_t end) {
    const size_t at = text.size();
    text.resize(at + static_cast<size_t>(end - begin));
    tokens.copy(begin, end - begin, text.data() + at);
    text.push_back(NgramTables::sequence_end);
  };
  for (const Split& split : data.train) {
    if (!split.separator) {
      add(split.tokens, 0, split.tokens.size());
      continue;
    }
    for (size_t d = 0; d + 1 < split.documents.size(); ++d) {
      text.push_back(*split.separator);
      add(split.tokens, split.documents[d], split.documents[d + 1]);
    }
  }
  return text;
}

}  // namespace

int64_t count_training_data(Model& model, const Dataset& data) {
  if (!model.counted()) return 0;
  dynamic_cast<Ngram&>(model).count(text_of(data));
  return data.train_tokens();
}

double counting_bytes(const ModelConfig& config, const Dataset& data) {
  if (config.arch != "ngram") return 0;
  return NgramTables::most_bytes(config.order, config.vocab_size, data.train_tokens(), sequences_in(data));
}

}  // namespace hewn
