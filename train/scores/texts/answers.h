#pragma once
// How well an answer agrees with a reference: exact match and token F1 of SQuAD (Rajpurkar et al. 2016, "SQuAD:
// 100,000+ Questions for Machine Comprehension of Text", section 6.1; evaluate-v2.0.py).

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// SQuAD's normalisation: lower case, without ASCII punctuation, without the articles a, an and the, words
/// separated by single blanks.
std::string normalized_answer(std::string_view text);

/// 1 if the normalised texts are equal, else 0; the best over the references.
double exact_match(std::string_view answer, std::span<const std::string> references);

/// F1 of the bags of words of the normalised texts, 0 to 1; the best over the references. If either bag is
/// empty: 1 if both are, else 0.
double token_f1(std::string_view answer, std::span<const std::string> references);

/// The fraction of the sequences of n items (words, or token ids as int32_t) that are distinct; 1 if there are none
/// (Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models", section 5.2:
/// distinct-n).
template <class Item>
double distinct(const std::vector<Item>& items, size_t n);

/// The fraction of the sequences of four words that have occurred before in the text; 0 if there are none (Welleck
/// et al. 2020, "Neural Text Generation with Unlikelihood Training", section 6: seq-rep-4).
double repetition(std::string_view text);

}  // namespace hewn
