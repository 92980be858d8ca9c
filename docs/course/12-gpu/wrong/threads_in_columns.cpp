// Adjacent threads of a warp, those with adjacent x, use elements that lie a whole row apart. Let x count columns and y
// rows, in c and in each tile that is copied: row 32 * blockIdx.y + y and column 32 * blockIdx.x + x of c.
#include "hewn/lesson.h"

KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + x, j = 32 * blockIdx.x + y;
  float sum = 0;
  for (int k = 0; k < a.cols; k += 32) {
    ta.set(x, y, i < a.rows && k + y < a.cols ? a(i, k + y) : 0);
    tb.set(x, y, k + x < b.rows && j < b.cols ? b(k + x, j) : 0);
    __syncthreads();
    for (int t = 0; t < 32; ++t) sum += ta(x, t) * tb(t, y);
    __syncthreads();
  }
  if (i < c.rows && j < c.cols) c.set(i, j, sum);
}
