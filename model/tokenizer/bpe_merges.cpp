#include "model/tokenizer/bpe_merges.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <queue>

namespace hewn {
namespace {

std::vector<int32_t> places_in(const std::vector<Merge>& merges) {
  std::vector<int32_t> places(merges.size());
  std::iota(places.begin(), places.end(), 0);
  return places;
}

}  // namespace

MergeTable::MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges)
    : MergeTable(byte_ids, merges, places_in(merges)) {}

MergeTable::MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges,
                       const std::vector<int32_t>& ranks)
    : byte_ids_(byte_ids) {
  // A file may have chosen its pairs so that they meet in a few slots; hardly so for several factors.
  const size_t few = 16 * merges.size() + 1000;
  for (int attempt = 0; !place_all(merges, ranks, attempt < 8 ? few : SIZE_MAX); ++attempt) {
    left_factor_ = left_factor_ * 6364136223846793005u + 2;  // odd
    right_factor_ = right_factor_ * 6364136223846793005u + 2;
  }
}

/// Returns false after `most_steps` to slots that are taken.
bool MergeTable::place_all(const std::vector<Merge>& merges, const std::vector<int32_t>& ranks,
                           size_t most_steps) {
  slots_.assign(std::bit_ceil(2 * merges.size() + 2), Slot());
  hash_shift_ = std::countl_zero(slots_.size()) + 1;
  size_t steps = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    size_t at = hash_of(merges[i].pair);
    while (slots_[at].rank != none && slots_[at].pair != merges[i].pair) {
      at = (at + 1) & (slots_.size() - 1);
      if (++steps > most_steps) return false;
    }
    if (slots_[at].rank == none) slots_[at] = {merges[i].pair, ranks[i], merges[i].into};
  }
  return true;
}

// The highest bits of the sum depend on all bits of both.
size_t MergeTable::hash_of(TokenPair pair) const {
  return static_cast<size_t>(
      (static_cast<uint32_t>(pair.left) * left_factor_ + static_cast<uint32_t>(pair.right) * right_factor_) >>
      hash_shift_);
}

const MergeTable::Slot& MergeTable::find(TokenPair pair) const {
  size_t at = hash_of(pair);
  while (slots_[at].rank != none && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

void MergeTable::encode(std::string_view piece, std::vector<int32_t>& ids) const {
  if (piece.size() > short_piece) {
    const size_t first = ids.size();
    for (const char c : piece) ids.push_back(byte_ids_[static_cast<unsigned char>(c)]);
    merge_long(first, ids);
    return;
  }
  Short tokens;
  for (size_t i = 0; i < piece.size(); ++i) tokens[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
  const size_t n = merge_short(tokens, piece.size());
  ids.insert(ids.end(), tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(n));
}

void MergeTable::merge_from(size_t first, std::vector<int32_t>& ids) const {
  const size_t n = ids.size() - first;
  if (n > short_piece) {
    merge_long(first, ids);
    return;
  }
  Short tokens;
  const auto begin = ids.begin() + static_cast<ptrdiff_t>(first);
  std::copy(begin, ids.end(), tokens.begin());
  const size_t left = merge_short(tokens, n);
  std::copy_n(tokens.begin(), left, begin);
  ids.resize(first + left);
}

size_t MergeTable::merge_short(Short& token, size_t n) const {
  std::array<const Slot*, short_piece> with_next;  // the merge of each token with the next
  for (size_t i = 0; i + 1 < n; ++i) with_next[i] = &find({token[i], token[i + 1]});
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i)
      if (with_next[i]->rank < with_next[best]->rank) best = i;
    if (with_next[best]->rank == none) break;
    token[best] = with_next[best]->into;
    --n;
    for (size_t i = best + 1; i < n; ++i) token[i] = token[i + 1];
    for (size_t i = best + 1; i + 1 < n; ++i) with_next[i] = with_next[i + 1];
    if (best + 1 < n) with_next[best] = &find({token[best], token[best + 1]});
    if (best > 0) with_next[best - 1] = &find({token[best - 1], token[best]});
  }
  return n;
}

void MergeTable::merge_long(size_t first, std::vector<int32_t>& ids) const {
  struct Node {
    int32_t token;
    size_t before, after;
  };
  // A merge that may still be possible. Nodes never move, so among equal ranks the lowest index is the leftmost.
  struct Candidate {
    const Slot* merge;
    size_t left, right;
    bool operator<(const Candidate& other) const {
      return merge->rank != other.merge->rank ? merge->rank > other.merge->rank : left > other.left;
    }
  };
  const size_t end = ids.size() - first;
  std::vector<Node> nodes(end);
  std::priority_queue<Candidate> candidates;
  const auto consider = [&](size_t left, size_t right) {
    const Slot& merge = find({nodes[left].token, nodes[right].token});
    if (merge.rank != none) candidates.push({&merge, left, right});
  };
  for (size_t i = 0; i < end; ++i) nodes[i] = {ids[first + i], i - 1, i + 1};
  for (size_t i = 0; i + 1 < end; ++i) consider(i, i + 1);
  while (!candidates.empty()) {
    const auto [merge, left, right] = candidates.top();
    candidates.pop();
    if (nodes[left].after != right || merge->pair != TokenPair{nodes[left].token, nodes[right].token})
      continue;
    nodes[left].token = merge->into;
    nodes[left].after = nodes[right].after;
    nodes[right].token = -1;  // removed
    if (nodes[left].after < end) nodes[nodes[left].after].before = left, consider(left, nodes[left].after);
    if (left > 0) consider(nodes[left].before, left);
  }
  ids.resize(first);
  for (size_t i = 0; i < end; i = nodes[i].after) ids.push_back(nodes[i].token);
}

}  // namespace hewn
