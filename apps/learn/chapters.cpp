// The table of chapters. A new one is a line here; docs/course/README.md describes the rest.

#include "apps/learn/chapters.h"

namespace hewn::cli::learn {

std::span<const Chapter> chapters() {
  static const Chapter table[] = {
      {.name = "00-gradient", .predictions = &gradient_predictions()},
      {.name = "01-chain-rule", .exercise = &mul_backward_exercise()},
      {.name = "02-matrices", .exercise = &linear_backward_exercise()},
      {.name = "03-text", .exercise = &embedding_backward_exercise()},
      {.name = "04-loss", .exercise = &cross_entropy_backward_exercise()},
      {.name = "05-attention", .exercise = &causal_softmax_exercise()},
      {.name = "06-norm-and-residuals", .exercise = &layernorm_backward_exercise()},
      {.name = "07-gpt", .exercise = &gpt_exercise()},
      {.name = "08-learning", .exercise = &adamw_step_exercise()},
      {.name = "09-writing", .exercise = &top_p_exercise()},
      {.name = "10-fast", .judge = &matmul_rung_judge()},
      {.name = "11-online-attention", .exercise = &online_attention_exercise()},
      {.name = "12-gpu", .exercise = &matmul_shared_exercise()},
  };
  return table;
}

}  // namespace hewn::cli::learn
