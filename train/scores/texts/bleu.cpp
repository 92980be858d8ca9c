#include "train/scores/texts/bleu.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }
/// Characters that are words of their own: all of ASCII's punctuation but ' , - and .
bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

/// Applies a rule of mteval-v13a.pl: writes the two characters of each match, from left to right without overlap,
/// as `between` and `after` say.
std::string separated(const std::string& text, bool (*matches)(char, char), const char* before,
                      const char* between, const char* after) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      out += join(before, text[i], between, text[i + 1], after);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

using Grams = std::map<std::vector<std::string_view>, int64_t>;

/// How often each n-gram of n words occurs.
Grams grams_of(const std::vector<std::string>& words, size_t n) {
  Grams counts;
  for (size_t i = 0; i + n <= words.size(); ++i) {
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(i);
    ++counts[{begin, begin + static_cast<std::ptrdiff_t>(n)}];
  }
  return counts;
}

/// The length closest to `words`; of two equally close ones, the shorter.
size_t closest_length(size_t words, const std::vector<std::vector<std::string>>& references) {
  const auto distance = [&](size_t n) { return n > words ? n - words : words - n; };
  size_t best = references[0].size();
  for (const auto& reference : references) {
    const size_t n = reference.size();
    if (distance(n) < distance(best) || (distance(n) == distance(best) && n < best)) best = n;
  }
  return best;
}

}  // namespace

std::vector<std::string> bleu_words(std::string_view text) {
  std::string line(without_trailing_space(text));
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_all(line, "&quot;", "\"");
  replace_all(line, "&amp;", "&");
  replace_all(line, "&lt;", "<");
  replace_all(line, "&gt;", ">");
  std::string apart = " ";
  for (const char c : line) apart += stands_alone(c) ? std::string{' ', c, ' '} : std::string{c};
  apart += ' ';
  apart = separated(
      apart, [](char a, char b) { return !is_digit(a) && is_point(b); }, "", " ", " ");
  apart = separated(
      apart, [](char a, char b) { return is_point(a) && !is_digit(b); }, " ", " ", "");
  apart = separated(
      apart, [](char a, char b) { return is_digit(a) && b == '-'; }, "", " ", " ");
  return split_words(apart);
}

BleuCounts bleu_counts(std::string_view answer, std::span<const std::string> references) {
  require(!references.empty(), "BLEU needs at least one reference");
  const std::vector<std::string> words = bleu_words(answer);
  std::vector<std::vector<std::string>> targets;
  for (const std::string& reference : references) targets.push_back(bleu_words(reference));
  BleuCounts counts;
  counts.answer_words = static_cast<double>(words.size());
  counts.reference_words = static_cast<double>(closest_length(words.size(), targets));
  for (size_t n = 1; n <= BleuCounts::longest; ++n) {
    Grams most;
    for (const auto& target : targets)
      for (const auto& [gram, count] : grams_of(target, n)) most[gram] = std::max(most[gram], count);
    for (const auto& [gram, count] : grams_of(words, n)) {
      const auto found = most.find(gram);
      counts.possible[n - 1] += static_cast<double>(count);
      if (found != most.end()) counts.matches[n - 1] += static_cast<double>(std::min(count, found->second));
    }
  }
  return counts;
}

// BLEU = min(1, exp(1 - r / c)) exp(mean over n of log p_n), p_n = matches / possible. `exp` smoothing: the k-th
// p_n without matches becomes 1 / (2^k possible).
double bleu(const BleuCounts& counts, size_t order, BleuOrder use) {
  require(order >= 1 && order <= BleuCounts::longest, "BLEU of order ", order, "; expected 1 to ",
          BleuCounts::longest);
  const auto first = counts.matches.begin(), last = first + static_cast<std::ptrdiff_t>(order);
  if (std::all_of(first, last, [](double n) { return n == 0; })) return 0;
  double logs = 0, smoothing = 1;
  size_t used = 0;
  for (size_t n = 0; n < order && counts.possible[n] > 0; ++n, ++used) {
    if (counts.matches[n] == 0) smoothing *= 2;
    logs += std::log(counts.matches[n] > 0 ? counts.matches[n] / counts.possible[n]
                                           : 1 / (smoothing * counts.possible[n]));
  }
  if (use == BleuOrder::full && used < order) return 0;
  const double brevity = counts.answer_words < counts.reference_words
                             ? std::exp(1 - counts.reference_words / counts.answer_words)
                             : 1;
  return 100 * brevity * std::exp(logs / static_cast<double>(used));
}

}  // namespace hewn
