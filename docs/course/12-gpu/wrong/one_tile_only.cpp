// The tile of a is in shared memory, but each thread reads a column of b from global memory by itself. Use tb in the
// same way as ta.
#include "hewn/lesson.h"

KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  float sum = 0;
  for (int k = 0; k < a.cols; k += 32) {
    ta.set(y, x, i < a.rows && k + x < a.cols ? a(i, k + x) : 0);
    __syncthreads();
    for (int t = 0; t < 32; ++t)
      if (k + t < b.rows && j < b.cols) sum += ta(y, t) * b(k + t, j);
    __syncthreads();
  }
  if (i < c.rows && j < c.cols) c.set(i, j, sum);
}
