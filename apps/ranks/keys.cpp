#include "apps/ranks/keys.h"

#include "apps/cli/make.h"

namespace hewn::cli::keys {

std::vector<Option> ranks_options() {
  constexpr CommandSet several = takes::train | takes::bench_train | takes::bench_comm | takes::eval;
  std::vector<Option> options{
      integer(
          "ranks", "0", 0, 1024, takes::train,
          "train with this many processes, started through mpirun: a power of two that divides grad_shards",
          "1, or those that mpirun, mpiexec or srun has started"),
      integer(
          "ranks", "0", 0, 1024, takes::eval,
          "divide the batches of the text among this many processes, started through mpirun: a power of two",
          "1, or those that mpirun, mpiexec or srun has started"),
      text("ranks", "1,2,4", "", takes::bench_train,
           "time with each of these numbers of processes in turn, which divide the micro-steps among "
           "themselves; "
           "unless given, gradient_accumulation_steps is the largest of them",
           "this process, or those that mpirun, mpiexec or srun has started"),
      text("ranks", "2,4", "", takes::bench_comm,
           "time with each of these numbers of processes in turn: powers of two",
           "2, or those that mpirun, mpiexec or srun has started"),
      text("mb", "MB,...", "1,25,500", takes::bench_comm,
           "sizes to time: MB (of 2^20 bytes) that every process has, 1 to 4096"),
      text("hosts", "FILE", "", several, "hosts to start them on: a line NAME SLOTS for each", "this one"),
      text("rendezvous", "DIR", "", takes::train | takes::eval | takes::bench_train,
           "be one of several processes that were started without MPI and find each other through files in "
           "this directory, which all of them see; RANK, WORLD_SIZE and LOCAL_RANK in the environment number "
           "them, as torchrun sets them",
           "none"),
      real("rank_timeout", "30", 1, 86400, several,
           "with several processes, seconds within which all end after one has ended or cannot be reached"),
      integer("restarts", "0", 0, 1'000'000, takes::train,
              "with ranks, how often to start again from the last checkpoint when a process was lost, with "
              "those hosts "
              "that can still be reached"),
      text("ranks", "1,2,4", "", takes::verify,
           "check that training gives the same bits with each of these numbers of processes; with --resume "
           "also "
           "when the number changes half way",
           "not checked"),
      integer("ranks", "1", 1, 1024, takes::plan,
              "plan for one of this many processes that train together: a power of two"),
      text("network", "GBIT/S|nvlink", "", takes::plan,
           "with several processes, what the network of each can send: Gbit/s, from 0 (not planned) to "
           "1000000, or nvlink, the link between the GPUs of one host, with the bandwidth in the data sheet "
           "of --gpu",
           "not planned"),
  };
  for (Option& option : options) option.once = true;
  return options;
}

}  // namespace hewn::cli::keys
