#pragma once
// A probabilistic grammar, written as text, that knows the exact probability of every text it emits.
//
//   tale: {hero} {did} {goods}. /        a rule, its alternatives separated by " / "
//         2 {hero} slept. {He} snored.   an alternative may start with an integer weight (else 1)
//   last he: o | he / a | she            a rule whose alternatives carry a field: last ends in o -> he
//   hero: Mil{last}
//
// {rule} expands a rule anew, {=rule} repeats the text of its latest expansion, {field} says the field of
// the latest choice of the rule that owns it, {Field} the same with a capital. The first rule is the start.
// Rules may not be recursive, so the language is finite (though it may be astronomically large).

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

  /// One text with what it cost to choose it, -log P in nats.
  struct Sample {
    std::string text;
    double neg_log_prob = 0;
  };

  /// All ways to derive a text: how many, and -log of the sum of their probabilities (infinite if none).
  struct Derivations {
    std::int64_t count = 0;
    double neg_log_prob = 0;
    std::size_t furthest = 0;  ///< how many bytes of the text fitted at best
  };

  struct Lengths {
    std::size_t shortest = 0, longest = 0;
  };

  /// Parses the rules; fails (usage) naming the rule on a syntax error, an unknown or a recursive rule.
  explicit Grammar(std::string_view rules);

  /// Draws one text, calling `below` once per choice in order of appearance.
  Sample sample(const DrawBelow& below) const;

  /// Parses `text`, trying every alternative everywhere, independently of how texts are generated.
  Derivations derivations(std::string_view text) const;

  /// Shannon entropy of one text in nats, assuming unambiguity: choices are independent, so it is the sum
  /// over choices of their entropy times how often they are expected to be made.
  double entropy() const;

  /// Bounds on the bytes of a text: no text is shorter or longer, though the bounds need not be reached.
  Lengths lengths() const;

  /// Names the first rule two of whose alternatives could begin alike (one's leading text a prefix of the
  /// other's), or "" if there is none. "" proves that every text has exactly one derivation: at each
  /// choice the text itself tells which alternative was taken.
  std::string ambiguous_rule() const;

 private:
  enum class Kind : std::uint8_t { literal, expand, repeat, field };
  struct Piece {
    Kind kind = Kind::literal;
    std::string text;       // literal: the text; field: its name
    int rule = 0;           // expand, repeat, field: which rule
    std::size_t field = 0;  // field: which of the rule's fields
    bool capital = false;   // field: say it with a capital
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
  std::vector<int> bottom_up_;  // rule numbers, every rule after those it uses
};

}  // namespace hewn
