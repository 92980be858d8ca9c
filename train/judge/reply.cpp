#include "train/judge/reply.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

namespace hewn {
namespace {

constexpr size_t most_reply_bytes = 1 << 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A number in a text, from `begin` to `end`.
struct FoundNumber {
  double value = 0;
  size_t begin = 0, end = 0;
};

// All numbers, with a sign and decimals. A dash after a digit or a letter is no sign.
std::vector<FoundNumber> numbers_in(std::string_view text) {
  std::vector<FoundNumber> found;
  for (size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
      ++end;
      while (end < text.size() && is_digit(text[end])) ++end;
    }
    const bool negative =
        i > 0 && text[i - 1] == '-' && (i < 2 || (!is_digit(text[i - 2]) && !is_ascii_letter(text[i - 2])));
    double value = 0;
    std::from_chars(text.data() + i, text.data() + end, value);  // infinite if too large, thus out of range
    if (end - i > 300) value = 1e300;
    found.push_back({negative ? -value : value, i, end});
    i = end;
  }
  return found;
}

std::string_view skip_blanks(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n*_\"`"), text.size()));
  return text;
}

// Whether the text after a number makes it a fraction of 100: "/100", "out of 100", "%".
bool is_of_hundred(std::string_view after) {
  after = skip_blanks(after);
  if (after.starts_with('%')) return true;
  if (after.starts_with('/'))
    after.remove_prefix(1);
  else if (after.starts_with("out of"))
    after.remove_prefix(6);
  else
    return false;
  after = skip_blanks(after);
  return after.starts_with("100") &&
         (after.size() == 3 || (!is_digit(after[3]) && after.substr(3, 2) != ".5"));
}

// Whether the text before a number, in lower case, calls it a score: "score: ", "rating is ".
bool is_called_score(std::string_view before) {
  const auto cut = [&](std::string_view word) {
    if (!before.ends_with(word)) return false;
    before.remove_suffix(word.size());
    return true;
  };
  const auto cut_signs = [&] {
    while (!before.empty() && std::string_view(" \t\n*_\"`:='").find(before.back()) != std::string_view::npos)
      before.remove_suffix(1);
  };
  cut_signs();
  for (const std::string_view word : {" is", " of", " be"})
    if (cut(word)) break;
  cut_signs();
  return cut("score") || cut("rating") || cut("grade");
}

// The one value of several candidates, or why there is none.
JudgedScore only(const std::vector<double>& values) {
  for (const double x : values)
    if (x != values[0]) return {std::nullopt, "the reply holds several numbers"};
  if (values.empty()) return {std::nullopt, "the reply holds no number"};
  if (!(values[0] >= 0 && values[0] <= 100)) return {std::nullopt, "the number is not from 0 to 100"};
  return {values[0], ""};
}

constexpr std::string_view small_numbers[] = {"zero",    "one",     "two",       "three",    "four",
                                              "five",    "six",     "seven",     "eight",    "nine",
                                              "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                              "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::string_view tens[] = {"twenty", "thirty",  "forty",  "fifty",
                                     "sixty",  "seventy", "eighty", "ninety"};

std::optional<int> small_number(const std::string& word) {
  const auto at = std::find(std::begin(small_numbers), std::end(small_numbers), word);
  if (at == std::end(small_numbers)) return std::nullopt;
  return static_cast<int>(at - std::begin(small_numbers));
}

// Numbers in words, 0 to 100. "one" by itself is mostly no number: "this one", "one mistake".
std::vector<double> spelled_numbers(const std::string& lower) {
  std::vector<std::string> words{""};
  for (const char c : lower) {
    if (is_ascii_letter(c))
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  std::vector<double> values;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string next = i + 1 < words.size() ? words[i + 1] : "";
    const auto ten = std::find(std::begin(tens), std::end(tens), words[i]);
    if (ten != std::end(tens)) {
      const std::optional<int> one = small_number(next);
      const bool joined = one && *one >= 1 && *one <= 9;
      values.push_back(20 + 10 * static_cast<double>(ten - std::begin(tens)) + (joined ? *one : 0));
      i += joined;
    } else if (words[i] == "hundred") {
      values.push_back(100);
    } else if (const std::optional<int> n = small_number(words[i]); n && *n != 1) {
      values.push_back(*n);
    }
  }
  return values;
}

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

JudgedScore score_in(std::string_view reply) {
  if (const size_t thought = reply.rfind("</think>"); thought != reply.npos) reply.remove_prefix(thought + 8);
  if (reply.size() > most_reply_bytes) return {std::nullopt, "the reply is too long"};
  const std::string lower = in_lower_case(reply);
  const std::vector<FoundNumber> numbers = numbers_in(lower);
  std::vector<double> of_hundred, called, all;
  for (const FoundNumber& n : numbers) {
    const std::string_view text = lower;
    all.push_back(n.value);
    if (is_of_hundred(text.substr(n.end))) of_hundred.push_back(n.value);
    if (is_called_score(text.substr(0, n.begin - (n.value < 0 ? 1 : 0)))) called.push_back(n.value);
  }
  if (!of_hundred.empty()) return only(of_hundred);
  if (numbers.size() > 1 && !called.empty() && lower.find('/') == lower.npos) return only(called);
  if (!numbers.empty()) return only(all);
  return only(spelled_numbers(lower));
}

}  // namespace hewn
