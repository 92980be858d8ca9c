// Threads beyond the edge leave their elements of the tile as they were: it still holds numbers of the tile before, or
// nothing at all. They must set 0, which adds nothing to a sum.
#include "hewn/lesson.h"

KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  float sum = 0;
  for (int k = 0; k < a.cols; k += 32) {
    if (i < a.rows && k + x < a.cols) ta.set(y, x, a(i, k + x));
    if (k + y < b.rows && j < b.cols) tb.set(y, x, b(k + y, j));
    __syncthreads();
    for (int t = 0; t < 32; ++t) sum += ta(y, t) * tb(t, x);
    __syncthreads();
  }
  if (i < c.rows && j < c.cols) c.set(i, j, sum);
}
