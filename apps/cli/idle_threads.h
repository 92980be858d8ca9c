#pragma once
// How OpenMP's threads wait between two parallel loops.

namespace hewn::cli {

/// Makes idle threads of GNU OpenMP sleep after microseconds instead of milliseconds. Beside other programs,
/// an idle thread that spins uses up the time slice of the thread that it waits for. libgomp reads
/// GOMP_SPINCOUNT when it is loaded, so the function sets it and runs the program again with the same
/// arguments. It returns if that is not possible, or if the environment already says how threads wait
/// (GOMP_SPINCOUNT, OMP_WAIT_POLICY). It also returns if threads are bound to cores (OMP_PROC_BIND, OMP_PLACES,
/// GOMP_CPU_AFFINITY): the first thread is bound by then, and the program run again would see only its core.
void let_idle_threads_sleep(char** argv);

}  // namespace hewn::cli
