#pragma once
// A probabilistic grammar, written as text, that can compute the exact probability of every text it generates.
//
//   tale: {hero} {did} {goods}. /        a rule; its alternatives are separated by " / "
//         2 {hero} slept. {He} snored.   an alternative may start with an integer weight (default 1)
//   last he: o | he / a | she            a rule whose alternatives have a field: if last is "o", {he} is "he"
//   hero: Mil{last}
//
// {rule} expands a rule, {=rule} repeats the text of its latest expansion, {field} inserts the field of the
// latest choice of the rule that owns it, {Field} the same with a capital letter. The first rule is the
// start. Rules may not be recursive, so the language is finite (though it may be astronomically large).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

class Grammar {
 public:
  enum class Kind : std::uint8_t { literal, expand, repeat, field };
  struct Piece {
    Kind kind = Kind::literal;
    std::string text;       // literal: the text; field: its name
    int rule = 0;           // expand, repeat, field: index of the rule
    std::size_t field = 0;  // field: index of the rule's field
    bool capital = false;   // field: capitalise it
  };
  struct Alternative {
    std::uint64_t weight = 1;
    double neg_log_prob = 0;  // -log(weight / total of the rule)
    std::vector<Piece> pieces;
    std::vector<std::string> fields;
  };
  struct Rule {
    std::string name;
    std::vector<std::string> field_names;
    std::vector<Alternative> alternatives;
    std::uint64_t total = 0;
  };

  /// Draws an integer uniformly from [0, n), n >= 1.
  using DrawBelow = std::function<std::uint64_t(std::uint64_t n)>;

  /// A text, and the cost of the choices in it: -log P in nats.
  struct Sample {
    std::string text;
    double neg_log_prob = 0;
  };

  /// All derivations of a text: their number, and -log of the sum of their probabilities (infinite if
  /// there are none).
  struct Derivations {
    std::int64_t count = 0;
    double neg_log_prob = 0;
    std::size_t furthest = 0;  ///< length of the longest prefix that fits, in bytes
  };

  /// Parses the rules. Throws usage, naming the rule, for a syntax error, or an unknown or recursive rule.
  explicit Grammar(std::string_view rules);

  /// Draws one text, calling `below` once per choice, in order of appearance.
  Sample sample(const DrawBelow& below) const;

  /// Parses `text` by trying every alternative at every position, independently of how texts are generated.
  Derivations derivations(std::string_view text) const;

  /// All rules, the first of which is the start.
  const std::vector<Rule>& rules() const { return rules_; }
  /// Their indices, every rule after those that it uses.
  const std::vector<int>& bottom_up() const { return bottom_up_; }

 private:
  struct Memory;
  class Sampler;
  class Parser;

  int find_rule(std::string_view name) const;
  void add_rule(std::string_view header, std::string_view body);
  Alternative read_alternative(const Rule& rule, std::string_view text) const;
  void resolve(const Rule& rule, Piece& piece) const;
  void order_rules();

  std::vector<Rule> rules_;
  std::vector<int> bottom_up_;
};

}  // namespace hewn
