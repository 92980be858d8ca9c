// Learns a byte pair vocabulary: the most frequent adjacent pair in the text becomes a token, repeatedly
// (Sennrich, Haddow and Birch 2016, algorithm 1). Each distinct piece of the text is stored once, with its
// count; a merge visits only the pieces that contain its pair, and corrects the counts of the pairs around it.

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>

#include "core/error.h"
#include "kernels/contract/parallel.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/gpt2_split.h"
#include "model/tokenizer/kinds.h"

namespace hewn::tokenizers {
namespace {

using Counts = std::unordered_map<std::string_view, int64_t>;

bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

/// The first position from `at` on that is a border of pieces in any context: before a space between letters.
size_t border_from(std::string_view text, size_t at) {
  for (at = std::max<size_t>(at, 1); at + 1 < text.size(); ++at)
    if (text[at] == ' ' && is_letter(text[at - 1]) && is_letter(text[at + 1])) return at;
  return text.size();
}

/// The number of occurrences of each piece, ordered by the bytes of the piece. Uses all cores.
std::map<std::string_view, int64_t> count_pieces(Texts texts) {
  constexpr size_t part_bytes = size_t{1} << 20;
  std::vector<std::string_view> parts;
  for (const std::string_view text : texts)
    for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
      end = border_from(text, begin + part_bytes);
      parts.push_back(text.substr(begin, end - begin));
    }
  std::vector<Counts> counts(parts.size());
  const Launch launch{.threads = available_cores()};
  parallel_for(launch, static_cast<int64_t>(parts.size()), [&](int64_t first, int64_t last, int) {
    for (auto p = static_cast<size_t>(first); p < static_cast<size_t>(last); ++p)
      for (size_t begin = 0, end = 0; begin < parts[p].size(); begin = end) {
        end = gpt2_piece_end(parts[p], begin);
        ++counts[p][parts[p].substr(begin, end - begin)];
      }
  });
  std::map<std::string_view, int64_t> all;
  for (const Counts& part : counts)
    for (const auto& [piece, n] : part) all[piece] += n;
  return all;
}

class Learner {
 public:
  explicit Learner(const std::map<std::string_view, int64_t>& counts) {
    std::array<int32_t, 256> id_of{};
    for (const unsigned char byte : printable_order()) {
      id_of[byte] = static_cast<int32_t>(vocabulary_.pieces.size());
      add_piece(std::string(1, static_cast<char>(byte)));
    }
    for (const auto& [piece, n] : counts) {
      Word& word = words_.emplace_back(Word{{}, n});
      for (const char c : piece) word.tokens.push_back(id_of[static_cast<unsigned char>(c)]);
      for (size_t i = 0; i + 1 < word.tokens.size(); ++i)
        change({word.tokens[i], word.tokens[i + 1]}, n, words_.size() - 1);
    }
    for (const auto& [key, about] : pairs_) queue_.push({about.count, pair_of(key)});
  }

  /// Merges until there are `tokens` tokens, or no remaining pair occurs `min_count` times.
  void learn(size_t tokens, int64_t min_count) {
    while (vocabulary_.pieces.size() < tokens && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(key_of(best.pair));
      const int64_t count = found == pairs_.end() ? 0 : found->second.count;
      if (count != best.count) {  // outdated: the count has changed since it was queued
        if (count > 0) queue_.push({count, best.pair});
        continue;
      }
      if (count < min_count) break;
      merge(best.pair, std::move(found->second.words));
    }
  }

  BpeVocabulary take() { return std::move(vocabulary_); }

 private:
  struct Word {
    std::vector<int32_t> tokens;
    int64_t count;
  };
  struct About {
    int64_t count = 0;
    std::vector<size_t> words;  ///< indices of the words that contain the pair or once did; increasing
  };
  /// More frequent pairs first; among equals, the pair of older tokens.
  struct Candidate {
    int64_t count;
    TokenPair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key_of(pair) > key_of(other.pair);
    }
  };
  struct Hash {
    size_t operator()(uint64_t key) const { return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> 17); }
  };

  static uint64_t key_of(TokenPair p) {
    return static_cast<uint64_t>(static_cast<uint32_t>(p.left)) << 32 | static_cast<uint32_t>(p.right);
  }
  static TokenPair pair_of(uint64_t key) {
    return {static_cast<int32_t>(key >> 32), static_cast<int32_t>(key & 0xffffffff)};
  }

  int32_t add_piece(const std::string& piece) {
    const auto [at, fresh] = id_of_piece_.emplace(piece, static_cast<int32_t>(vocabulary_.pieces.size()));
    if (fresh) vocabulary_.pieces.push_back(piece);
    return at->second;
  }

  void change(TokenPair pair, int64_t by, size_t word) {
    About& about = pairs_[key_of(pair)];
    about.count += by;
    if (by > 0 && (about.words.empty() || about.words.back() != word)) about.words.push_back(word);
  }

  void merge(TokenPair pair, std::vector<size_t> words) {
    const std::string& left = vocabulary_.pieces[static_cast<size_t>(pair.left)];
    // Two pairs can have the same bytes; they become the same token.
    const int32_t into = add_piece(left + vocabulary_.pieces[static_cast<size_t>(pair.right)]);
    vocabulary_.merges.push_back({pair, into});
    touched_.clear();
    for (const size_t word : words) merge_in(word, pair, into);
    pairs_.erase(key_of(pair));
    for (const TokenPair p : touched_)
      if (const auto found = pairs_.find(key_of(p)); found != pairs_.end() && found->second.count > 0)
        queue_.push({found->second.count, p});
  }

  void merge_in(size_t index, TokenPair pair, int32_t into) {
    Word& word = words_[index];
    std::vector<int32_t>& t = word.tokens;
    size_t kept = 0;
    for (size_t i = 0; i < t.size(); ++kept) {
      if (i + 1 >= t.size() || t[i] != pair.left || t[i + 1] != pair.right) {
        t[kept] = t[i++];
        continue;
      }
      if (kept > 0) {
        change({t[kept - 1], pair.left}, -word.count, index);
        appear({t[kept - 1], into}, word.count, index);
      }
      if (i + 2 < t.size()) {
        change({pair.right, t[i + 2]}, -word.count, index);
        appear({into, t[i + 2]}, word.count, index);
      }
      t[kept] = into;
      i += 2;
    }
    t.resize(kept);
  }

  void appear(TokenPair pair, int64_t by, size_t word) {
    change(pair, by, word);
    if (touched_.empty() || touched_.back() != pair) touched_.push_back(pair);
  }

  BpeVocabulary vocabulary_;
  std::unordered_map<std::string, int32_t> id_of_piece_;
  std::vector<Word> words_;
  std::unordered_map<uint64_t, About, Hash> pairs_;
  std::priority_queue<Candidate> queue_;
  std::vector<TokenPair> touched_;  ///< pairs that the current merge made more frequent
};

}  // namespace

std::unique_ptr<Tokenizer> train_bpe(Texts texts, const TokenizerOptions& options) {
  constexpr int64_t default_size = 4096, smallest = 257;
  const int64_t size = options.vocab_size == 0 ? default_size : options.vocab_size;
  require(size >= smallest, "vocab_size is ", size, "; expected at least ", smallest,
          " for bpe: a token for each byte and <|endoftext|>");
  require(options.min_count >= 1, "min_count is ", options.min_count, "; expected at least 1");
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  if (bytes == 0) fail(ErrorCode::input, "there is no text from which to learn a vocabulary");

  Learner learner(count_pieces(texts));
  learner.learn(static_cast<size_t>(size - 1), options.min_count);
  BpeVocabulary vocabulary = learner.take();
  vocabulary.specials = {{std::string(end_of_text), static_cast<int32_t>(vocabulary.pieces.size())}};
  vocabulary.pieces.push_back(vocabulary.specials[0].text);
  return make_bpe(std::move(vocabulary));
}

}  // namespace hewn::tokenizers
