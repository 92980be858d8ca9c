// dy was read at row ids(i): dy has one row for each token in the order of the text, and only dweight has a row for
// each id.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.add(ids(i), c, dy(ids(i), c));
  }
}
