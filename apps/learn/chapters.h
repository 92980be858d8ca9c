#pragma once
// The exercises of all chapters, each in docs/course/NN-name/exercise.cpp.

#include <vector>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

const std::vector<Prediction>& gradient_predictions();
const Exercise& mul_backward_exercise();
const Exercise& linear_backward_exercise();
const Exercise& embedding_backward_exercise();
const Exercise& cross_entropy_backward_exercise();
const Exercise& causal_softmax_exercise();
const Exercise& layernorm_backward_exercise();
const Exercise& gpt_exercise();
const Exercise& adamw_step_exercise();
const Exercise& top_p_exercise();
const LessonJudge& matmul_rung_judge();
const Exercise& online_attention_exercise();
const Exercise& matmul_shared_exercise();

}  // namespace hewn::cli::learn
