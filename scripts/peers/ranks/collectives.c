/* Times MPI's own sums and copies of float32 numbers, as `hewn bench comm` times Hewn's:
 *   mpicc -O3 collectives.c -o collectives && mpiexec -n 2 ./collectives MB ROUNDS
 * Prints, as JSON, the milliseconds of the slowest process in each round after a warm-up; checks every result. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int rank, size;

static void check(const float *x, long n, float expected, const char *what) {
  for (long i = 0; i < n; ++i)
    if (x[i] != expected) {
      fprintf(stderr, "%s: element %ld is %g on rank %d, but must be %g\n", what, i, x[i], rank, expected);
      MPI_Abort(MPI_COMM_WORLD, 5);
    }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const long n = (argc > 1 ? atol(argv[1]) : 1) << 18, part = n / size;
  const int rounds = argc > 2 ? atoi(argv[2]) : 5, each = (int)part;
  const char *names[] = {"reduce_scatter", "all_gather", "all_reduce"};
  float *all = malloc((size_t)n * sizeof *all), *mine = malloc((size_t)part * sizeof *mine);
  int *counts = malloc((size_t)size * sizeof *counts);
  for (int i = 0; i < size; ++i) counts[i] = each;
  for (int what = 0; what < 3; ++what) {
    if (rank == 0) printf("%s\"%s\": [", what == 0 ? "{" : "], ", names[what]);
    for (int round = -1; round < rounds; ++round) {
      for (long i = 0; i < n; ++i) all[i] = (float)(rank + 1); /* whose sum is exact in any order */
      for (long i = 0; i < part; ++i) mine[i] = 1;
      MPI_Barrier(MPI_COMM_WORLD);
      double seconds = -MPI_Wtime(), slowest = 0;
      if (what == 0) MPI_Reduce_scatter(all, mine, counts, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
      if (what == 1) MPI_Allgather(mine, each, MPI_FLOAT, all, each, MPI_FLOAT, MPI_COMM_WORLD);
      if (what == 2) MPI_Allreduce(MPI_IN_PLACE, all, (int)n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
      seconds += MPI_Wtime();
      const float sum = (float)size * (float)(size + 1) / 2;
      if (what == 0) check(mine, part, sum, names[what]);
      if (what != 0) check(all, n, what == 1 ? 1 : sum, names[what]);
      MPI_Reduce(&seconds, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
      if (rank == 0 && round >= 0) printf("%s%.6f", round == 0 ? "" : ", ", slowest * 1e3);
    }
  }
  if (rank == 0) printf("]}\n");
  MPI_Finalize();
  return 0;
}
