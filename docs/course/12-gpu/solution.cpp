#include "hewn/lesson.h"

// The first barrier waits until the tiles are full, the second until nobody reads them any more. Outside of the
// matrices tiles hold zeros, which add nothing.
KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  float sum = 0;
  for (int k = 0; k < a.cols; k += 32) {
    ta.set(y, x, i < a.rows && k + x < a.cols ? a(i, k + x) : 0);
    tb.set(y, x, k + y < b.rows && j < b.cols ? b(k + y, j) : 0);
    __syncthreads();
    for (int t = 0; t < 32; ++t) sum += ta(y, t) * tb(t, x);
    __syncthreads();
  }
  if (i < c.rows && j < c.cols) c.set(i, j, sum);
}
