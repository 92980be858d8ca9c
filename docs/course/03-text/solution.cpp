#include "hewn/lesson.h"

// Row ids(i) of the table was copied to row i of y. Where an id occurs again, its row was copied again, so the
// gradients of all copies are added. Rows that were not looked up gain nothing.
LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.add(ids(i), c, dy(i, c));
  }
}
