// Porter's stemmer. Names of the steps are those of the paper. In it, C is a sequence of consonants, V one of vowels,
// and a stem is [C](VC)^m[V]; m is its measure.

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "train/scores/texts/rouge.h"

namespace hewn {
namespace {

/// y is a consonant at the beginning and after a vowel.
bool is_consonant(std::string_view word, size_t i) {
  if (std::string_view("aeiou").find(word[i]) != std::string_view::npos) return false;
  bool consonant = true;
  for (; word[i] == 'y' && i > 0; --i) {
    if (std::string_view("aeiou").find(word[i - 1]) != std::string_view::npos) return consonant;
    consonant = !consonant;
  }
  return consonant;
}

/// m: how often a vowel is followed by a consonant.
int measure(std::string_view stem) {
  int m = 0;
  for (size_t i = 1; i < stem.size(); ++i) m += !is_consonant(stem, i - 1) && is_consonant(stem, i);
  return m;
}

bool has_vowel(std::string_view stem) {
  for (size_t i = 0; i < stem.size(); ++i)
    if (!is_consonant(stem, i)) return true;
  return false;
}

bool ends_in_double_consonant(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

/// Consonant, vowel, consonant other than w, x and y; NLTK adds words of vowel, consonant.
bool ends_in_cvc(std::string_view word) {
  const size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) && is_consonant(word, n - 1) &&
         std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

bool positive(std::string_view stem) { return measure(stem) > 0; }
bool above_one(std::string_view stem) { return measure(stem) > 1; }
bool always(std::string_view) { return true; }
/// NLTK: the l of -logi belongs to the stem, so that "apologi" qualifies.
bool positive_with_l(std::string_view stem) { return positive(std::string(stem) + "l"); }
bool above_one_after_s_or_t(std::string_view stem) {
  return above_one(stem) && (stem.back() == 's' || stem.back() == 't');
}
bool consonant_before_y(std::string_view stem) {
  return stem.size() > 1 && is_consonant(stem, stem.size() - 1);
}

/// A suffix, its replacement, and what must hold for the stem before it.
struct Rule {
  std::string_view suffix, replacement;
  bool (*holds)(std::string_view stem);
};

/// Applies the first rule whose suffix the word has, if its condition holds.
std::string rewritten(std::string word, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::string stem = word.substr(0, word.size() - rule.suffix.size());
    return rule.holds(stem) ? stem + std::string(rule.replacement) : word;
  }
  return word;
}

std::string without(const std::string& word, size_t letters) { return word.substr(0, word.size() - letters); }

std::string plurals(std::string word) {  // step 1a
  static constexpr Rule rules[] = {
      {"sses", "ss", always}, {"ies", "i", always}, {"ss", "ss", always}, {"s", "", always}};
  if (word.ends_with("ies") && word.size() == 4) return without(word, 1);
  return rewritten(std::move(word), rules);
}

std::string ed_and_ing(std::string word) {  // step 1b
  if (word.ends_with("ied")) return without(word, word.size() == 4 ? 1 : 2);
  if (word.ends_with("eed")) return positive(without(word, 3)) ? without(word, 1) : word;
  const size_t suffix = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (suffix == 0 || !has_vowel(without(word, suffix))) return word;
  std::string stem = without(word, suffix);
  for (const char* end : {"at", "bl", "iz"})
    if (stem.ends_with(end)) return stem + 'e';
  if (ends_in_double_consonant(stem))
    return std::string_view("lsz").find(stem.back()) == std::string_view::npos ? without(stem, 1) : stem;
  return measure(stem) == 1 && ends_in_cvc(stem) ? stem + 'e' : stem;
}

constexpr Rule final_y[] = {{"y", "i", consonant_before_y}};  // step 1c

std::string double_suffixes(std::string word) {  // step 2
  static constexpr Rule rules[] = {
      {"ational", "ate", positive},    {"tional", "tion", positive}, {"enci", "ence", positive},
      {"anci", "ance", positive},      {"izer", "ize", positive},    {"bli", "ble", positive},
      {"alli", "al", positive},        {"entli", "ent", positive},   {"eli", "e", positive},
      {"ousli", "ous", positive},      {"ization", "ize", positive}, {"ation", "ate", positive},
      {"ator", "ate", positive},       {"alism", "al", positive},    {"iveness", "ive", positive},
      {"fulness", "ful", positive},    {"ousness", "ous", positive}, {"aliti", "al", positive},
      {"iviti", "ive", positive},      {"biliti", "ble", positive},  {"fulli", "ful", positive},
      {"logi", "log", positive_with_l}};
  while (word.ends_with("alli") && positive(without(word, 4))) word = without(word, 2);
  return rewritten(std::move(word), rules);
}

constexpr Rule third[] = {{"icate", "ic", positive}, {"ative", "", positive},  {"alize", "al", positive},
                          {"iciti", "ic", positive}, {"ical", "ic", positive}, {"ful", "", positive},
                          {"ness", "", positive}};

constexpr Rule fourth[] = {
    {"al", "", above_one},   {"ance", "", above_one}, {"ence", "", above_one},
    {"er", "", above_one},   {"ic", "", above_one},   {"able", "", above_one},
    {"ible", "", above_one}, {"ant", "", above_one},  {"ement", "", above_one},
    {"ment", "", above_one}, {"ent", "", above_one},  {"ion", "", above_one_after_s_or_t},
    {"ou", "", above_one},   {"ism", "", above_one},  {"ate", "", above_one},
    {"iti", "", above_one},  {"ous", "", above_one},  {"ive", "", above_one},
    {"ize", "", above_one}};

std::string final_e_and_l(std::string word) {  // steps 5a and 5b
  if (word.ends_with('e')) {
    const std::string stem = without(word, 1);
    if (measure(stem) > 1 || (measure(stem) == 1 && !ends_in_cvc(stem))) word = stem;
  }
  return word.ends_with("ll") && measure(without(word, 1)) > 1 ? without(word, 1) : word;
}

/// NLTK's words without a rule.
const std::map<std::string_view, std::string_view> irregular = {
    {"skies", "sky"},      {"sky", "sky"},         {"dying", "die"},        {"lying", "lie"},
    {"tying", "tie"},      {"news", "news"},       {"innings", "inning"},   {"inning", "inning"},
    {"outings", "outing"}, {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
    {"howe", "howe"},      {"proceed", "proceed"}, {"exceed", "exceed"},    {"succeed", "succeed"}};

}  // namespace

std::string porter_stem(std::string word) {
  if (const auto found = irregular.find(word); found != irregular.end()) return std::string(found->second);
  if (word.size() <= 2) return word;
  word = rewritten(ed_and_ing(plurals(std::move(word))), final_y);
  word = rewritten(double_suffixes(std::move(word)), third);
  return final_e_and_l(rewritten(std::move(word), fourth));
}

}  // namespace hewn
