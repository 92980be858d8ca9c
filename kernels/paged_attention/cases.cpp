#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/contract/case.h"
#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/page.h"

namespace hewn {
namespace {

constexpr KvFormat formats[] = {KvFormat::f32, KvFormat::bf16, KvFormat::q8_0};
constexpr std::string_view name_of_format(KvFormat f) {
  std::string_view names = names_of(f);
  for (int i = 0; i < static_cast<int>(f); ++i) names.remove_prefix(names.find('|') + 1);
  return names.substr(0, names.find('|'));
}

/// B sequences, the first with `length` tokens before the T of the launch and each further one with 7 fewer.
struct Size {
  int64_t B, H, T, length, D;
  int64_t Hkv = H, window = 0;  ///< 0: all keys
  int64_t length_of(int64_t b) const { return std::max<int64_t>(0, length - 7 * b); }
  int64_t columns() const { return (length + T + page_tokens - 1) / page_tokens; }
};

std::string text_of(const Size& s, KvFormat format) {
  std::string text = sizes_text({s.B, s.H, s.T, s.length, s.D});
  if (s.Hkv != s.H || s.window > 0)
    text += ", " + std::to_string(s.Hkv) + " key heads" +
            (s.window > 0 ? ", window " + std::to_string(s.window) : "");
  return text.append(" ").append(name_of_format(format));
}

/// Pages of all sequences, shuffled.
PageTable add_tables(CaseMemory& m, const Size& s, const PageLayout& layout) {
  const int64_t n = s.B * s.columns();
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[m.rng().below(i + 1)]);
  const void* places = m.input("places", DType::i64, n, [&](Rng&, int64_t i) {
    return static_cast<double>(order[static_cast<size_t>(i)] * layout.bytes());
  });
  const void* length = m.input("length", DType::i64, s.B,
                               [&](Rng&, int64_t b) { return static_cast<double>(s.length_of(b)); });
  return {layout, static_cast<const int64_t*>(places), s.columns(), static_cast<const int64_t*>(length)};
}

/// The bytes of pages as an operand: numbers in float32 or bf16, or bytes.
DType operand_type(KvFormat format) {
  return format == KvFormat::f32 ? DType::f32 : format == KvFormat::bf16 ? DType::bf16 : DType::u8;
}
int64_t operand_size(const Size& s, const PageLayout& layout) {
  return s.B * s.columns() * layout.bytes() / static_cast<int64_t>(size_of(operand_type(layout.format)));
}

Heads rows_of(const void* data, const Size& s, int64_t heads) {
  return {data, s.T * heads * s.D, s.D, heads * s.D};
}

Sketch append(const Size& s, KvFormat format) {
  return sketch_of(AppendToPages{}, DType::f32, text_of(s, format), [=](CaseMemory& m, AppendToPages& a) {
    const PageLayout layout{format, s.Hkv, s.D};
    a = {add_tables(m, s, layout), nullptr, s.B, s.T, {}, {}};
    a.k = rows_of(m.input("k", DType::f32, s.B * s.T * s.Hkv * s.D, Fill::harsh), s, s.Hkv);
    a.v = rows_of(m.input("v", DType::f32, s.B * s.T * s.Hkv * s.D), s, s.Hkv);
    a.base = m.output("pages", operand_type(format), operand_size(s, layout), 0);
  });
}

/// Bytes of pages of q8_0: whole numbers of all sizes, and factors from 2^-9 to 2^-7.
double byte_of_page(const PageLayout& layout, Rng& rng, int64_t i) {
  const int64_t in_factors = i % layout.of_values() - layout.numbers();
  if (in_factors < 0) return static_cast<uint8_t>(static_cast<int>(rng.below(255)) - 127);
  return in_factors % 4 == 3 ? 0x3b : in_factors % 4 == 2 ? static_cast<double>(rng.below(256)) : 0;
}

Sketch attention(const Size& s, KvFormat format) {
  return sketch_of(PagedAttention{}, DType::f32, text_of(s, format), [=](CaseMemory& m, PagedAttention& a) {
    const PageLayout layout{format, s.Hkv, s.D};
    const int64_t keys = s.length + s.T;
    a.pages = add_tables(m, s, layout);
    a.B = s.B, a.H = s.H, a.T = s.T;
    a.window = s.window > 0 ? s.window : keys;
    a.scale = 1 / std::sqrt(static_cast<double>(s.D));
    a.most_keys = keys;
    a.base = format == KvFormat::q8_0
                 ? m.input("pages", DType::u8, operand_size(s, layout),
                           [&](Rng& rng, int64_t i) { return byte_of_page(layout, rng, i); })
                 : m.input("pages", operand_type(format), operand_size(s, layout));
    a.q = rows_of(m.input("q", DType::f32, s.B * s.T * s.H * s.D), s, s.H);
    a.y = {m.output("y", DType::f32, s.B * s.T * s.H * s.D, 5e-6), s.T * s.H * s.D, s.D, s.H * s.D};
  });
}

/// The first sequence's length for all, which is the longest.
Size size_of_launch(int64_t B, int64_t H, int64_t T, int64_t most_keys, const PageLayout& layout,
                    int64_t window) {
  return {B, H, T, most_keys - T, layout.D, layout.Hkv, window >= most_keys ? 0 : window};
}

Sketch like_append(const AppendToPages& a) {
  const PageLayout& layout = a.pages.layout;
  return append(size_of_launch(a.B, layout.Hkv, a.T, a.pages.columns * page_tokens, layout, 0),
                layout.format);
}
Sketch like_attention(const PagedAttention& a) {
  const PageLayout& layout = a.pages.layout;
  return attention(size_of_launch(a.B, a.H, a.T, a.most_keys, layout, a.window), layout.format);
}

}  // namespace

Cases paged_attention_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32) return {};
  std::vector<Size> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 5, "BxHxTxLENGTHxD");
    sizes.push_back({s[0], s[1], s[2], s[3], s[4]});
  } else if (request.bench) {
    sizes = {{1, 12, 1, 1023, 64}, {16, 12, 1, 255, 64}, {1, 12, 512, 0, 64}, {1, 4, 1, 255, 32}};
  } else {
    const int64_t w = request.width;
    for (const int64_t D : sizes_around(static_cast<int>(w))) sizes.push_back({1, 2, 1, 70, D});
    for (const int64_t T : {int64_t{1}, int64_t{3}, int64_t{8}, 2 * w + 3}) {
      sizes.push_back({3, 2, T, 130, 33});
      sizes.push_back({2, 6, T, 60, 16, 2});
      sizes.push_back({1, 4, T, 150, 2 * w + 3, 1, 70});
      sizes.push_back({2, 2, T, 0, 8});
      sizes.push_back({1, 2, T, 129, 8, 2, 2});
    }
    sizes.push_back({1, 1, 150, 64, 12});
    sizes.push_back({1, 80, 7, 64, 5, 1});
  }
  Cases cases;
  for (const Size& s : sizes)
    for (const KvFormat format : formats) {
      cases.push_back(append(s, format).make(request));
      cases.push_back(attention(s, format).make(request));
    }
  return cases;
}

Sketch paged_attention_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_append, like_attention);
}

}  // namespace hewn
