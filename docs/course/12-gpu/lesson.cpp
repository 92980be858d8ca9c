#include "hewn/lesson.h"

// c = a b on a GPU, with a [M, K], b [K, N] and c [M, N]. Each thread computes one element of c, and a block of 32 x 32
// threads one tile of c. There are as many blocks as it takes to cover c, so some threads are outside of it.
//
// This kernel is right, but each thread reads a row of a and a column of b from global memory. Let the block read them
// together, one tile of 32 x 32 of each at a time, into ta and tb: they are in shared memory, of this block only.
//
// ta.set(row, column, value) replaces an element and ta(row, column) reads it. __syncthreads() waits for all threads.
// The sizes are a.rows, a.cols and so on.
KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {
  const int x = threadIdx.x, y = threadIdx.y;
  const int i = 32 * blockIdx.y + y, j = 32 * blockIdx.x + x;
  if (i >= c.rows || j >= c.cols) return;
  float sum = 0;
  for (int k = 0; k < a.cols; ++k) sum += a(i, k) * b(k, j);
  c.set(i, j, sum);
}
