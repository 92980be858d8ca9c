#include <array>
#include <cmath>

#include "core/text.h"
#include "kernels/contract/case.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {

namespace {

constexpr BlockType all_formats[] = {BlockType::q8_0, BlockType::q4_0, BlockType::q4_1, BlockType::q5_0,
                                     BlockType::q5_1, BlockType::q2_k, BlockType::q3_k, BlockType::q4_k,
                                     BlockType::q5_k, BlockType::q6_k};

/// Byte i of blocks whose integers are random, with scales of 2^-8 to 2^-3 for blocks of 32. Those of larger blocks are
/// multiplied by up to 63 or 127, and are the smaller; one in 16 is subnormal.
double random_byte(const BlockFormat& format, Rng& rng, int64_t i) {
  const auto at = static_cast<int>(i % format.bytes), upper = format.scale_at + 1;
  if (at != upper && !(format.offsets && at == upper + 2)) return static_cast<double>(rng.below(256));
  const uint64_t exponent = rng.below(16) == 0 ? 0 : (format.elements > 32 ? 1 : 7) + rng.below(6);
  return static_cast<double>(rng.below(2) << 7 | exponent << 2 | rng.below(4));
}

/// The blocks of some rows. Large ones repeat, at a prime number of blocks, so that they are created quickly.
const void* add_blocks(CaseMemory& m, BlockType type, int64_t rows, int64_t cols) {
  constexpr int64_t most_blocks = 9973;
  const BlockFormat& format = format_of(type);
  const int64_t bytes = rows * (cols / format.elements) * format.bytes;
  std::vector<uint8_t> first(static_cast<size_t>(std::min(bytes, most_blocks * format.bytes)));
  return m.input("w", DType::u8, bytes, [&](Rng& rng, int64_t i) {
    const auto at = static_cast<size_t>(i);
    if (at < first.size()) first[at] = static_cast<uint8_t>(random_byte(format, rng, i));
    return static_cast<double>(first[at % first.size()]);
  });
}

/// Whether element i of quantised rows is after the `cols` elements of its row.
bool is_padding(int64_t i, int64_t cols) { return i % padded_cols(cols) >= cols; }

/// Some elements of a large product.
QMatmul element(QMatmul a, int64_t m, int64_t n) {
  const BlockFormat& format = format_of(a.format);
  const int64_t padded = padded_cols(a.K);
  a.x += m * padded;
  a.x_scale += m * padded / quantised_block;
  a.x_sum += m * padded / quantised_block;
  a.w = static_cast<const uint8_t*>(a.w) + n * (a.K / format.elements) * format.bytes;
  if (a.bias) a.bias += n;
  a.y += m * a.N + n;
  a.M = a.N = 1;
  return a;
}
std::vector<Excerpt<QMatmul>> excerpts_of(const QMatmul& a) {
  constexpr int64_t small = int64_t{1} << 22, rows = 16, cols = 256;
  if (a.M * a.N * a.K < small) return {};
  std::vector<Excerpt<QMatmul>> excerpts;
  for (const int64_t n : sampled_places(a.N, cols))
    for (const int64_t m : sampled_places(a.M, rows)) excerpts.push_back({element(a, m, n)});
  return excerpts;
}

Sketch like_product(const QMatmul& args) {
  const std::string shape =
      join(sizes_text({args.M, args.N, args.K}), " ", format_of(args.format).name, args.bias ? " bias" : "");
  const auto fill = [](CaseMemory& m, QMatmul& a) {
    const int64_t n = a.M * padded_cols(a.K), blocks = n / quantised_block;
    a.x = m.input("x", DType::i8, n, [&](Rng& rng, int64_t i) {
      return is_padding(i, a.K) ? 0 : static_cast<double>(rng.below(255)) - 127;
    });
    a.x_scale = m.input("x_scale", DType::f32, blocks, [&](Rng& rng, int64_t i) {
      return is_padding(i * quantised_block, a.K) ? 0 : (1 + rng.uniform_double()) / 64;
    });
    a.x_sum = m.input("x_sum", DType::i32, blocks, [&](Rng&, int64_t i) {
      double sum = 0;
      for (int64_t k = i * quantised_block; k < (i + 1) * quantised_block; ++k) sum += a.x[k];
      return sum;
    });
    a.w = add_blocks(m, a.format, a.N, a.K);
    if (a.bias) a.bias = m.input("bias", DType::f32, a.N);
    // Terms are near 1, and their sum may cancel.
    a.y = m.output("y", DType::f32, a.M * a.N, 2e-6, std::sqrt(static_cast<double>(a.K)));
  };
  return sketch_of(args, DType::f32, shape, fill, excerpts_of);
}

/// Normals; but some blocks are tiny, some have a NaN or an infinity, and in some every rounding is a tie.
double unpleasant(Rng& rng, int64_t i) {
  const double value = rng.normal();
  const int64_t block = i / quantised_block, at = i % quantised_block;
  switch (block % 11) {
    case 3: return 1e-38 * value;
    case 5: return at == 9 ? (block % 2 ? NAN : -INFINITY) : value;
    case 7: return at == 0 ? -127 : static_cast<double>(4 * at) - 62.5;
    case 8: return 0;
    default: return value;
  }
}

Sketch like_quantize(const QuantizeRows& args) {
  return sketch_of(args, DType::f32,
                   sizes_text({args.rows, args.cols}) + (args.one_scale ? " one scale" : ""),
                   [](CaseMemory& m, QuantizeRows& a) {
                     const int64_t n = a.rows * padded_cols(a.cols), blocks = n / quantised_block;
                     // Most long rows of unpleasant values have an infinity.
                     const bool pleasant = m.bench() || (a.one_scale && a.cols > 256);
                     a.x = pleasant ? m.input("x", DType::f32, a.rows * a.cols)
                                    : m.input("x", DType::f32, a.rows * a.cols, unpleasant);
                     a.q = m.output("q", DType::i8, n, 0);
                     a.scale = m.output("scale", DType::f32, blocks, 0);
                     a.sum = m.output("sum", DType::i32, blocks, 0);
                   });
}

/// Rows of a table that has 37, prime to the number of ids.
Sketch like_rows(const WidenRows& args) {
  return sketch_of(args, DType::f32, join(sizes_text({args.n, args.cols}), " ", format_of(args.format).name),
                   [](CaseMemory& m, WidenRows& a) {
                     constexpr int64_t table = 37;
                     a.ids = m.input("ids", DType::i32, a.n,
                                     [](Rng& rng, int64_t) { return static_cast<double>(rng.below(table)); });
                     a.w = add_blocks(m, a.format, table, a.cols);
                     a.y = m.output("y", DType::f32, a.n * a.cols, 0);
                   });
}

/// Blocks of normals; but some are tiny, huge, zero or all of one sign, and some have outliers.
double unpleasant_weight(Rng& rng, int64_t i) {
  const double value = rng.normal();
  switch (i / quantised_block % 13) {
    case 2: return 1e-6 * value;
    case 4: return 1e-38 * value;
    case 5: return std::abs(value);
    case 6: return 0;
    case 8: return 1e6 * value;
    case 9: return i % quantised_block == 9 ? -20 : value;
    case 11: return 1e38 * std::clamp(value, -3.0, 3.0);
    default: return 0.02 * value;
  }
}

/// Some rows of a large matrix.
std::vector<Excerpt<EncodeBlocks>> excerpts_of(const EncodeBlocks& a) {
  constexpr int64_t small = int64_t{1} << 16, rows = 8;
  if (a.rows * a.cols < small) return {};
  return sampled_parts<EncodeBlocks>(a, a.rows, rows, 1, [](EncodeBlocks part, int64_t first, int64_t n) {
    const BlockFormat& format = format_of(part.format);
    part.x += first * part.cols;
    part.blocks = static_cast<uint8_t*>(part.blocks) + first * (part.cols / format.elements) * format.bytes;
    part.rows = n;
    return part;
  });
}

Sketch like_encode(const EncodeBlocks& args) {
  const std::string shape = join(sizes_text({args.rows, args.cols}), " ", format_of(args.format).name,
                                 args.importance ? " importance" : "");
  const auto fill = [](CaseMemory& m, EncodeBlocks& a) {
    const BlockFormat& format = format_of(a.format);
    const int64_t n = a.rows * a.cols;
    a.x = m.bench() ? m.input("x", DType::f32, n, Fill::normal, 0.02)
                    : m.input("x", DType::f32, n, unpleasant_weight);
    if (a.importance)
      a.importance = m.input("importance", DType::f32, a.cols, [](Rng& rng, int64_t) {
        return rng.below(8) == 0 ? 0 : std::pow(rng.normal(), 2);
      });
    a.blocks = m.output("blocks", DType::u8, n / format.elements * format.bytes, 0);
  };
  return sketch_of(args, DType::f32, shape, fill, excerpts_of);
}

/// Adds cases to a request's; a bias or importances are made if wanted.
struct Adder {
  Cases& cases;
  const CaseRequest& request;

  void quantize(int64_t rows, int64_t cols, bool one_scale = false) {
    cases.push_back(like_quantize({rows, cols, {}, {}, {}, {}, one_scale}).make(request));
  }
  void product(BlockType format, int64_t M, int64_t N, int64_t K, bool bias = false) {
    cases.push_back(
        like_product({format, M, N, K, {}, {}, {}, {}, bias ? wanted : Place{}, {}}).make(request));
  }
  void encode_blocks(BlockType format, int64_t rows, int64_t cols, bool importance) {
    cases.push_back(like_encode({format, rows, cols, {}, importance ? wanted : Place{}, {}}).make(request));
  }
};

/// Products in all formats whose blocks fit; in benchmarks, in those with vector kernels.
void add_shape(Adder& add, const CaseRequest& request) {
  const auto s = parse_sizes(request.shape, 3, "MxNxK");
  require(s[2] % quantised_block == 0, "shape \"", request.shape, "\": K is ", s[2],
          "; expected a multiple of ", quantised_block);
  add.quantize(s[0], s[2]);
  for (const BlockType format : all_formats)
    if (s[2] % format_of(format).elements == 0 && (multiplied_as_they_are(format) || !request.bench)) {
      add.product(format, s[0], s[1], s[2]);
      if (multiplied_as_they_are(format)) add.encode_blocks(format, s[1], s[2], false);
    }
}

/// The layers of GPT-2 124M, and its head.
void add_bench_cases(Adder& add) {
  for (const int64_t M : {1, 16}) {
    add.quantize(M, 3072);
    for (const BlockType format : all_formats)
      if (multiplied_as_they_are(format)) {
        add.product(format, M, 3072, 768);
        add.product(format, M, 768, 3072);
        if (M == 1) add.product(format, M, 50257, 768);
        add.encode_blocks(format, 3072, 768, M > 1);
      }
  }
}

/// A single block, rows of up to 17 and of a few blocks more than whole chunks.
void add_test_cases(Adder& add) {
  for (const auto [rows, cols] : {std::array<int64_t, 2>{1, 32}, {3, 256}, {17, 352}, {2, 1024}})
    for (const bool one_scale : {false, true}) add.quantize(rows, cols, one_scale);
  for (const BlockType type : all_formats) {
    const int64_t block = format_of(type).elements;
    add.cases.push_back(like_rows({type, 5, 3 * block, {}, {}, {}}).make(add.request));
    for (const auto [M, N, blocks] : {std::array<int64_t, 3>{1, 1, 1},
                                      {1, 33, 8},
                                      {2, 3, 9},
                                      {3, 17, 23},
                                      {4, 9, 16},
                                      {16, 5, 31},
                                      {17, 9, 3}})
      add.product(type, M, N, blocks * block, N % 3 == 0);
    if (!multiplied_as_they_are(type)) continue;
    for (const auto [rows, blocks] : {std::array<int64_t, 2>{1, 1}, {3, 5}, {2, 16}, {5, 13}})
      add.encode_blocks(type, rows, blocks * block, rows % 2 == 1);
  }
}

}  // namespace

Cases qmatmul_cases(const CaseRequest& request) {
  Cases cases;
  if (request.dtype != DType::f32) return cases;
  Adder add{cases, request};
  if (!request.shape.empty())
    add_shape(add, request);
  else if (request.bench)
    add_bench_cases(add);
  else
    add_test_cases(add);
  return cases;
}

Sketch qmatmul_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_quantize, like_product, like_rows, like_encode);
}

}  // namespace hewn
