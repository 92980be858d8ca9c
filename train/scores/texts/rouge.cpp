#include "train/scores/texts/rouge.h"

#include <algorithm>

#include "model/tokenizer/utf8.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

/// The length of the longest common subsequence, by dynamic programming with two rows.
size_t common_subsequence(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<size_t> above(b.size() + 1), row(b.size() + 1);
  for (const std::string& word : a) {
    for (size_t j = 0; j < b.size(); ++j)
      row[j + 1] = word == b[j] ? above[j] + 1 : std::max(above[j + 1], row[j]);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::vector<std::string> rouge_words(std::string_view text, Stemming stemming) {
  std::string plain = lower_case(text);
  for (char& c : plain)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = ' ';
  std::vector<std::string> words = split_words(plain);
  if (stemming == Stemming::yes)
    for (std::string& word : words)
      if (word.size() > 3) word = porter_stem(std::move(word));
  return words;
}

double rouge_l(std::string_view answer, std::span<const std::string> references, Stemming stemming) {
  const std::vector<std::string> mine = rouge_words(answer, stemming);
  double best = 0;
  for (const std::string& reference : references) {
    const std::vector<std::string> theirs = rouge_words(reference, stemming);
    if (mine.empty() || theirs.empty()) continue;
    best = std::max(best, 2 * static_cast<double>(common_subsequence(mine, theirs)) /
                              static_cast<double>(mine.size() + theirs.size()));
  }
  return best;
}

}  // namespace hewn
