#include "train/data/grammar.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/error.h"

namespace hewn {
namespace {

constexpr std::string_view blanks = " \n";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

std::string with_case(std::string word, bool capital) {
  if (capital && !word.empty())
    word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  return word;
}

}  // namespace

// ---- reading the rules ----------------------------------------------------------------------------------

Grammar::Grammar(std::string_view rules) {
  std::vector<std::string> lines;  // indented lines continue the rule above
  for (std::size_t at = 0; at < rules.size();) {
    const std::size_t end = std::min(rules.find('\n', at), rules.size());
    const std::string_view line = rules.substr(at, end - at);
    at = end + 1;
    if (trim(line).empty()) continue;
    if (line[0] != ' ') {
      lines.emplace_back(line);
    } else {
      require(!lines.empty(), "grammar: the first line must start a rule, not be indented");
      lines.back() += ' ';
      lines.back() += trim(line);
    }
  }
  require(!lines.empty(), "grammar: there are no rules; expected \"name: alternatives\"");
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    require(colon != std::string::npos, "grammar: expected \"name: alternatives\", got \"", line, "\"");
    add_rule(trim(std::string_view(line).substr(0, colon)), trim(std::string_view(line).substr(colon + 1)));
  }
  for (Rule& rule : rules_) {
    for (Alternative& alternative : rule.alternatives) {
      for (Piece& piece : alternative.pieces) resolve(rule, piece);
    }
  }
  order_rules();
}

void Grammar::add_rule(std::string_view header, std::string_view body) {
  Rule rule;
  for (std::string_view word : split(header, " ")) {
    if (rule.name.empty()) {
      rule.name = word;
    } else {
      rule.field_names.emplace_back(word);
    }
  }
  require(!rule.name.empty() && find_rule(rule.name) < 0, "grammar: rule \"", rule.name,
          "\" is defined twice");
  for (std::string_view text : split(body, "/")) {
    rule.alternatives.push_back(read_alternative(rule, text));
    rule.total += rule.alternatives.back().weight;
  }
  for (Alternative& alternative : rule.alternatives) {
    alternative.neg_log_prob =
        std::log(static_cast<double>(rule.total) / static_cast<double>(alternative.weight));
  }
  rules_.push_back(std::move(rule));
}

Grammar::Alternative Grammar::read_alternative(const Rule& rule, std::string_view text) const {
  Alternative result;
  std::size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) ++digits;
  if (digits > 0) {
    require(digits <= 6, "grammar: a weight in rule \"", rule.name, "\" is above 999999");
    result.weight = std::stoull(std::string(text.substr(0, digits)));
    require(result.weight > 0, "grammar: a weight in rule \"", rule.name, "\" is 0; expected 1 or more");
    text = trim(text.substr(digits));
  }
  const std::vector<std::string_view> parts = split(text, "|");
  require(parts.size() == 1 + rule.field_names.size(), "grammar: rule \"", rule.name, "\" has ",
          rule.field_names.size(), " fields, but the alternative \"", text, "\" gives ", parts.size() - 1);
  for (std::size_t i = 1; i < parts.size(); ++i) result.fields.emplace_back(parts[i]);
  std::string_view rest = parts[0];
  require(!rest.empty(), "grammar: an alternative in rule \"", rule.name, "\" is empty");
  while (!rest.empty()) {
    Piece piece;
    const std::size_t open = rest.find('{');
    if (open != 0) {
      piece.text = rest.substr(0, open);
      rest.remove_prefix(piece.text.size());
    } else {
      const std::size_t close = rest.find('}');
      require(close != std::string_view::npos && close > 1, "grammar: braces in rule \"", rule.name,
              "\" are empty or not closed");
      piece.kind = Kind::expand;  // its final kind is set by resolve() when all rules are known
      piece.text = rest.substr(1, close - 1);
      rest.remove_prefix(close + 1);
    }
    result.pieces.push_back(std::move(piece));
  }
  return result;
}

int Grammar::find_rule(std::string_view name) const {
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void Grammar::resolve(const Rule& rule, Piece& piece) const {
  if (piece.kind == Kind::literal) return;
  std::string name = piece.text;
  if (name[0] == '=') {
    piece.kind = Kind::repeat;
    name.erase(0, 1);
  }
  piece.rule = find_rule(name);
  if (piece.rule >= 0) return;
  piece.capital = std::isupper(static_cast<unsigned char>(name[0])) != 0;
  name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
  for (std::size_t r = 0; r < rules_.size() && piece.kind == Kind::expand; ++r) {
    const auto& names = rules_[r].field_names;
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) continue;
    piece.kind = Kind::field;
    piece.rule = static_cast<int>(r);
    piece.field = static_cast<std::size_t>(it - names.begin());
  }
  require(piece.rule >= 0, "grammar: rule \"", rule.name, "\" uses {", piece.text,
          "}, which is neither a rule nor a field");
}

/// Sorts the rules so that each comes after the rules it uses; fails if a rule uses itself.
void Grammar::order_rules() {
  std::vector<int> state(rules_.size(), 0);  // 0 new, 1 being visited, 2 done
  const std::function<void(int)> visit = [&](int r) {
    int& mark = state[static_cast<std::size_t>(r)];
    if (mark == 2) return;
    require(mark == 0, "grammar: rule \"", rules_[static_cast<std::size_t>(r)].name, "\" is recursive");
    mark = 1;
    for (const Alternative& alternative : rules_[static_cast<std::size_t>(r)].alternatives) {
      for (const Piece& piece : alternative.pieces) {
        if (piece.kind == Kind::expand || piece.kind == Kind::repeat) visit(piece.rule);
      }
    }
    mark = 2;
    bottom_up_.push_back(r);
  };
  visit(0);
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    require(state[r] == 2, "grammar: rule \"", rules_[r].name, "\" is never used");
  }
}

// ---- drawing --------------------------------------------------------------------------------------------

/// The text of a rule's latest expansion and, for its fields, the chosen alternative.
struct Grammar::Memory {
  std::size_t begin = 0, end = 0;
  const Alternative* chosen = nullptr;
};

class Grammar::Sampler {
 public:
  Sampler(const Grammar& grammar, const DrawBelow& below)
      : rules_(grammar.rules_), below_(below), memory_(grammar.rules_.size()) {}

  void expand(int r) {
    const Rule& rule = rules_[static_cast<std::size_t>(r)];
    std::uint64_t draw = below_(rule.total);
    auto chosen = rule.alternatives.begin();
    while (draw >= chosen->weight) draw -= (chosen++)->weight;
    out.neg_log_prob += chosen->neg_log_prob;
    const std::size_t begin = out.text.size();
    for (const Piece& piece : chosen->pieces) say(piece);
    memory_[static_cast<std::size_t>(r)] = {begin, out.text.size(), &*chosen};
  }

  Sample out;

 private:
  void say(const Piece& piece) {
    const Memory& memory = memory_[static_cast<std::size_t>(piece.rule)];
    switch (piece.kind) {
      case Kind::literal: out.text += piece.text; break;
      case Kind::expand: expand(piece.rule); break;
      case Kind::repeat:
        require(memory.chosen != nullptr, "grammar: {", piece.text, "} is used before its rule was expanded");
        out.text += out.text.substr(memory.begin, memory.end - memory.begin);
        break;
      case Kind::field:
        require(memory.chosen != nullptr, "grammar: {", piece.text, "} is used before its rule was expanded");
        out.text += with_case(memory.chosen->fields[piece.field], piece.capital);
        break;
    }
  }

  const std::vector<Rule>& rules_;
  const DrawBelow& below_;
  std::vector<Memory> memory_;
};

Grammar::Sample Grammar::sample(const DrawBelow& below) const {
  Sampler sampler(*this, below);
  sampler.expand(0);
  return std::move(sampler.out);
}

// ---- parsing --------------------------------------------------------------------------------------------

/// Backtracking over all derivations. A Frame is a rule being expanded: its remaining pieces, and the frame to
/// continue afterwards. Frames live on the call stack, so depth is bounded by the pieces of one derivation.
class Grammar::Parser {
 public:
  Parser(const Grammar& grammar, std::string_view text)
      : rules_(grammar.rules_), text_(text), memory_(grammar.rules_.size()) {
    expand(0, 0, 0.0, nullptr);
  }

  Derivations result() const {
    return {count_,
            count_ > 0 ? -std::log(probability_sum_) + shift_ : std::numeric_limits<double>::infinity(),
            furthest_};
  }

 private:
  struct Frame {
    const Alternative* alternative;
    std::size_t next;  // index of the next piece
    std::size_t begin;
    int rule;
    const Frame* up;
  };

  void expand(int rule, std::size_t at, double cost, const Frame* up) {
    for (const Alternative& alternative : rules_[static_cast<std::size_t>(rule)].alternatives) {
      go_on(at, cost + alternative.neg_log_prob, {&alternative, 0, at, rule, up});
    }
  }

  void go_on(std::size_t at, double cost, Frame frame) {
    furthest_ = std::max(furthest_, at);
    if (frame.next == frame.alternative->pieces.size()) return finish(at, cost, frame);
    const Piece& piece = frame.alternative->pieces[frame.next++];
    if (piece.kind == Kind::expand) return expand(piece.rule, at, cost, &frame);
    const std::optional<std::string> said = words(piece);
    if (!said) return;
    const std::size_t same = common_prefix(*said, text_.substr(at));
    furthest_ = std::max(furthest_, at + same);
    if (same == said->size()) go_on(at + same, cost, frame);
  }

  void finish(std::size_t at, double cost, const Frame& frame) {
    if (frame.up == nullptr) {
      if (at == text_.size()) add(cost);
      return;
    }
    Memory& memory = memory_[static_cast<std::size_t>(frame.rule)];
    const Memory before = memory;
    memory = {frame.begin, at, frame.alternative};
    go_on(at, cost, *frame.up);
    memory = before;
  }

  std::optional<std::string> words(const Piece& piece) const {
    if (piece.kind == Kind::literal) return piece.text;
    const Memory& memory = memory_[static_cast<std::size_t>(piece.rule)];
    if (memory.chosen == nullptr) return std::nullopt;
    if (piece.kind == Kind::repeat) return std::string(text_.substr(memory.begin, memory.end - memory.begin));
    return with_case(memory.chosen->fields[piece.field], piece.capital);
  }

  static std::size_t common_prefix(std::string_view a, std::string_view b) {
    const std::size_t n = std::min(a.size(), b.size());
    return static_cast<std::size_t>(
        std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin());
  }

  // Probabilities are summed relative to the first derivation's, so that e^-cost cannot underflow.
  void add(double cost) {
    if (count_++ == 0) shift_ = cost;
    probability_sum_ += std::exp(shift_ - cost);
  }

  const std::vector<Rule>& rules_;
  std::string_view text_;
  std::vector<Memory> memory_;
  std::int64_t count_ = 0;
  std::size_t furthest_ = 0;
  double probability_sum_ = 0, shift_ = 0;
};

Grammar::Derivations Grammar::derivations(std::string_view text) const {
  return Parser(*this, text).result();
}

}  // namespace hewn
