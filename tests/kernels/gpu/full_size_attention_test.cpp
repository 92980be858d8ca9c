// Attention at 16k tokens and more than 2^31 elements: which block visits what, for all blocks, and the addresses that
// blocks at both ends use.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/pieces.cuh"
#include "kernels/attention/gpu/splits.h"
#include "kernels/attention/gpu/visits.cuh"
#include "kernels/contract/random_words.h"
#include "kernels/gpu/simt/simt.h"
#include "tests/kernels/gpu/full_size.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn {
namespace {

using test::number_of;
using test::Sparse;

constexpr int64_t B = 64, H = 12, T = 16384, D = 64;
constexpr int64_t packed = 3 * H * D;  ///< a row of queries, keys and values of all heads: B T packed > 2^31
constexpr double dropout = 0.25;

double q_at(int64_t t, int64_t d) { return static_cast<double>(number_of(t, d)); }
double k_at(int64_t t, int64_t d) { return static_cast<double>(number_of(t, d + 100)); }
double v_at(int64_t t, int64_t d) { return static_cast<double>(number_of(t, d + 200)); }
double dy_at(int64_t t, int64_t d) { return static_cast<double>(number_of(t, d + 300)); }

void sizes_of(AttentionSizes& a, DType dtype, const StepState* state) {
  a.dtype = dtype;
  a.B = B, a.H = a.Hkv = H, a.Tq = a.Tk = a.window = T, a.D = D;
  a.scale = 0.125, a.dropout = dropout, a.state = state, a.site = 3;
}

/// The last head of the last batch element of the packed projection, all other elements being zero.
template <class E>
struct Packed {
  Sparse<E> all{B * T * packed};
  Heads heads(int which) const { return {all.data() + which * H * D, T * packed, D, packed}; }
  HeadsOut out(int which) const { return {all.data() + which * H * D, T * packed, D, packed}; }
  E& at(int which, int64_t t, int64_t d) const {
    return all[((B - 1) * T + t) * packed + (which * H + H - 1) * D + d];
  }
};
void put(float& to, double x) { to = static_cast<float>(x); }
void put(bf16& to, double x) { to = to_bf16(static_cast<float>(x)); }
double get(float x) { return static_cast<double>(x); }
double get(bf16 x) { return static_cast<double>(to_float(x)); }

template <class E>
void fill(const Packed<E>& p) {
  for (int64_t t = 0; t < T; ++t)
    for (int64_t d = 0; d < D; ++d) {
      put(p.at(0, t, d), q_at(t, d));
      put(p.at(1, t, d), k_at(t, d));
      put(p.at(2, t, d), v_at(t, d));
    }
}

/// The dropout factor of the last head, as attention's abi.h defines it.
double kept_of(const StepState& state, int64_t i, int64_t j) {
  const int64_t element = ((B * H - 1) * T + i) * T + j;
  const uint32_t word = random_word(element, static_cast<uint32_t>(state.step),
                                    static_cast<uint32_t>(state.micro_step), 3, state.seed);
  return word >= dropout * 4294967296.0 ? 1 / (1 - dropout) : 0;
}

double score(int64_t i, int64_t j) {
  double sum = 0;
  for (int64_t d = 0; d < D; ++d) sum += q_at(i, d) * k_at(j, d);
  return 0.125 * sum;
}

double lse_of(int64_t i) {
  double sum = 0;
  for (int64_t j = 0; j <= i; ++j) sum += std::exp(score(i, j));
  return std::log(sum);
}

/// The first and last blocks of the last head, and all its blocks of the kernel that prepares delta.
std::vector<size_t> chosen(std::string_view kernel, size_t blocks) {
  std::vector<size_t> ends{blocks - 1};
  // Blocks that own queries or keys take all heads in turn: the last head's first block is number B H - 1.
  if (blocks > static_cast<size_t>(B * H)) ends.push_back(static_cast<size_t>(B * H - 1));
  if (kernel == "attention_delta")
    for (size_t n = 0; n < static_cast<size_t>(T / 8); ++n) ends.push_back(blocks - 1 - n);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

bool near(double x, double expected, double tolerance) { return std::abs(x - expected) <= tolerance; }

template <class E>
void check_forward(DType dtype, double tolerance) {
  const StepState state{.seed = 77, .step = 5};
  const Packed<E> in;
  fill(in);
  const Sparse<E> y(B * T * H * D);
  const Sparse<float> lse(B * H * T);
  AttentionForward a{};
  sizes_of(a, dtype, &state);
  a.q = in.heads(0), a.k = in.heads(1), a.v = in.heads(2);
  a.y = {y.data(), T * H * D, D, H * D};
  a.lse = lse.data();
  const auto check_query = [&](int64_t i) {
    INFO("query " << i);
    float& found = lse[(B * H - 1) * T + i];
    const double expected = lse_of(i);
    CHECK(near(static_cast<double>(found), expected, 1e-4));
    found = 0;
    for (const int64_t d : {int64_t{0}, D - 1}) {
      double sum = 0;
      for (int64_t j = 0; j <= i; ++j)
        sum += std::exp(score(i, j) - expected) * kept_of(state, i, j) * v_at(j, d);
      E& at = y[((B - 1) * T + i) * H * D + (H - 1) * D + d];
      CHECK(near(get(at), sum, tolerance));
      put(at, 99);
    }
  };
  test::for_gpu_rungs(a, [&](const Rung<AttentionForward>& rung) {
    if (rung.scratch_bytes && rung.scratch_bytes(a, 1) > 0) return;  // all scores in memory
    test::run_blocks(rung, a, chosen);
    // Blocks in the order of rows end with the last query; the others begin with it.
    check_query(T - 1);
    if (rung.name != std::string_view("cuda.rows")) check_query(0);
  });
}

template <class E>
void check_backward(DType dtype, double tolerance) {
  const StepState state{.seed = 78, .step = 6};
  const Packed<E> in, grads;
  fill(in);
  const Sparse<E> y(B * T * H * D), dy(B * T * H * D);
  const Sparse<float> lse(B * H * T);
  const auto of_head = [](int64_t t, int64_t d) { return ((B - 1) * T + t) * H * D + (H - 1) * D + d; };
  std::vector<double> delta(static_cast<size_t>(T));
  for (int64_t t = 0; t < T; ++t) {
    // Not the true values, which would take a whole forward pass: the kernels use whatever is given.
    lse[(B * H - 1) * T + t] = static_cast<float>(std::log(static_cast<double>(t + 1)));
    for (int64_t d = 0; d < D; ++d) {
      put(y[of_head(t, d)], v_at(t, d) / 8);
      put(dy[of_head(t, d)], dy_at(t, d));
      delta[static_cast<size_t>(t)] += v_at(t, d) / 8 * dy_at(t, d);
    }
  }
  AttentionBackward a{};
  sizes_of(a, dtype, &state);
  a.q = in.heads(0), a.k = in.heads(1), a.v = in.heads(2);
  a.y = {y.data(), T * H * D, D, H * D}, a.dy = {dy.data(), T * H * D, D, H * D};
  a.lse = lse.data();
  a.dq = grads.out(0), a.dk = grads.out(1), a.dv = grads.out(2);
  a.to_dq = a.to_dk = a.to_dv = Write::set;
  const auto p_at = [&](int64_t i, int64_t j) { return std::exp(score(i, j)) / static_cast<double>(i + 1); };
  const auto ds_at = [&](int64_t i, int64_t j) {
    double dp = 0;
    for (int64_t d = 0; d < D; ++d) dp += dy_at(i, d) * v_at(j, d);
    return 0.125 * p_at(i, j) * (kept_of(state, i, j) * dp - delta[static_cast<size_t>(i)]);
  };
  const auto check_at = [&](const char* name, int which, int64_t t, int64_t d, double expected) {
    INFO(name << ", row " << t << ", column " << d);
    E& at = grads.at(which, t, d);
    CHECK(near(get(at), expected, tolerance * std::max(1.0, std::abs(expected))));
    put(at, 9999);
  };
  const auto check_query = [&](int64_t i) {
    for (const int64_t d : {int64_t{0}, D - 1}) {
      double sum = 0;
      for (int64_t j = 0; j <= i; ++j) sum += ds_at(i, j) * k_at(j, d);
      check_at("dq", 0, i, d, sum);
    }
  };
  const auto check_key = [&](int64_t j) {
    for (const int64_t d : {int64_t{0}, D - 1}) {
      double dk = 0, dv = 0;
      for (int64_t i = j; i < T; ++i) {
        dk += ds_at(i, j) * q_at(i, d);
        dv += p_at(i, j) * kept_of(state, i, j) * dy_at(i, d);
      }
      check_at("dk", 1, j, d, dk);
      check_at("dv", 2, j, d, dv);
    }
  };
  test::for_gpu_rungs(a, [&](const Rung<AttentionBackward>& rung) {
    test::run_blocks(rung, a, chosen);
    check_query(T - 1);
    check_key(T - 1);
    if (rung.name == std::string_view("cuda.rows")) return;
    check_query(0);
    check_key(0);
  });
}

/// Whether blocks own all rows of all heads, each once.
bool each_owned_once(const AttentionSizes& a, int64_t heads, int64_t length, int rows,
                     OwnRows (*owned)(const AttentionSizes&, int, int)) {
  const int64_t tiles = ceil_div(length, int64_t{rows});
  std::vector<bool> seen(static_cast<size_t>(heads * tiles));
  for (int64_t block = 0; block < heads * tiles; ++block) {
    const OwnRows own = owned(a, rows, static_cast<int>(block));
    if (own.head < 0 || own.head >= heads || own.first < 0 || own.first >= length || own.first % rows != 0)
      return false;
    const auto at = static_cast<size_t>(own.head * tiles + own.first / rows);
    if (seen[at]) return false;
    seen[at] = true;
  }
  return true;
}

}  // namespace

TEST_CASE("full size: blocks own every query and key of 16k tokens once") {
  AttentionForward a{};
  sizes_of(a, DType::bf16, nullptr);
  for (const int rows : {64, 128}) {
    CHECK(each_owned_once(a, B * H, T, rows, queries_of_block));
    CHECK(each_owned_once(a, B * H, T, rows, keys_of_block));
  }
  a.Tq = a.Tk = 16383, a.window = 5000, a.Hkv = 4;
  for (const int rows : {64, 128}) {
    CHECK(each_owned_once(a, B * H, a.Tq, rows, queries_of_block));
    CHECK(each_owned_once(a, B * a.Hkv, a.Tk, rows, keys_of_block));
  }
}

TEST_CASE("full size: blocks of 16k tokens visit the tiles that their rows see, and only those") {
  AttentionForward a{};
  sizes_of(a, DType::bf16, nullptr);
  for (const int64_t window : {T, int64_t{4096}})
    for (const int step : {16, 32, 64}) {
      a.window = window;
      INFO("window " << window << ", " << step << " rows at a time");
      bool right = true;
      for (int own = 0; own < T; own += 64) {
        const Visits keys = keys_for(a, own, 64, step), queries = queries_for(a, own, 64, step);
        for (int other = 0; other < T; other += step) {
          right &= (other >= keys.first && other < keys.end) ==
                   some_see(a, own, own + 63, other, other + step - 1);
          right &= (other >= queries.first && other < queries.end) ==
                   some_see(a, other, other + step - 1, own, own + 63);
        }
      }
      CHECK(right);
    }
}

TEST_CASE("full size: attention over 16k tokens with more than 2^31 elements") {
  if (test::left_out()) return;
  check_forward<float>(DType::f32, 1e-4);
  check_forward<bf16>(DType::bf16, 2e-2);
}

TEST_CASE("full size: gradients of attention over 16k tokens with more than 2^31 elements") {
  if (test::left_out()) return;
  check_backward<float>(DType::f32, 1e-3);
  check_backward<bf16>(DType::bf16, 3e-2);
}

// As in decoding: the last token against a cache of a million. Only the first and the last block run, so the last head's
// result is that of its last piece of keys.
TEST_CASE("full size: a query over a cache with more than 2^31 elements") {
  if (test::left_out()) return;
  constexpr int64_t many = 1 << 20, row = 3 * H * D;
  static_assert(many * row > int64_t{1} << 31);
  const Sparse<float> cache(many * row), y(H * D), lse(H);
  AttentionForward a{};
  sizes_of(a, DType::f32, nullptr);
  a.B = 1, a.Tq = 1, a.Tk = a.window = many, a.dropout = 0;
  a.q = {cache.data() + (many - 1) * row, many * row, D, row};
  a.k = {cache.data() + H * D, many * row, D, row}, a.v = {cache.data() + 2 * H * D, many * row, D, row};
  a.y = {y.data(), H * D, D, H * D}, a.lse = lse.data();
  const Span all = keys_of_all(a);
  const auto splits = static_cast<int>(key_splits(a));
  const Span last = piece_of(all, splits, pieces_with_keys(all, splits) - 1);
  REQUIRE(splits > 1);
  REQUIRE(pieces_with_keys(all, splits) == splits);
  for (int64_t d = 0; d < D; ++d) cache[(many - 1) * row + (H - 1) * D + d] = static_cast<float>(q_at(0, d));
  double total = 0, sum = 0;
  for (int64_t t = last.first; t < last.end; ++t) {
    double dot = 0;
    for (int64_t d = 0; d < D; ++d) {
      cache[t * row + (2 * H - 1) * D + d] = static_cast<float>(k_at(t, d));
      dot += q_at(0, d) * k_at(t, d);
    }
    cache[t * row + (3 * H - 1) * D + D - 1] = static_cast<float>(v_at(t, D - 1));
    total += std::exp(0.125 * dot), sum += std::exp(0.125 * dot) * v_at(t, D - 1);
  }
  CHECK(test::for_gpu_rungs(a, [&](const Rung<AttentionForward>& rung) {
          if (rung.name != std::string_view("cuda.few_queries")) return;
          test::run_blocks(rung, a, test::both_ends);
          CHECK(near(get(y[H * D - 1]), sum / total, 1e-5));
          CHECK(near(get(lse[H - 1]), std::log(total), 1e-5));
        }) >= 3);
}

}  // namespace hewn
