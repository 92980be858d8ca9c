// Each tile begins a new sum and sets c, so that only the last tile counts. Let sum begin at 0 before the loop over
// tiles, and set c once, after it.
#include "hewn/lesson.h"

KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  for (int k = 0; k < a.cols; k += 32) {
    float sum = 0;
    ta.set(y, x, i < a.rows && k + x < a.cols ? a(i, k + x) : 0);
    tb.set(y, x, k + y < b.rows && j < b.cols ? b(k + y, j) : 0);
    __syncthreads();
    for (int t = 0; t < 32; ++t) sum += ta(y, t) * tb(t, x);
    __syncthreads();
    if (i < c.rows && j < c.cols) c.set(i, j, sum);
  }
}
