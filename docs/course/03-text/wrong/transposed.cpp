// dweight is transposed: a token owns a row of the table, so ids(i) is the row and c the column.
#include "hewn/lesson.h"

LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    for (int c = 0; c < dy.cols; ++c) dweight.add(c, ids(i), dy(i, c));
  }
}
