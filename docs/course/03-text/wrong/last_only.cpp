// Only the last token with each id counts: when an id comes again, its row was used again, so every one of its tokens
// adds a gradient.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    bool again = false;
    for (int k = i + 1; k < dy.rows; ++k) again = again || ids(k) == ids(i);
    for (int c = 0; c < dy.cols && !again; ++c) dweight.add(ids(i), c, dy(i, c));
  }
}
