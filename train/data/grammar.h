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

  struct Lengths {
    std::size_t shortest = 0, longest = 0;
  };

  /// Parses the rules. Throws usage, naming the rule, for a syntax error, or an unknown or recursive rule.
  explicit Grammar(std::string_view rules);

  /// Draws one text, calling `below` once per choice, in order of appearance.
  Sample sample(const DrawBelow& below) const;

  /// Parses `text` by trying every alternative at every position, independently of how texts are generated.
  Derivations derivations(std::string_view text) const;

  /// Shannon entropy of one text in nats, if the grammar is unambiguous. Choices are independent, so it is
  /// the sum over all choices of their entropy times their expected number.
  double entropy() const;

  /// Bounds on the length of a text in bytes: no text is shorter or longer, but the bounds may not be reached.
  Lengths lengths() const;

  /// Names the first rule with two alternatives that could begin with the same text (the leading text of one
  /// is a prefix of the other's), or "" if there is none. "" proves that every text has exactly one
  /// derivation, since the text itself determines the alternative at each choice.
  std::string ambiguous_rule() const;

 private:
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
  struct Memory;
  class Sampler;
  class Parser;

  int find_rule(std::string_view name) const;
  void add_rule(std::string_view header, std::string_view body);
  Alternative read_alternative(const Rule& rule, std::string_view text) const;
  void resolve(const Rule& rule, Piece& piece) const;
  void order_rules();
  std::vector<std::string> leading(const Piece& piece) const;
  Lengths lengths(const std::vector<Lengths>& of_rule, const Piece& piece) const;

  std::vector<Rule> rules_;
  std::vector<int> bottom_up_;  // rule indices, every rule after those it uses
};

}  // namespace hewn
