#include "apps/learn/judge/exercise.h"

namespace hewn::cli::learn {

Value ids_value(int rows, int cols, std::vector<int> ids) {
  Value value;
  value.matrix.rows = rows, value.matrix.cols = cols;
  value.ids = std::move(ids);
  return value;
}

Value number_value(double number) {
  Value value;
  value.number = number;
  return value;
}

Value layer_value(LayerFunctions layer) {
  Value value;
  value.layer = std::move(layer);
  return value;
}

Value update_value(Matrix before, Matrix after) {
  Value value(std::move(after));
  value.start = std::move(before);
  return value;
}

}  // namespace hewn::cli::learn
