#pragma once
// ROUGE-L for single segments (Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1), as the
// package rouge-score computes it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// Whether words are reduced to their stems before they are compared. rouge-score's default is `no`.
enum class Stemming : bool { no, yes };

/// Sequences of a to z and 0 to 9 in lower case; everything else separates them. With stemming, words of more than
/// three letters are stemmed.
std::vector<std::string> rouge_words(std::string_view text, Stemming stemming = Stemming::no);

/// 2 P R / (P + R) with P = LCS / words of the answer, R = LCS / words of the reference, where LCS is the length of
/// their longest common subsequence: 0 to 1, 0 if either has no words. The best over the references.
double rouge_l(std::string_view answer, std::span<const std::string> references,
               Stemming stemming = Stemming::no);

/// The stem of an English word in lower case, by Porter's algorithm (1980, "An algorithm for suffix stripping") with
/// the extensions of NLTK's PorterStemmer, which rouge-score uses.
std::string porter_stem(std::string word);

}  // namespace hewn
