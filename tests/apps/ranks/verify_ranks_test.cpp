// hewn verify --ranks: the same bits with any number of processes, on CPUs and GPUs.

#include "kernels/contract/isa.h"
#include "kernels/devices/devices.h"
#include "tests/apps/ranks/train_on.h"

namespace hewn::test {
namespace {

/// Verifies numbers of processes with a small model.
ProcessResult verify(const TempDir& dir, const std::vector<std::string>& more) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += small_text;
  write_file(dir / "text.txt", text);
  return hewn(with({"verify", "--dataset=" + (dir / "text.txt").string(), "--n_layer=1", "--n_head=2",
                    "--n_embd=16", "--block_size=16", "--batch_size=2", "--max_iters=4", "--eval_iters=1"},
                   more));
}

}  // namespace

TEST_CASE("verify finds the same bits with 1 and 2 processes, on CPUs and emulated GPUs", "[ranks]") {
  if (left_out()) return;
  const TempDir dir;
  for (const std::string device : {"cpu", "emulated"}) {
    if (device == "emulated" && !emulator_compiled) return skip("this build has no emulated GPU");
    INFO(device);
    const ProcessResult r = verify(dir, {"--ranks=1,2", "--resume", "--dropout=0.1", "--device=" + device});
    INFO(r.err);
    CHECK(r.exit_code == 0);
    CHECK(r.out ==
          "2 steps with 1 + 2 with 2 and 4 without a stop: same bits\n"
          "2 processes and 1: same bits\n"
          "2 steps with 2 + 2 with 1 and 4 without a stop: same bits\n");
    // A training that fails shows what it printed, the device of each rank among it.
    const ProcessResult failed = verify(dir, {"--ranks=2", "--device=" + device, "--learning_rate=1e6",
                                              "--warmup_iters=0", "--grad_clip=0", "--max_iters=200"});
    CHECK_FAILS(failed, 5, "training with 2 processes has failed:\n");
    CHECK(contains(failed.err, ", emulated, emulated\n") == (device == "emulated"));
  }
}

TEST_CASE("verify refuses more processes than there are GPUs before it trains", "[ranks]") {
  const TempDir dir;
  const ProcessResult r = verify(dir, {"--ranks=1,1024", "--device=cuda"});
  if (const std::string why = why_no_cuda(); !why.empty())
    CHECK_FAILS(r, 1, "hewn: device cuda is not usable: " + why + "\n");
  else
    CHECK_FAILS(r, 2, "--ranks: 1024 ranks need a GPU each, but CUDA finds ");
  CHECK(r.out.empty());
  CHECK(!contains(r.err, "training with"));
}

TEST_CASE("verify refuses a device for checks that do not use it") {
  CHECK_FAILS(hewn({"verify", "--threads=1,2", "--device=cuda"}), 2, "--device: applies to --ranks, not to threads");
  // The environment is for all commands.
  CHECK_FAILS(hewn({"verify"}, {.env = {{"HEWN_DEVICE", "cuda"}}, .directory = "/"}), 2, "no run was given");
}

}  // namespace hewn::test
