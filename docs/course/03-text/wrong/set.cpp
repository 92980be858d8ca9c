// A row of dweight holds only the gradient of the last token with its id: a row that is looked up several times
// receives a gradient each time, and may hold one already, so add them.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.set(ids(i), c, dy(i, c));
  }
}
