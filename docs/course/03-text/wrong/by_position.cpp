// The gradient of token i went to row i of the table: the row that was looked up for it is row ids(i).
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < ids.cols; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.add(i, c, dy(i, c));
  }
}
