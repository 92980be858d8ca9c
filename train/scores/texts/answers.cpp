#include "train/scores/texts/answers.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

#include "core/text.h"
#include "model/tokenizer/utf8.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

/// Replaces each article by a blank. A word is a longest sequence of letters and numbers.
std::string without_articles(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size()) {
      const CodePoint c = decode_utf8(text, end);
      if (c.bytes == 0 || !is_letter_or_number(c.value)) break;
      end += c.bytes;
    }
    const std::string_view word = text.substr(at, end - at);
    if (is_article(word))
      out += ' ';
    else
      out += word;
    if (end < text.size()) out += text[end++];  // a byte of something else
    at = end;
  }
  return out;
}

std::vector<std::string> normalized_words(std::string_view text) {
  std::string lower = lower_case(text);
  std::erase_if(lower, is_ascii_punctuation);
  return split_words(without_articles(lower));
}

double f1_of(const std::vector<std::string>& answer, const std::vector<std::string>& reference) {
  if (answer.empty() || reference.empty()) return answer.empty() && reference.empty() ? 1 : 0;
  std::map<std::string_view, int64_t> left;
  for (const std::string& word : reference) ++left[word];
  int64_t common = 0;
  for (const std::string& word : answer)
    if (const auto found = left.find(word); found != left.end() && found->second > 0)
      --found->second, ++common;
  // 2 P R / (P + R) with P = common / |answer| and R = common / |reference|
  return 2 * static_cast<double>(common) / static_cast<double>(answer.size() + reference.size());
}

}  // namespace

std::string normalized_answer(std::string_view text) { return list_text(normalized_words(text), " "); }

double exact_match(std::string_view answer, std::span<const std::string> references) {
  const std::string mine = normalized_answer(answer);
  return std::any_of(references.begin(), references.end(),
                     [&](const std::string& reference) { return normalized_answer(reference) == mine; })
             ? 1
             : 0;
}

double token_f1(std::string_view answer, std::span<const std::string> references) {
  const std::vector<std::string> mine = normalized_words(answer);
  double best = 0;
  for (const std::string& reference : references)
    best = std::max(best, f1_of(mine, normalized_words(reference)));
  return best;
}

template <class Item>
double distinct(const std::vector<Item>& items, size_t n) {
  std::set<std::vector<Item>> seen;
  size_t sequences = 0;
  for (auto begin = items.begin(); static_cast<size_t>(items.end() - begin) >= n; ++begin, ++sequences)
    seen.emplace(begin, begin + static_cast<std::ptrdiff_t>(n));
  return sequences == 0 ? 1 : static_cast<double>(seen.size()) / static_cast<double>(sequences);
}
template double distinct(const std::vector<int32_t>& items, size_t n);
template double distinct(const std::vector<std::string>& items, size_t n);

double repetition(std::string_view text) { return 1 - distinct(split_words(text), 4); }

}  // namespace hewn
