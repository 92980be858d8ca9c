// Chapter 0: three gradients to predict.

#include "apps/learn/chapters.h"

namespace hewn::cli::learn {

const std::vector<Prediction>& gradient_predictions() {
  static const std::vector<Prediction> predictions = {
      {"y = x * x at x = 3: what is the gradient of x?",
       "y = x * x",
       {"x=3"},
       "x",
       {{9, "9 is the value of y; the gradient is how fast y grows when x does"},
        {3, "3 counts one of the two factors only; x moves both"},
        {2, "2 is how fast the slope itself grows; at x = 3 the slope is larger"}}},
      {"y = w * x + b at w = 0.5, x = 2, b = -1: what is the gradient of w?",
       "y = w * x + b",
       {"w=0.5", "x=2", "b=-1"},
       "w",
       {{0.5, "0.5 is the gradient of x: a product passes each factor the other one"},
        {0, "0 is the value of y; y still moves when w does"},
        {1, "1 is the gradient of b, which is added and not multiplied"}}},
      {"y = (w * x + b)^2 at w = 1, x = 2, b = 1: what is the gradient of w?",
       "y = (w * x + b)^2",
       {"w=1", "x=2", "b=1"},
       "w",
       {{6, "6 is the gradient of w * x + b; w moves that sum twice as fast as itself, since x = 2"},
        {2, "2 is how fast w * x + b grows with w; the square then grows faster than that"},
        {9, "9 is the value of y; the gradient is how fast y grows when w does"},
        {8, "8 multiplies by 2 four times; multiply the two slopes, 6 and 2"}}},
  };
  return predictions;
}

}  // namespace hewn::cli::learn
