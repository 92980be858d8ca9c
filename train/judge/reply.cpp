#include "train/judge/reply.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace hewn {
namespace {

constexpr size_t most_reply_bytes = 1 << 14;
constexpr size_t most_words = 12;  // between "score" and its number

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_small_letter(char c) { return c >= 'a' && c <= 'z'; }

// In lower case and ASCII, with full-width forms, dashes and the minus sign as what they stand for. Other characters and
// apostrophes are left out.
std::string in_ascii(std::string_view reply) {
  std::string text;
  for (size_t i = 0; i < reply.size(); ++i) {
    const std::string_view three = reply.substr(i, 3);
    const auto c = static_cast<unsigned char>(three[0]), last = static_cast<unsigned char>(three.back());
    if (c < 0x80 && c != '\'') text += static_cast<char>(std::tolower(c));
    if (three.starts_with("\xef\xbc") && last >= 0x81) text += static_cast<char>(last - 0x60);
    if (three == "\u2264" || three == "\u2265") text += '<';
    if (three == "\u2212" || (three >= "\u2010" && three <= "\u2015")) text += '-';
  }
  return text;
}

// A word or a sign of the text, or a number, which has no word.
struct ReplyToken {
  std::string_view word;
  double value = 0, of = 0;  // of: the scale that the reply gives the number, 10 for 8/10; 0: none
};

struct ReplyTokens {
  std::vector<ReplyToken> tokens;
  std::vector<double> scales;  // that the reply states of all its numbers

  bool number(size_t i) const { return i < tokens.size() && tokens[i].word.empty(); }
  // Whether token i is in a list with blanks around each word.
  bool is(size_t i, std::string_view list) const {
    return i < tokens.size() && !number(i) && list.find(join(" ", tokens[i].word, " ")) != list.npos;
  }
};

// Words, numbers and the signs that matter. The number of an item of a list is left out.
ReplyTokens tokens_of(std::string_view text) {
  ReplyTokens out;
  std::vector<ReplyToken>& tokens = out.tokens;
  const auto at = [&](size_t i) { return i < text.size() ? text[i] : '\n'; };
  const auto part_of_word = [&](size_t i) { return is_digit(at(i)) || is_small_letter(at(i)); };
  for (size_t i = 0, end = 0; i < text.size(); i = end) {
    // A comma before three digits separates thousands, and before one or two it is a decimal one, but not in [80,85].
    const auto point = [&](size_t k) {
      const bool begins = k == i && !part_of_word(k - 1) && at(k - 1) != '.';
      const bool comma = at(k) == ',' && k > i && at(i - 1) != '[' && at(i - 1) != ',';
      return is_digit(at(k + 1)) && (comma || (at(k) == '.' && (k > i || begins)));
    };
    std::string word;
    bool digits = true;
    for (end = i; part_of_word(end) || (digits && word.find('.') == word.npos && point(end)); ++end) {
      digits &= !is_small_letter(at(end));
      const bool thousands = at(end) == ',' && is_digit(at(end + 2)) && is_digit(at(end + 3));
      if (!thousands) word += part_of_word(end) ? at(end) : '.';
    }
    if (word.empty()) {
      if (std::string_view("/-%:=.,;<>!?(\n").find(text[end++]) != std::string_view::npos)
        tokens.push_back({text.substr(i, 1)});
    } else if (!digits) {  // "gpt4", "2nd" and "1e3" are words, too
      tokens.push_back({text.substr(i, end - i)});
    } else {
      ReplyToken n;
      if (std::from_chars(word.data(), word.data() + word.size(), n.value).ec != std::errc()) n.value = 1e300;
      const bool item = (tokens.empty() || out.is(tokens.size() - 1, " \n ")) && n.value <= 20 &&
                        (at(end) == '.' || at(end) == ')') && at(end + 1) == ' ';
      if (at(i - 1) == '-' && !part_of_word(i - 2)) {
        n.value = -n.value;
        tokens.pop_back();
      }
      if (!item) tokens.push_back(n);
    }
  }
  return out;
}

constexpr std::string_view number_words[] = {
    "zero",    "one",       "two",      "three",    "four",   "five",     "six",      "seven",
    "eight",   "nine",      "ten",      "eleven",   "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty",   "forty",    "fifty",
    "sixty",   "seventy",   "eighty",   "ninety",   "hundred"};

// 0 to 100; -1 for other words.
double value_of(std::string_view word) {
  const auto at =
      std::find(std::begin(number_words), std::end(number_words), word) - std::begin(number_words);
  return at == std::ssize(number_words) ? -1 : static_cast<double>(at < 20 ? at : 10 * (at - 18));
}

// Replaces words by numbers: "eighty-five" by 85. "one" by itself is mostly none: "this one", "one mistake".
void spell_out(ReplyTokens& reply) {
  std::vector<ReplyToken> out;
  for (size_t i = 0; i < reply.tokens.size(); ++i) {
    ReplyToken token{"", value_of(reply.tokens[i].word)};
    const size_t next = i + (reply.is(i + 1, " - ") ? 2 : 1);
    const double units = next < reply.tokens.size() ? value_of(reply.tokens[next].word) : -1;
    if (token.value >= 20 && token.value < 100 && units >= 1 && units < 10) {
      token.value += units;
      i = next;
    }
    out.push_back(token.value < 0 || token.value == 1 ? reply.tokens[i] : token);
  }
  reply.tokens = out;
}

// What the words before a number say of it; in the order of what decides, with 1 for a number with a scale.
struct Said {
  enum { scale = -2, bound = -1, nothing = 0, score = 2, verdict = 3 };
};

int introduction(const ReplyTokens& reply, size_t number) {
  int said = Said::nothing;
  bool named = false;  // by a colon or "score"
  for (size_t k = number; k-- > 0 && number - k <= most_words;) {
    if (reply.is(k, " scale max maximum ") || (reply.is(k, " / ") && k + 1 == number) ||
        (reply.is(k, " out ") && reply.is(k + 1, " of ")))
      return Said::scale;
    if (named && reply.is(k, " overall final total ")) return Said::verdict;
    if (reply.is(k, " give gives rate award assign deserves say "))
      return k > 0 && (reply.is(k - 1, " not never ") || reply.tokens[k - 1].word.ends_with("nt"))
                 ? Said::bound
                 : Said::score;
    const bool tag = reply.is(k, " > ") && (reply.is(k - 2, " < ") || reply.is(k - 2, " / "));
    if (said == Said::nothing && !tag && reply.is(k, " < > least most than over under above below perfect "))
      return Said::bound;
    const bool called = reply.is(k, " score rating grade boxed ");
    if (called) said = Said::score;
    named |= called || reply.is(k, " : = ");
    if (!called && !tag &&
        !reply.is(k,
                  " : = - \n ( is be would will a an of at as to about around approximately roughly exactly "
                  "it this "
                  "that the my i for with one answer response reply "))
      break;
  }
  return said;
}

// The number behind "/", "of" or "out of" after token i, as in "8 points (out of a possible 10)"; 0: there is none.
size_t denominator(const ReplyTokens& reply, size_t i) {
  size_t k = i + 1;
  while (reply.is(k, " ( points point marks ")) ++k;
  if (reply.is(k, " / of "))
    ++k;
  else if (reply.is(k, " out ") && reply.is(k + 1, " of "))
    for (k += 2; reply.is(k, " a the possible total maximum of ");) ++k;
  else
    return 0;
  const bool date = reply.is(k + 1, " / ") && reply.number(k + 2);
  return reply.number(k) && !date ? k : 0;
}

// Gives numbers the scales that follow them, and takes out those that are stated of all: "on a scale from 0 to 100".
ReplyTokens with_scales(const ReplyTokens& in) {
  ReplyTokens out;
  for (size_t i = 0; i < in.tokens.size(); ++i) {
    out.tokens.push_back(in.tokens[i]);
    if (!in.number(i)) continue;
    ReplyToken& n = out.tokens.back();
    const size_t of = denominator(in, i);
    const bool from = in.is(i + 1, " - to and ") && in.number(i + 2) && (n.value == 0 || n.value == 1);
    const double to = from ? in.tokens[i + 2].value : 0;
    const bool range = to == 5 || to == 10 || to == 100;
    if (of > 0) {
      n.of = in.tokens[of].value;
      i = of;
    } else if (in.is(i + 1, " % percent ")) {
      n.of = 100;
      ++i;
    } else if (range || introduction(out, out.tokens.size() - 1) == Said::scale) {
      out.scales.push_back(range ? to : n.value);
      i += range ? 2 : 0;
      do out.tokens.pop_back();
      while (out.is(out.tokens.size() - 1, " on in of from between scale range a out / max maximum is : ( "));
    }
  }
  return out;
}

// The score that a number is, or why it is none.
JudgedScore judged(const ReplyTokens& reply, const ReplyToken& number) {
  const std::vector<double>& scales = reply.scales;
  const double of = number.of != 0 || scales.empty() ? number.of : scales[0];
  const double score = of == 10 ? 10 * number.value : number.value;
  if (of != 0 && of != 10 && of != 100) return {std::nullopt, "the score is not of 10 or 100"};
  if (number.of == 0 && std::count(scales.begin(), scales.end(), of) != std::ssize(scales))
    return {std::nullopt, "the reply states several scales"};
  if (of == 0 && score > 0 && score < 1) return {std::nullopt, "a number below 1 may be of 1 or of 100"};
  if (!(score >= 0 && score <= 100)) return {std::nullopt, "the number is not from 0 to 100"};
  return {score, ""};
}

// The one score of the numbers that are most clearly one: the final score, a score, a number with a scale, a number.
JudgedScore score_of(const ReplyTokens& reply) {
  int top = 0;
  std::vector<JudgedScore> best;
  for (size_t i = 0; i < reply.tokens.size(); ++i) {
    const bool key = reply.is(i - 1, " score rating grade ") && reply.is(i + 1, " : ") && reply.number(i + 2);
    if (!reply.number(i) || key) continue;  // "score 1: 80"
    const ReplyToken& n = reply.tokens[i];
    const int said = introduction(reply, i);
    const bool called = said >= Said::score;
    const bool noun =
        i + 1 < reply.tokens.size() && !reply.number(i + 1) && is_small_letter(reply.tokens[i + 1].word[0]) &&
        !reply.is(i + 1,
                  " points point marks because since as for on but and overall correct right accurate "
                  "with so due given score rating grade is in total if i it which would out to or ");
    const bool counts = noun && !(called && (n.of != 0 || reply.is(i - 1, " : = ")));
    int rank = called && !counts ? said : n.of != 0 ? 1 : 0;
    JudgedScore found = judged(reply, n);
    if (said == Said::bound) found = {std::nullopt, "the number is a bound"};
    if (counts) found = {std::nullopt, "the number counts something else"};
    if (reply.number(i + 2) &&
        (reply.is(i + 1, " - to or ") || (reply.is(i + 1, " and ") && reply.is(i - 1, " between ")))) {
      const ReplyToken& other = reply.tokens[i + 2];
      if (other.value != n.value || other.of != n.of)
        found = {std::nullopt, "the numbers are a range or a choice"};
      rank = std::max(rank, other.of != 0 ? 1 : 0);
      i += 2;
    }
    if (rank > top) best.clear();
    top = std::max(rank, top);
    if (rank == top) best.push_back(found);
  }
  if (best.empty()) return {std::nullopt, "the reply holds no number"};
  for (const JudgedScore& one : best)
    if (one.score != best[0].score || one.why_not != best[0].why_not)
      return {std::nullopt, "the reply holds several numbers"};
  return best[0];
}

}  // namespace

JudgedScore score_in(std::string_view reply) {
  for (const std::string_view end : {"</think>", "</thinking>"})
    if (const size_t at = reply.rfind(end); at != reply.npos) reply.remove_prefix(at + end.size());
  if (reply.find("<think") != reply.npos) return {std::nullopt, "the reply ends within its thoughts"};
  if (reply.size() > most_reply_bytes) return {std::nullopt, "the reply is too long"};
  const std::string text = in_ascii(reply);
  ReplyTokens read = tokens_of(text);
  if (std::none_of(read.tokens.begin(), read.tokens.end(),
                   [](const ReplyToken& t) { return t.word.empty(); }))
    spell_out(read);
  return score_of(with_scales(read));
}

std::vector<Response> responses_in(const Table& table) {
  const auto required = [&](const char* name) {
    const auto column = table.find_column(name);
    if (!column)
      fail(ErrorCode::input, table.name(), ": has no \"", name,
           "\"; expected rows with instruction, input, output and response");
    return *column;
  };
  const int64_t instruction = required("instruction"), response = required("response");
  const auto input = table.find_column("input"), output = table.find_column("output");
  const auto text_if_there = [&](int64_t row, const std::optional<int64_t>& column) {
    const bool there = column && table.type(row, *column) != ValueType::missing &&
                       table.type(row, *column) != ValueType::null;
    return there ? std::string(table.text(row, *column)) : std::string();
  };
  std::vector<Response> rows;
  for (int64_t row = 0; row < table.rows(); ++row)
    rows.push_back({std::string(table.text(row, instruction)), text_if_there(row, input),
                    text_if_there(row, output), std::string(table.text(row, response))});
  return rows;
}

}  // namespace hewn
