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
    {takes::data_corpus, "data corpus", "", "print the built-in corpus of tales, and its exact entropy",
     "Very short tales from an original grammar, one a line, on standard output; on standard error the exact "
     "-log P of "
     "this very text in nats per character, ends of line included: the loss no model can beat by luck alone.",
     "hewn data corpus --tales=20000 --seed=1 > tales.txt\n"
     "hewn data corpus --tales=5",
     run_data_corpus},
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
