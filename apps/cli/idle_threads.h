#pragma once
// Configures how OpenMP's threads wait between parallel loops.

namespace hewn::cli {

/// Makes idle threads of GNU OpenMP sleep after microseconds instead of milliseconds. When other programs
/// compete for the processors, an idle thread that spins uses up the time slice of the thread it waits for.
/// libgomp reads GOMP_SPINCOUNT when it is loaded, so the function sets it and runs the program again with
/// the same arguments. It returns if that is not possible, or if the environment already sets how threads
/// wait (GOMP_SPINCOUNT, OMP_WAIT_POLICY). It also returns if threads are bound to cores (OMP_PROC_BIND,
/// OMP_PLACES, GOMP_CPU_AFFINITY): the first thread is then already bound, and the restarted program would
/// see only its core.
void let_idle_threads_sleep(char** argv);

}  // namespace hewn::cli
