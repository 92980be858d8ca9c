// Each thread still reads all of its elements from global memory by itself. Let it read one element of each tile, set
// it in ta and tb, and read the other 31 from there.
#include "hewn/lesson.h"

KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  float sum = 0;
  if (i < c.rows && j < c.cols) {
    for (int k = 0; k < a.cols; ++k) sum += a(i, k) * b(k, j);
    c.set(i, j, sum);
  }
}
