#pragma once
// The exercises of all chapters; each is a file of this folder.

#include <vector>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

const std::vector<Prediction>& gradient_predictions();  ///< 00_gradient.cpp
const Exercise& mul_backward_exercise();                ///< 01_chain_rule.cpp
const Exercise& linear_backward_exercise();             ///< 02_matrices.cpp
const Exercise& embedding_backward_exercise();          ///< 03_text.cpp
const Exercise& cross_entropy_backward_exercise();      ///< 04_loss.cpp
const Exercise& causal_softmax_exercise();              ///< 05_attention.cpp
const Exercise& layernorm_backward_exercise();          ///< 06_norm_and_residuals.cpp
const Exercise& gpt_exercise();                         ///< 07_gpt.cpp
const Exercise& adamw_step_exercise();                  ///< 08_learning.cpp
const Exercise& top_p_exercise();                       ///< 09_writing.cpp
const LessonJudge& matmul_rung_judge();                 ///< 10_fast.cpp
const Exercise& online_attention_exercise();            ///< 11_online_attention.cpp
const Exercise& matmul_shared_exercise();               ///< 12_gpu.cpp

}  // namespace hewn::cli::learn
