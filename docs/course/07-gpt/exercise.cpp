// Chapter 7: both passes of a GPT, made of its layers, with a table that is used twice.

#include "apps/learn/chapters.h"
#include "apps/learn/judge/lesson_call.h"
#include "apps/learn/judge/lesson_gpt.h"
#include "apps/learn/judge/training.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"

namespace hewn::cli::learn {
namespace gpt {

/// A small model with random weights, which are larger than those that training begins with.
struct Example {
  Parameters parameters;
  GptParts parts;

  Example(Rng& rng, const ModelConfig& config) : parts(parameters, config) {
    parameters.allocate(cpu(), DType::f64, 1, false);
    for (hewn::Parameter& p : parameters.all())
      for (int64_t i = 0; i < p.value.numel(); ++i) p.value.ptr<double>()[i] += 0.5 * rng.normal();
  }
};

/// The logits of x [B, T, C], which the engine records on a tape.
Tensor logits_of(const GptParts& parts, const Tensor& x, const Tensor& table, bool parallel) {
  const DType type = DType::f64;
  const Tensor n = parts.ln_1(x, type);
  const Tensor y = add(x, parts.attn(n, {}, {}));
  const Tensor z = add(y, parts.mlp(parallel ? n : parts.ln_2(y, type), {}, {}));
  return GptParts::head(parts.ln_f(z, type), table);
}

struct Sizes {
  int64_t B, T, V, C;
};

LessonCase case_of(std::string name, Rng& rng, const Sizes& of, const std::vector<int>& ids, bool parallel,
                   bool measured, double gradient = 1, double size = 1) {
  ModelConfig config;
  config.n_layer = 1, config.n_head = 2, config.bias = true;
  config.block_size = of.T, config.vocab_size = of.V, config.n_embd = of.C;
  const auto example = std::make_shared<Example>(rng, config);
  const std::shared_ptr<GptParts> parts(example, &example->parts);
  for (int64_t i = 0; i < of.V * of.C; ++i) parts->wte->value.ptr<double>()[i] *= size;
  const Tensor tokens = Tensor::from(cpu(), std::vector<int32_t>(ids.begin(), ids.end()), Shape{of.B, of.T});
  const auto shaped = [of](const Matrix& m) { return Tensor::from(cpu(), m.values, {of.B, of.T, of.C}); };
  const auto rows = static_cast<int>(of.B * of.T);
  const Matrix table = matrix_of(parts->wte->value), x = matrix_of(parts->embed(parts->wte->value, tokens));
  const Matrix dlogits = random_matrix(rng, rows, static_cast<int>(of.V), gradient);
  const Tensor dy = Tensor::from(cpu(), dlogits.values, {of.B, of.T, of.V});

  Tensor block_input = shaped(x);
  require_grad(block_input, "x");
  Tensor logits;
  {
    Tape tape;
    logits = logits_of(*parts, block_input, constant(table), parallel);
    tape.backward(logits, dy);
  }
  const Tensor tied = leaf(table, "table");
  {
    Tape tape;
    tape.backward(logits_of(*parts, parts->embed(tied, tokens), tied, parallel), dy);
  }
  LessonCase c{std::move(name), GptCall{.tokens = ids_value(1, rows, ids),
                                        .B = of.B,
                                        .T = of.T,
                                        .x = x,
                                        .dlogits = dlogits,
                                        .parallel = parallel}
                                    .values(parts)};
  c.values[gpt_logits] = matrix_of(logits);
  c.values[gpt_dx] = gradient_of(block_input);
  c.values[gpt_dx].start = Matrix(rows, static_cast<int>(of.C));
  c.values[gpt_dtable] = gradient_of(tied);
  if (measured)
    c.slopes = {{gpt_dx, x,
                 [=](const Matrix& moved) {
                   return dot(matrix_of(logits_of(*parts, shaped(moved), constant(table), parallel)),
                              dlogits);
                 }},
                {gpt_dtable, table, [=](const Matrix& moved) {
                   const Tensor t = constant(moved);
                   return dot(matrix_of(logits_of(*parts, parts->embed(t, tokens), t, parallel)), dlogits);
                 }}};
  return c;
}

// Those of a parallel block have no slopes: the judge leaves them out where the other block is wrong, so that what is
// not written yet does not hide a mistake.
std::vector<LessonCase> cases() {
  Rng rng(7);
  std::vector<int> many;
  for (int i = 0; i < 24; ++i) many.push_back(static_cast<int>(rng.below(30)));
  return {
      case_of("the logits of 3 tokens; dlogits is 0", rng, {1, 3, 5, 4}, {2, 0, 4}, false, false, 0),
      case_of("3 tokens of 5", rng, {1, 3, 5, 4}, {2, 0, 4}, false, true),
      case_of("4 tokens of 4, one of them twice", rng, {1, 4, 4, 4}, {3, 1, 3, 0}, false, true),
      case_of("1 token", rng, {1, 1, 3, 4}, {1}, false, true),
      case_of("2 windows of 2 tokens", rng, {2, 2, 3, 4}, {0, 2, 2, 1}, false, true),
      case_of("a vocabulary of 1", rng, {1, 2, 1, 4}, {0, 0}, false, false),
      case_of("large embeddings", rng, {1, 3, 4, 4}, {1, 2, 1}, false, false, 1, 1e4),
      case_of("2 windows of 12 tokens of 30", rng, {2, 12, 30, 8}, many, false, false),
      case_of("a parallel block; dlogits is 0", rng, {1, 3, 5, 4}, {2, 0, 4}, true, false, 0),
      case_of("a parallel block, 3 tokens of 5", rng, {1, 3, 5, 4}, {2, 0, 4}, true, false),
      case_of("a parallel block, 1 token", rng, {1, 1, 3, 4}, {1}, true, false),
      case_of("a parallel block, 2 windows of 12 tokens of 30", rng, {2, 12, 30, 8}, many, true, false),
  };
}

/// The whole model, but for what happens within layers. Its block is GPT-2's, since the engine has no parallel one.
void in_training(Lesson& lesson, Training& training) {
  int64_t calls = 0;
  training.run([&](const ModelConfig& config) { return std::make_unique<LessonGpt>(config, lesson, calls); },
               [&] { return calls; }, {{"tie", "true"}});
}

}  // namespace gpt

const Exercise& gpt_exercise() {
  static const Exercise exercise{
      .lesson = "gpt", .parameters = gpt_parameters(), .cases = gpt::cases, .in_training = gpt::in_training};
  return exercise;
}

}  // namespace hewn::cli::learn
