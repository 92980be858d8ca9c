#include "apps/commands.h"

namespace hewn::cli {
namespace {

constexpr Command table[] = {
    {takes::info, "info", "[RUN|FILE]", "describe a run, checkpoint, tokenizer or data file; or this machine",
     "Without an argument: the machine, the instruction sets, and for every operation the kernels this build "
     "holds.",
     "hewn info\n"
     "hewn info out\n"
     "hewn info out/checkpoints/best/model.safetensors\n"
     "hewn info data/train.bin --json",
     run_info},
    {takes::bench_kernels, "bench kernels", "", "time the kernels, each result checked against the reference",
     "Best and median of the repetitions, GFLOP/s, GB/s and the part of the machine's measured roof. With "
     "--ladder "
     "every rung from the naive loop to the preferred kernel.",
     "hewn bench kernels --op=matmul --threads=1\n"
     "hewn bench kernels --op=softmax --ladder\n"
     "hewn bench kernels --op=matmul,attention --isa=avx2,avx512 -r 20 --json",
     run_bench_kernels},
    {takes::completion, "completion", "bash|zsh|fish|man|markdown", "print shell completions, or the manual",
     "Made from the same table as this help. `man` prints the manual page hewn(1), `markdown` the reference "
     "in "
     "docs/cli.md.",
     "source <(hewn completion bash)\n"
     "hewn completion zsh > ~/.zfunc/_hewn\n"
     "hewn completion fish > ~/.config/fish/completions/hewn.fish\n"
     "hewn completion man > hewn.1",
     run_completion},
};

}  // namespace

std::span<const Command> commands() { return table; }

}  // namespace hewn::cli
