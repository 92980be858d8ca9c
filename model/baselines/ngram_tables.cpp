#include "model/baselines/ngram_tables.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/error.h"
#include "core/shape.h"

namespace hewn {
namespace {

std::string name_of_table(int64_t n, const char* what) { return "ngrams." + std::to_string(n) + "." + what; }

/// The number of equal tokens at the beginnings of two places of a text, at most `most`, none beyond the end of a
/// sequence.
int64_t common_length(std::span<const int32_t> text, int64_t a, int64_t b, int64_t most) {
  int64_t n = 0;
  const int32_t *x = text.data() + a, *y = text.data() + b;
  while (n < most && x[n] == y[n] && x[n] != NgramTables::sequence_end) ++n;
  return n;
}

/// The places of all tokens, by the tokens that begin there; shorter sequences first.
std::vector<int64_t> sorted_places(std::span<const int32_t> text, int64_t order) {
  std::vector<int64_t> places;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != NgramTables::sequence_end) places.push_back(static_cast<int64_t>(i));
  std::sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
    const int64_t n = common_length(text, a, b, order);
    return n < order && text[static_cast<size_t>(a + n)] < text[static_cast<size_t>(b + n)];
  });
  return places;
}

template <class T>
std::vector<T> table_in(const NamedTensors& from, int64_t n, const char* what, std::optional<int64_t> size) {
  const std::string name = name_of_table(n, what);
  const TensorEntry* entry = from.find(name);
  if (!entry) fail(ErrorCode::input, "the table ", name, " is missing");
  if (entry->dtype != dtype_of<T> || entry->shape.size() != 1 || (size && entry->shape[0] != *size))
    fail(ErrorCode::input, "the table ", name, " is ", hewn::name_of(entry->dtype), " ", Shape(entry->shape),
         "; expected ", hewn::name_of(dtype_of<T>), " [", size ? std::to_string(*size) : std::string("n"),
         "]");
  std::vector<T> values(static_cast<size_t>(entry->shape[0]));
  if (!values.empty()) std::memcpy(values.data(), entry->data, values.size() * sizeof(T));
  return values;
}

/// Checks the n-grams of length n, of which number j of the previous length begins a part.
void check_level(const NgramLevel& level, int64_t n, int64_t vocab_size) {
  const auto wrong = [&](const char* what, const auto&... rest) {
    fail(ErrorCode::input, "the table ", name_of_table(n, what), rest...);
  };
  const auto size = static_cast<int64_t>(level.tokens.size());
  if (level.first.front() != 0 || level.first.back() != size ||
      !std::is_sorted(level.first.begin(), level.first.end()))
    wrong("first", " does not divide ", size, " n-grams into consecutive parts");
  for (size_t j = 0; j + 1 < level.first.size(); ++j)
    for (int64_t i = level.first[j]; i < level.first[j + 1]; ++i) {
      const int32_t token = level.tokens[static_cast<size_t>(i)];
      if (token < 0 || token >= vocab_size)
        wrong("tokens", " holds ", token, " at ", i, "; expected a token below vocab_size = ", vocab_size);
      if (i > level.first[j] && token <= level.tokens[static_cast<size_t>(i - 1)])
        wrong("tokens", " is not in ascending order at ", i);
      if (const int32_t count = level.counts[static_cast<size_t>(i)]; count < (n == 1 ? 0 : 1))
        wrong("counts", " holds ", count, " at ", i, "; expected a count");
    }
}

}  // namespace

NgramTables::NgramTables(int64_t order) : levels_(static_cast<size_t>(order)) {
  for (NgramLevel& level : levels_) level.first = {0};
  levels_[0].first.push_back(0);
}

NgramTables::NgramTables(int64_t order, std::span<const int32_t> text) : levels_(static_cast<size_t>(order)) {
  if (static_cast<int64_t>(text.size()) > most_tokens)
    fail(ErrorCode::input, "arch = ngram counts at most ", most_tokens, " tokens, but the training data has ",
         text.size());
  list(text, sorted_places(text, order));
  if (order > 1) count_predecessors();
  count_beginnings(text);
}

// Adjacent places share the beginning of their n-grams; every length beyond it begins an n-gram that is new.
void NgramTables::list(std::span<const int32_t> text, const std::vector<int64_t>& places) {
  levels_[0].first = {0};
  int64_t previous = -1;
  for (const int64_t place : places) {
    const int64_t shared = previous < 0 ? 0 : common_length(text, previous, place, order());
    previous = place;
    int64_t n = shared + 1;
    for (; n <= order(); ++n) {
      const int32_t token = text[static_cast<size_t>(place + n - 1)];
      if (token == sequence_end) break;
      at(n).tokens.push_back(token);
      at(n).counts.push_back(0);
      if (n < order()) at(n + 1).first.push_back(static_cast<int64_t>(at(n + 1).tokens.size()));
    }
    if (n > order()) ++at(order()).counts.back();
  }
  for (NgramLevel& level : levels_) level.first.push_back(static_cast<int64_t>(level.tokens.size()));
}

/// Counts the n-grams of each length below the order by the different tokens before them: every n-gram that is one longer
/// adds 1 to the one without its first token. That one, in turn, extends the one without the first token of its beginning.
void NgramTables::count_predecessors() {
  std::vector<int64_t> without_first(levels_[0].tokens.size(), 0);  // of each n-gram of length n - 1
  for (int64_t n = 2; n <= order(); ++n) {
    const NgramLevel& longer = at(n);
    std::vector<int64_t> next(n < order() ? longer.tokens.size() : 0);
    for (size_t j = 0; j < without_first.size(); ++j)
      for (int64_t i = longer.first[j]; i < longer.first[j + 1]; ++i) {
        const int64_t shorter = *find(n - 1, without_first[j], longer.tokens[static_cast<size_t>(i)]);
        ++at(n - 1).counts[static_cast<size_t>(shorter)];
        if (n < order()) next[static_cast<size_t>(i)] = shorter;
      }
    without_first = std::move(next);
  }
}

void NgramTables::count_beginnings(std::span<const int32_t> text) {
  for (size_t begin = 0; begin < text.size(); ++begin) {
    int64_t place = 0;
    const size_t start = begin;
    for (; text[begin] != sequence_end; ++begin) {
      const auto n = static_cast<int64_t>(begin - start) + 1;
      if (n > order()) continue;
      place = *find(n, place, text[begin]);
      int32_t& count = at(n).counts[static_cast<size_t>(place)];
      if (n == 1 && order() == 1) --count;
      if (n > 1 && n < order()) ++count;
    }
  }
}

double NgramTables::most_bytes(int64_t order, int64_t vocab_size, int64_t tokens, int64_t sequences) {
  const double text = static_cast<double>(tokens) + 2 * static_cast<double>(sequences);
  double ngrams = 0, possible = 1;
  for (int64_t n = 1; n <= order; ++n) {
    possible = std::min(possible * static_cast<double>(vocab_size), text);
    ngrams += possible;
  }
  // The text, its places; of each n-gram a token, a count and the first longer one, in vectors that double their size;
  // while predecessors are counted, an n-gram of two lengths each.
  constexpr double per_token = sizeof(int32_t) + sizeof(int64_t);
  constexpr double per_ngram = 2 * (2 * sizeof(int32_t) + sizeof(int64_t));
  return text * per_token + ngrams * per_ngram + 2 * possible * sizeof(int64_t);
}

std::optional<int64_t> NgramTables::find(int64_t n, int64_t shorter, int32_t token) const {
  const NgramLevel& in = level(n);
  const auto begin = in.tokens.begin() + in.first[static_cast<size_t>(shorter)],
             end = in.tokens.begin() + in.first[static_cast<size_t>(shorter) + 1];
  const auto found = std::lower_bound(begin, end, token);
  if (found == end || *found != token) return std::nullopt;
  return found - in.tokens.begin();
}

std::optional<int64_t> NgramTables::find(std::span<const int32_t> ngram) const {
  int64_t place = 0, n = 0;
  for (const int32_t token : ngram) {
    const auto longer = find(++n, place, token);
    if (!longer) return std::nullopt;
    place = *longer;
  }
  return place;
}

std::vector<TensorEntry> NgramTables::entries() const {
  std::vector<TensorEntry> all;
  const auto add = [&]<class T>(int64_t n, const char* what, const std::vector<T>& values) {
    all.push_back({.name = name_of_table(n, what),
                   .dtype = dtype_of<T>,
                   .shape = {static_cast<int64_t>(values.size())},
                   .data = values.data(),
                   .bytes = values.size() * sizeof(T)});
  };
  for (int64_t n = 1; n <= order(); ++n) {
    add(n, "first", level(n).first);
    add(n, "tokens", level(n).tokens);
    add(n, "counts", level(n).counts);
  }
  return all;
}

NgramTables::NgramTables(int64_t order, int64_t vocab_size, const NamedTensors& from)
    : levels_(static_cast<size_t>(order)) {
  int64_t shorter = 1, tables = 0;
  for (int64_t n = 1; n <= order; ++n) {
    NgramLevel& level = at(n);
    level.tokens = table_in<int32_t>(from, n, "tokens", std::nullopt);
    const auto size = static_cast<int64_t>(level.tokens.size());
    level.counts = table_in<int32_t>(from, n, "counts", size);
    level.first = table_in<int64_t>(from, n, "first", shorter + 1);
    check_level(level, n, vocab_size);
    shorter = size;
  }
  from.each([&](const TensorEntry& entry) {
    if (++tables > 3 * order)
      fail(ErrorCode::input, "there are more tables than for ", order, " lengths, such as ", entry.name);
  });
}

}  // namespace hewn
