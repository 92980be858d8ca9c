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
    {takes::data_prepare, "data prepare", "FILE...", "turn text files into train.bin and val.bin",
     "Reads the files as one text, trains the tokenizer on it and writes train.bin, val.bin and "
     "tokenizer.json to "
     "out_dir, ready for `hewn train --dataset=out_dir`.",
     "hewn data prepare book.txt --out_dir=book-data\n"
     "hewn data prepare *.txt --tokenizer=word --vocab_size=8000 --out_dir=words\n"
     "hewn data prepare train.txt --val=validation.txt --tokenizer=byte",
     run_data_prepare},
    {takes::data_corpus, "data corpus", "", "print the built-in corpus of tales, and its exact entropy",
     "Very short tales from an original grammar, one a line, on standard output; on standard error the exact "
     "-log P of "
     "this very text in nats per character, ends of line included: the loss no model can beat by luck alone.",
     "hewn data corpus --tales=20000 --seed=1 > tales.txt\n"
     "hewn data corpus --tales=5",
     run_data_corpus},
    {takes::data_stats, "data stats", "FILE|DIR", "count characters, lines, tokens and vocabulary",
     "For text files and for data made by `hewn data prepare`.",
     "hewn data stats book.txt\n"
     "hewn data stats book-data --json",
     run_data_stats},
    {takes::tokenizer_train, "tokenizer train", "FILE...", "learn a tokenizer from text",
     "Writes tokenizer.json. Characters and words are numbered in the order of the file's description in "
     "docs/formats.md; bytes need no training.",
     "hewn tokenizer train book.txt\n"
     "hewn tokenizer train book.txt --tokenizer=word --vocab_size=8000 --out=words.json",
     run_tokenizer_train},
    {takes::tokenizer_encode, "tokenizer encode", "[TEXT...]", "text to token ids",
     "Encodes the arguments, or standard input where there are none. Ids are printed on one line.",
     "hewn tokenizer encode --tokenizer=out \"Once upon a time\"\n"
     "hewn tokenizer encode --tokenizer=tokenizer.json < book.txt",
     run_tokenizer_encode},
    {takes::tokenizer_decode, "tokenizer decode", "[ID...]", "token ids to text",
     "Decodes the arguments, or the numbers on standard input where there are none.",
     "hewn tokenizer decode --tokenizer=out 12 7 33\n"
     "hewn tokenizer encode --tokenizer=out \"so\" | hewn tokenizer decode --tokenizer=out",
     run_tokenizer_decode},
    {takes::tokenizer_compare, "tokenizer compare", "FILE", "the tokenizers side by side on one text",
     "Tokens, vocabulary, characters and bytes per token of each kind of tokenizer.",
     "hewn tokenizer compare book.txt\n"
     "hewn tokenizer compare book.txt --json",
     run_tokenizer_compare},
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
