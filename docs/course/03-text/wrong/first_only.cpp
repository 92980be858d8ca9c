// Only the first token with each id counts: when the same id comes again, its row was used again, and receives another
// gradient.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    bool seen = false;
    for (int k = 0; k < i; ++k) seen = seen || ids(k) == ids(i);
    for (int c = 0; c < dy.cols && !seen; ++c) dweight.add(ids(i), c, dy(i, c));
  }
}
