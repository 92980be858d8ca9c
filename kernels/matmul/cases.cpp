#include "kernels/contract/case.h"
#include "kernels/matmul/abi.h"

namespace hewn {
namespace {

/// One product to test; its remaining arguments follow from the sizes.
struct Trial {
  int64_t M, N, K;
  bool trans_a = false, trans_b = false;
  Write write = Write::set;
  bool epilogue = false, batched = false;
  int64_t gap = 0;  ///< elements between the end of a row and the next row
  double alpha = 1;
  Activation activation = Activation::gelu_tanh;  // of the epilogue
  bool bf16_c = false;                            ///< for bf16: C is bf16 as well
  bool tf32 = false;                              ///< for f32: operands may be rounded
  bool slope = false;                             ///< multiply by the activation's derivative
  bool sums = false;                              ///< add up the columns of B
};

/// Both operands are rounded with a relative error of up to 2^-11.
constexpr double tf32_tolerance = 1e-3;

/// Element (i, j) of a product, or of each product of a batch.
Matmul excerpt(Matmul m, int64_t i, int64_t j) {
  const DType wide = m.dtype == DType::bf16 ? DType::f32 : m.dtype, c_type = m.bf16_c ? m.dtype : wide;
  m.M = m.N = 1;
  m.a = shifted(m.a, m.dtype, m.trans_a ? i : i * m.lda);
  m.b = shifted(m.b, m.dtype, m.trans_b ? j * m.ldb : j);
  m.c = shifted(m.c, c_type, i * m.ldc + j);
  m.epilogue.bias = shifted(m.epilogue.bias, wide, j);
  m.epilogue.pre = shifted(m.epilogue.pre, c_type, i * m.ldc + j);
  m.epilogue.slope_at = shifted(m.epilogue.slope_at, c_type, i * m.ldc + j);
  m.epilogue.residual = shifted(m.epilogue.residual, c_type, i * m.ldc + j);
  m.b_sums = i == 0 ? shifted(m.b_sums, wide, j) : nullptr;
  return m;
}

/// The elements of a large product that are checked: one in each of its tiles of 128 x 128 or, if that takes too long,
/// of larger ones; at least 256.
std::vector<Excerpt<Matmul>> excerpts_of(const Matmul& m) {
  constexpr int64_t small = int64_t{1} << 24, most = int64_t{1} << 26, tile = 128, few = 20, least = 256;
  const int64_t depth =
      std::max<int64_t>(m.K * m.outer * m.inner, 1);  // of one element, in every matrix of a batch
  if (m.M * m.N * depth < small) return {};
  int64_t rows = std::min(m.M, std::max(few, m.M / tile)), cols = std::min(m.N, std::max(few, m.N / tile));
  while (rows * cols > 2 * least && rows * cols * depth > most) (rows > cols ? rows : cols) /= 2;
  rows = std::max(rows, std::min(m.M, least / cols)),
  cols = std::max(cols, std::min(m.N, (least + rows - 1) / rows));
  std::vector<Excerpt<Matmul>> excerpts;
  for (const int64_t j : sampled_places(m.N, cols))  // a column of B stays in the cache for all rows of A
    for (const int64_t i : sampled_places(m.M, rows)) excerpts.push_back({excerpt(m, i, j)});
  return excerpts;
}

/// Sizes around the vector and the tile (three vectors), every transposition, and each option in turn.
std::vector<Trial> test_trials(int64_t w) {
  std::vector<Trial> trials;
  const std::vector<std::array<int64_t, 3>> sizes = {
      {1, 1, 1},         {1, 6 * w + 1, w + 3}, {2, w - 1, 3},         {3, w, 2 * w + 1},  {5, 2 * w + 1, w},
      {7, 3 * w, w - 1}, {8, 3 * w + 1, 1},     {9, 4 * w, 5 * w + 2}, {17, 9 * w + 2, 7}, {33, 1, 70}};
  for (const auto& [M, N, K] : sizes) {
    if (N < 1 || K < 1) continue;
    for (const bool trans_a : {false, true}) {
      for (const bool trans_b : {false, true}) {
        const size_t turn = trials.size() % 5;
        trials.push_back({M, N, K, trans_a, trans_b});
        if (M * N == 1) continue;  // a sum of two terms may cancel and keep no correct digit
        trials.push_back({M, N, K, trans_a, trans_b, turn % 2 ? Write::add : Write::set, turn == 2, turn > 2,
                          static_cast<int64_t>(turn), turn == 4 ? 1.0 : 0.375});
      }
    }
  }
  // K = 0; several blocks along K; enough rows to pack B, and a large batch.
  trials.push_back({3, 2 * w + 1, 0});
  trials.push_back({3, 2 * w + 1, 0, false, true, Write::set, true});
  trials.push_back({5, 4 * w + 1, 1601});
  trials.push_back({5, w + 1, 1601, true, true, Write::add});
  trials.push_back({1, 4 * w + 3, 1601, false, true});
  trials.push_back({1, 4 * w + 3, 1601, false, false, Write::add});
  trials.push_back({13, 7 * w + 3, 1601, false, true});
  trials.push_back({16, 4 * w + 3, 801, true, false, Write::add, false, false, 3, 0.375});
  trials.push_back({67, 4 * w + 1, 801, false, true, Write::add, false, false, 1, 0.375});
  trials.push_back({67, 4 * w + 1, 3 * w + 1, false, false, Write::set, true});
  trials.push_back({19, 1, 3 * w, true, true, Write::set, true});
  trials.push_back({1031, 3 * w + 1, 5, false, false, Write::set, true});
  // Several blocks of columns as well as of K, and results that are stored past the caches.
  trials.push_back({35, 1000, 601, false, true, Write::add});
  trials.push_back({70, 1111, 601, true, false, Write::set, true});
  trials.push_back({530, 1004, 33, true, false, Write::set, false, false, 20});
  // More rows of a transposed A than fit in strips at a time, and a B that is packed because of its size.
  trials.push_back({345, 196, 700, true, false, Write::add});
  // One row, and columns past the last whole line, in bf16 too.
  trials.push_back({1, 1030, 1060});
  trials.push_back({4, 16499, 3});  // more sums than skinny.h holds at a time
  trials.push_back({4, 16499, 3, true, false, Write::add});
  // Rows of various lengths that start at multiples of 16 bytes, in bf16 too; more of K than is prefetched.
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true}) {
      trials.push_back(
          {141, 133, 69, trans_a, trans_b, trans_a ? Write::add : Write::set, !trans_a, false, 3, 0.375});
      trials.push_back({13, 21, 453, trans_a, trans_b, Write::set, false, false, 3});
    }
  for (const ActivationRow& row : activation_table)
    trials.push_back({3, w + 2, 9, false, false, Write::set, true, false, 0, 1, row.kind});
  return trials;
}

/// What a backward pass computes beside a product, in every transposition and with K in pieces; sums are of one product.
std::vector<Trial> backward_trials(int64_t w) {
  std::vector<Trial> trials;
  const auto with = [](Trial trial, bool slope, bool sums) {
    trial.slope = slope, trial.sums = sums;
    return trial;
  };
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true}) {
      trials.push_back(
          with({13, w + 2, 21, trans_a, trans_b, Write::set, false, true, 3, 0.375}, true, false));
      for (const Write write : {Write::set, Write::add})
        trials.push_back(
            with({13, 2 * w + 1, 69, trans_a, trans_b, write, false, false, 1, 0.375}, false, true));
      trials.push_back(with({141, 133, 70, trans_a, trans_b, Write::set, false, false, 3}, true, true));
    }
  for (const ActivationRow& row : activation_table)
    trials.push_back(with({20, 36, 9, false, true, Write::set, false, false, 0, 1, row.kind}, true, false));
  for (const int64_t gap : {0, 1})
    trials.push_back(with({70, 72, 1601, true, false, Write::add, false, false, gap}, false, true));
  trials.push_back(with({70, 72, 1601, false, true, Write::set}, true, false));
  trials.push_back(with({9, 7, 0, true, false, Write::set}, true, true));
  return trials;
}

/// The products of a low-rank change of a layer's weight (kernels/linear/low_rank_pass.cpp) of rank r for M tokens:
/// u = x A^T and v = s dy B^T, whose N is r; y += s u B and dx += v A, whose K is r; dA = v^T x and dB = s u^T dy.
std::vector<Trial> low_rank_trials() {
  std::vector<Trial> trials;
  constexpr int64_t M = 70, in = 96, out = 136;
  constexpr double s = 0.375;
  for (const int64_t r : {1, 8, 64}) {
    trials.push_back({M, r, in, false, true});
    trials.push_back({M, r, out, false, true, Write::set, false, false, 0, s});
    trials.push_back({M, out, r, false, false, Write::add, false, false, 0, s});
    trials.push_back({M, in, r, false, false, Write::add});
    for (const Write write : {Write::set, Write::add}) {
      trials.push_back({r, in, M, true, false, write});
      trials.push_back({r, out, M, true, false, write, false, false, 0, s});
    }
    // One token, and more than are packed at a time.
    if (r > 1) trials.push_back({1, r, in, false, true});
    trials.push_back({1, out, r, false, false, Write::add, false, false, 0, s});
    trials.push_back({1031, r, 33, false, true});
    trials.push_back({1031, 33, r, false, false, Write::add, false, false, 0, s});
    trials.push_back({r, 33, 1031, true, false, Write::add});
  }
  return trials;
}

/// Trials with the larger tolerance of TF32 kernels: every transposition, and the options.
std::vector<Trial> tf32_trials() {
  std::vector<Trial> trials;
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true}) {
      trials.push_back({77, 131, 69, trans_a, trans_b, trans_a ? Write::add : Write::set, !trans_a, false,
                        trans_b ? 3 : 0, 0.375});
      trials.push_back({19, 33, 40, trans_a, trans_b, Write::set, trans_a, true});
    }
  trials.push_back({9, 7, 0, false, false, Write::set, true});
  for (Trial& trial : trials) trial.tf32 = true;
  return trials;
}

/// The layers of a character model and of GPT-2 124M: forward, and both gradients.
std::vector<Trial> bench_trials() {
  std::vector<Trial> trials;
  for (const auto& [M, N, K] : std::vector<std::array<int64_t, 3>>{
           {768, 384, 128}, {768, 512, 128}, {768, 128, 512}, {256, 2304, 768}, {256, 768, 3072}}) {
    trials.push_back({M, N, K});
    trials.push_back({M, K, N, false, true});
    trials.push_back({K, N, M, true, false, Write::add});
  }
  trials.push_back({256, 50257, 768, false, true});
  trials.push_back({1, 3072, 768});
  trials.push_back({1, 50257, 768, false, true});
  for (const int64_t n : {512, 1024}) trials.push_back({n, n, n});
  return trials;
}

/// Elements from the first to the last of an operand whose rows have `cols` elements and are `row` apart,
/// over all matrices of the batch.
int64_t reach(const Matmul& m, int64_t rows, int64_t cols, int64_t row, const MatmulStep& step) {
  return (m.outer - 1) * step.outer + (m.inner - 1) * step.inner + (rows - 1) * row + cols;
}

void fill(CaseMemory& memory, Matmul& m) {
  const DType wide = m.dtype == DType::bf16 ? DType::f32 : m.dtype, c_type = m.bf16_c ? m.dtype : wide;
  // Sums that differ in their last digits may round to different bf16 numbers.
  const double of_sums = wide == DType::f64 ? 1e-14 : 2e-6;
  const double tolerance = m.bf16_c ? 4e-3 : m.tf32 ? tf32_tolerance : of_sums;
  const int64_t n_c = reach(m, m.M, m.N, m.ldc, m.c_step);
  m.a = memory.input("a", m.dtype, reach(m, m.trans_a ? m.K : m.M, m.trans_a ? m.M : m.K, m.lda, m.a_step),
                     Fill::harsh);
  m.b = memory.input("b", m.dtype, reach(m, m.trans_b ? m.N : m.K, m.trans_b ? m.K : m.N, m.ldb, m.b_step),
                     Fill::harsh);
  Epilogue& e = m.epilogue;
  if (e.bias) e.bias = memory.input("bias", wide, m.N);
  if (e.pre) e.pre = memory.output("pre", c_type, n_c, tolerance);
  if (e.slope_at) e.slope_at = memory.input("slope_at", c_type, n_c);
  if (e.residual) e.residual = memory.input("residual", c_type, n_c);
  if (m.b_sums) m.b_sums = memory.output("b_sums", wide, m.N, of_sums, std::sqrt(static_cast<double>(m.K)));
  m.c = memory.output("c", c_type, n_c, tolerance);
}

Sketch like_matmul(const Matmul& m) {
  std::string shape = sizes_text({m.M, m.N, m.K}) + " " + (m.trans_a ? "T" : "N") + (m.trans_b ? "T" : "N");
  shape += name_of(m.to_c);
  if (m.epilogue.bias) shape += " bias";
  if (m.epilogue.slope_at)
    shape += " slope";
  else if (m.epilogue.activation != Activation::none)
    shape += m.epilogue.pre ? " curve kept" : " curve";
  if (m.epilogue.residual) shape += " residual";
  if (m.outer * m.inner > 1) shape += " batch " + std::to_string(m.outer * m.inner);
  if (m.bf16_c) shape += " bf16_c";
  if (m.tf32) shape += " tf32";
  if (m.b_sums) shape += " sums";
  return sketch_of(m, m.dtype, shape, fill, excerpts_of);
}

/// A batch interleaves the rows of its matrices, like heads in [B, T, H, D].
Sketch sketch(const Trial& t, DType dtype) {
  Matmul m{};
  m.dtype = dtype;
  m.M = t.M, m.N = t.N, m.K = t.K;
  m.trans_a = t.trans_a, m.trans_b = t.trans_b;
  m.to_c = m.to_b_sums = t.write;
  m.alpha = t.alpha;
  m.bf16_c = t.bf16_c, m.tf32 = t.tf32;
  if (t.batched) m.outer = 2, m.inner = 3;
  const auto place = [&](int64_t rows, int64_t cols, int64_t& row, MatmulStep& step) {
    row = (cols + t.gap) * m.inner;
    step = {rows * row, cols + t.gap};
  };
  t.trans_a ? place(t.K, t.M, m.lda, m.a_step) : place(t.M, t.K, m.lda, m.a_step);
  t.trans_b ? place(t.N, t.K, m.ldb, m.b_step) : place(t.K, t.N, m.ldb, m.b_step);
  place(t.M, t.N, m.ldc, m.c_step);
  if (t.epilogue || t.slope) m.epilogue.activation = t.activation;
  if (t.epilogue) m.epilogue.bias = m.epilogue.residual = m.epilogue.pre = wanted;
  if (t.slope) m.epilogue.slope_at = wanted;
  if (t.sums) m.b_sums = wanted;
  return like_matmul(m);
}

}  // namespace

Cases matmul_cases(const CaseRequest& request) {
  const bool bf16 = request.dtype == DType::bf16;
  if (request.dtype != DType::f32 && request.dtype != DType::f64 && !bf16) return {};
  std::vector<Trial> trials;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 3, "MxNxK");
    for (const bool trans_b : {false, true}) trials.push_back({s[0], s[1], s[2], false, trans_b});
    trials.push_back({s[0], s[1], s[2], true, false, Write::add});
  } else {
    trials = request.bench ? bench_trials() : test_trials(request.width);
    if (!request.bench) {
      for (const Trial& trial : backward_trials(request.width)) trials.push_back(trial);
      for (const Trial& trial : low_rank_trials()) trials.push_back(trial);
    }
    if (request.dtype == DType::f32 && !request.bench)
      for (const Trial& trial : tf32_trials()) trials.push_back(trial);
  }
  Cases cases;
  for (Trial trial : trials) {
    cases.push_back(sketch(trial, request.dtype).make(request));
    if (!bf16 || request.bench) continue;
    trial.bf16_c = true;
    cases.push_back(sketch(trial, request.dtype).make(request));
  }
  return cases;
}

Sketch matmul_like(std::string_view op, const void* args) { return sketch_of_launch(op, args, like_matmul); }

}  // namespace hewn
