#pragma once
// Properties of a grammar that follow from its rules alone.

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "train/data/grammar.h"

namespace hewn::test {

/// Shannon entropy of one text in nats, if the grammar is unambiguous. Choices are independent, so it is the sum over
/// all choices of their entropy times their expected number.
inline double entropy(const Grammar& grammar) {
  std::vector<double> of_rule(grammar.rules().size(), 0.0);
  for (int r : grammar.bottom_up()) {
    double& sum = of_rule[static_cast<size_t>(r)];
    for (const Grammar::Alternative& alternative : grammar.rules()[static_cast<size_t>(r)].alternatives) {
      double inside = alternative.neg_log_prob;
      for (const Grammar::Piece& piece : alternative.pieces)
        if (piece.kind == Grammar::Kind::expand) inside += of_rule[static_cast<size_t>(piece.rule)];
      sum += std::exp(-alternative.neg_log_prob) * inside;
    }
  }
  return of_rule[0];
}

struct Lengths {
  size_t shortest = 0, longest = 0;
};

/// Bounds on the length of a text in bytes: no text is shorter or longer, but the bounds may not be reached.
inline Lengths lengths(const Grammar& grammar) {
  std::vector<Lengths> of_rule(grammar.rules().size());
  const auto nothing = [] { return Lengths{std::numeric_limits<size_t>::max(), 0}; };
  const auto widen = [](Lengths& bounds, const Lengths& n) {
    bounds = {std::min(bounds.shortest, n.shortest), std::max(bounds.longest, n.longest)};
  };
  const auto of_piece = [&](const Grammar::Piece& piece) {
    const size_t n = piece.text.size();
    if (piece.kind == Grammar::Kind::literal) return Lengths{n, n};
    if (piece.kind != Grammar::Kind::field) return of_rule[static_cast<size_t>(piece.rule)];
    Lengths bounds = nothing();
    for (const auto& alternative : grammar.rules()[static_cast<size_t>(piece.rule)].alternatives)
      widen(bounds, {alternative.fields[piece.field].size(), alternative.fields[piece.field].size()});
    return bounds;
  };
  for (int r : grammar.bottom_up()) {
    Lengths bounds = nothing();
    for (const Grammar::Alternative& alternative : grammar.rules()[static_cast<size_t>(r)].alternatives) {
      Lengths sum;
      for (const Grammar::Piece& piece : alternative.pieces) {
        const Lengths n = of_piece(piece);
        sum = {sum.shortest + n.shortest, sum.longest + n.longest};
      }
      widen(bounds, sum);
    }
    of_rule[static_cast<size_t>(r)] = bounds;
  }
  return of_rule[0];
}

/// The texts with which a piece can begin.
inline std::vector<std::string> leading(const Grammar& grammar, const Grammar::Piece& piece) {
  if (piece.kind == Grammar::Kind::literal) return {piece.text};
  std::vector<std::string> all;
  for (const auto& alternative : grammar.rules()[static_cast<size_t>(piece.rule)].alternatives) {
    if (piece.kind == Grammar::Kind::field) {
      all.push_back(alternative.fields[piece.field]);
      if (piece.capital && !all.back().empty())
        all.back()[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(all.back()[0])));
    } else {
      const std::vector<std::string> some = leading(grammar, alternative.pieces.front());
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  return all;
}

/// Names the first rule with two alternatives that could begin with the same text (the leading text of one is a prefix
/// of the other's), or "" if there is none. "" proves that every text has exactly one derivation, since the text itself
/// determines the alternative at each choice.
inline std::string ambiguous_rule(const Grammar& grammar) {
  for (const Grammar::Rule& rule : grammar.rules())
    for (size_t i = 0; i < rule.alternatives.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        for (const std::string& a : leading(grammar, rule.alternatives[i].pieces.front()))
          for (const std::string& b : leading(grammar, rule.alternatives[j].pieces.front()))
            if (a.starts_with(b) || b.starts_with(a)) return rule.name + ": \"" + a + "\" and \"" + b + "\"";
  return "";
}

}  // namespace hewn::test
