#include "kernels/paged_attention/op.h"

#include <cmath>
#include <deque>

#include "kernels/attention/op.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

struct Sizes {
  int64_t H, Hkv, D, window;
};

/// A text whose tokens are appended to pages, `layers` layers to each.
struct Text {
  PagedOptions options;
  std::vector<Tensor> pages;
  int64_t length = 0;

  explicit Text(const Sizes& s, KvFormat format = KvFormat::f32)
      : options{.layout = {format, s.Hkv, s.D}, .n_head = s.H, .window = s.window} {
    options.offset = options.layout.bytes();  // the second layer's
  }
  void make_room(int64_t tokens) {
    while (std::ssize(pages) * page_tokens < length + tokens)
      pages.push_back(Tensor::empty(cpu(), DType::u8, {2 * options.layout.bytes()}));
  }
  PagedSequence sequence() const { return {length, pages}; }
  /// y of the next tokens.
  std::vector<float> next(const Tensor& qkv) {
    make_room(qkv.dim(1));
    const PagedSequence one = sequence();
    const Tensor y = paged_attention(qkv, options, {&one, 1});
    length += qkv.dim(1);
    return y.values<float>();
  }
};

Tensor random_qkv(test::Random& random, const Sizes& s, int64_t B, int64_t T) {
  const int64_t row = (s.H + 2 * s.Hkv) * s.D;
  return Tensor::from(cpu(), random.normals<float>(B * T * row), {B, T, row});
}

constexpr Sizes shapes[] = {{2, 2, 32, 0}, {4, 2, 17, 0}, {6, 1, 8, 70}, {1, 1, 5, 3}, {3, 3, 64, 64}};

}  // namespace

TEST_CASE("paged attention: tokens have the bits of causal_attention, in pieces of any length") {
  test::Random random("pages");
  for (const Sizes& s : shapes) {
    const int64_t T = 150;
    const Tensor qkv = random_qkv(random, s, 1, T);
    const auto whole =
        causal_attention(qkv, {.n_head = s.H, .n_kv_head = s.Hkv, .window = s.window}).values<float>();
    for (const int64_t piece : {int64_t{1}, int64_t{7}, int64_t{8}, int64_t{64}, T}) {
      INFO("D = " << s.D << ", pieces of " << piece);
      Text text(s);
      std::vector<float> y;
      for (int64_t t = 0; t < T; t += piece) {
        const auto some = text.next(qkv.sliced(1, t, std::min(piece, T - t)));
        y.insert(y.end(), some.begin(), some.end());
      }
      CHECK(y == whole);
    }
  }
}

TEST_CASE("paged attention: sequences of different lengths do not know of each other") {
  test::Random random("company");
  for (const Sizes& s : shapes)
    for (const int64_t T : {1, 9}) {
      std::deque<Text> alone, together;
      std::vector<PagedSequence> sequences;
      const std::vector<int64_t> lengths{0, 63, 64, 100, 1};
      for (const int64_t length : lengths) {
        alone.emplace_back(s);
        if (length > 0) alone.back().next(random_qkv(random, s, 1, length));
        together.push_back(alone.back());
        for (Tensor& page : together.back().pages) page = page.clone();
        together.back().make_room(T);
        sequences.push_back(together.back().sequence());
      }
      const Tensor qkv = random_qkv(random, s, std::ssize(lengths), T);
      const auto y = paged_attention(qkv, alone[0].options, sequences).values<float>();
      const auto of_each = y.size() / lengths.size();
      for (size_t b = 0; b < lengths.size(); ++b) {
        const auto own = alone[b].next(qkv.sliced(0, static_cast<int64_t>(b), 1));
        CHECK(std::equal(own.begin(), own.end(), y.begin() + static_cast<std::ptrdiff_t>(b * of_each)));
      }
    }
}

TEST_CASE("paged attention: smaller formats are close, and closer with more bits") {
  test::Random random("formats");
  const Sizes s{2, 1, 40, 0};
  const Tensor qkv = random_qkv(random, s, 1, 100);
  Text exact(s), bf16(s, KvFormat::bf16), q8(s, KvFormat::q8_0);
  const auto wanted = test::doubles(exact.next(qkv));
  CHECK(test::close_by_norm(test::doubles(bf16.next(qkv)), wanted, 6e-3));
  CHECK(test::close_by_norm(test::doubles(q8.next(qkv)), wanted, 1.2e-2));
  CHECK(bf16.options.layout.bytes() * 2 == exact.options.layout.bytes());
  CHECK(q8.options.layout.bytes() == 2 * 64 * (40 + 2 * 4));  // 40 bytes and two factors a row
}

TEST_CASE("paged attention: what does not fit is refused") {
  test::Random random("refused");
  const Sizes s{2, 2, 8, 0};
  Text text(s);
  text.make_room(64);
  const PagedSequence one = text.sequence();
  CHECK_THROWS_WITH(paged_attention(random_qkv(random, s, 1, 65), text.options, {&one, 1}),
                    Catch::Contains("pages for 64 tokens"));
  CHECK_THROWS_WITH(paged_attention(random_qkv(random, s, 2, 1), text.options, {&one, 1}),
                    Catch::Contains("1 sequences for qkv [2, 1, 48]"));
  CHECK_THROWS_WITH(paged_attention(random_qkv(random, {2, 1, 8, 0}, 1, 1), text.options, {&one, 1}),
                    Catch::Contains("expected contiguous f32"));
  Tensor qkv = random_qkv(random, s, 1, 1);
  require_grad(qkv);
  Tape tape;
  CHECK_THROWS_WITH(paged_attention(qkv, text.options, {&one, 1}), Catch::Contains("no gradient"));
}

}  // namespace hewn
