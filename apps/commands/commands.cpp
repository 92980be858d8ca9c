#include "apps/commands/commands.h"

#include <iterator>

namespace hewn::cli {
namespace {

constexpr Command command_table[] = {
    {takes::train, "train", "", "train a model, or go on with a run",
     "Trains on `dataset` and keeps everything in `out_dir`: configuration, tokenizer, metrics, checkpoints. "
     "Ctrl-C "
     "finishes the step, saves and says how to go on; a second Ctrl-C stops at once.",
     "hewn train  # a small model of the built-in tales\n"
     "hewn train --dataset=book.txt --out_dir=book  # your own text\n"
     "hewn train configs/baby-gpt-cpu.toml --dataset=shakespeare.txt --threads=2\n"
     "hewn train --pos=rope --norm=rmsnorm --act=swiglu --n_kv_head=2 --tie=false  # Llama's architecture\n"
     "hewn train --init_from=resume --out_dir=book --max_iters=4000  # go on\n"
     "hewn train --dataset=book.txt --dry_run  # what would happen",
     run_train},
    {takes::sample, "sample", "[RUN]", "write text with a trained model",
     "Prints the text as it is made. RUN is a run, which means its last checkpoint, or one checkpoint such "
     "as "
     "RUN/checkpoints/best. The same seed gives the same text. Tokens are drawn after repetition_penalty, "
     "temperature, "
     "top_k, top_p and min_p, in this order. A text ends before <|endoftext|> or what else "
     "ends it for the tokenizer. A text longer than the model's block_size goes on with its newest half each "
     "time the block is full, or as slide says. With --compare one text by every method, how likely the "
     "model finds it, and how "
     "much it "
     "repeats: distinct-n is the part of its runs of n tokens that differ.",
     "hewn sample  # the run in out\n"
     "hewn sample out --start=\"Once upon\" --temperature=0.7 --top_k=40\n"
     "hewn sample out --start=\"Once upon\" --top_p=0.9 --stop='\\n\\n'\n"
     "hewn sample out --temperature=0 --max_new_tokens=20 --show_probs\n"
     "hewn sample out --start=\"Once upon\" --max_new_tokens=40 --beam=8 --num_samples=3\n"
     "hewn sample out/checkpoints/best --num_samples=5 --seed=7\n"
     "echo \"The fox\" | hewn sample out --start=-\n"
     "hewn sample out --start=\"Once upon\" --max_new_tokens=40 --compare\n"
     "hewn sample gpt2 --shots=capitals.jsonl --start=Italy --temperature=0  # few-shot, see "
     "docs/generation.md\n"
     "hewn sample out --start=LINES:starts.txt --json  # many starts in one batch",
     run_sample},
    {takes::chat, "chat", "[RUN]", "talk with a trained model, line by line",
     "Each line goes to the model after all that was said before, and the answer is printed as it is made, "
     "up to "
     "the end of a line (or what --stop says). By default the model goes on with the line; --template says "
     "how "
     "line and answer are written for a model that was trained to answer, and --shots gives turns to begin "
     "with. "
     "What no longer fits into block_size is left out, the oldest first. On a terminal the line is edited "
     "with the "
     "usual keys and earlier ones come back with up and down; Ctrl-C stops an answer, Ctrl-D ends. /help "
     "lists the "
     "commands: /reset, /seed N, /temperature X and the other keys of sampling. Lines from a file or pipe "
     "are "
     "answered one after the other.",
     "hewn chat\n"
     "hewn chat out --temperature=0.7 --top_k=40 --max_new_tokens=100\n"
     "hewn chat gpt2 --template='Q: {input}\\nA: {output}\\n\\n' --shots=capitals.jsonl\n"
     "echo \"The fox\" | hewn chat out",
     run_chat},
    {takes::eval, "eval", "[RUN]", "score a model on its whole validation split, or on any text",
     "Loss in nats per token over the whole validation split, in non-overlapping windows of block_size, or "
     "one document per window where the data is aligned to documents; perplexity, bits per byte, and how "
     "often "
     "the next token was the likeliest. With --stride windows overlap and each token is scored once, as far "
     "from the beginning of its window as may be. Bits per byte compare models whatever their tokens are. "
     "Where the corpus knows its exact -log P, that floor is shown beside it.",
     "hewn eval\n"
     "hewn eval out --json\n"
     "hewn eval out --val=book.txt --stride=32\n"
     "hewn eval out --val=book.txt --per_token > tokens.jsonl\n"
     "hewn eval out/checkpoints/best",
     run_eval},
    {takes::plan, "plan", "", "what a run would cost: parameters, memory, time",
     "Builds the real model without memory or arithmetic and drives a training step through it: parameters "
     "per "
     "part, FLOPs per token, exact peak bytes, the least time of a step on this machine, and the largest "
     "batch that "
     "fits. With --device=cuda of a GPU, which need not be here (--gpu): its memory to the byte, its speed "
     "as "
     "its maker states it.",
     "hewn plan configs/baby-gpt-cpu.toml\n"
     "hewn plan --device=cuda --gpu=h100 --dtype=bf16 --n_layer=12 --n_head=12 --n_embd=768\n"
     "hewn plan --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024 --json",
     run_plan},
    {takes::info, "info", "[RUN|FILE]",
     "describe a run, checkpoint, model, tokenizer or data file; or this machine",
     "Without an argument: the machine, the instruction sets, and for every operation the kernels this build "
     "holds.",
     "hewn info\n"
     "hewn info out\n"
     "hewn info out/checkpoints/best/model.safetensors\n"
     "hewn info model.gguf\n"
     "hewn info data/train.bin --json",
     run_info},
    {takes::verify, "verify", "[RUN]", "check a run's checksums, resuming, or that threads and devices agree",
     "With RUN: every file of every checkpoint against its checksum. With --resume: N+N steps equal 2N "
     "steps, bit for "
     "bit. With --threads=1,2,4: the same bits whatever the thread count. With --devices=cpu,cuda: the same "
     "losses on both but for rounding, and if not, the first node of the computation whose value or gradient "
     "differs. Exits 5 if something differs.",
     "hewn verify out\n"
     "hewn verify --resume --max_iters=20\n"
     "hewn verify configs/baby-gpt-cpu.toml --dataset=book.txt --threads=1,2,4 --max_iters=10\n"
     "hewn verify configs/baby-gpt-cpu.toml --dataset=book.txt --devices=cpu,cuda --max_iters=100",
     run_verify},
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
     "hewn tokenizer train book.txt --type=word --vocab_size=8000 --out=words.json\n"
     "hewn tokenizer train *.txt --type=bpe --vocab_size=4096 --out=pairs.json   # opens in Hugging "
     "Face's too",
     run_tokenizer_train},
    {takes::tokenizer_encode, "tokenizer encode", "[TEXT...]", "text to token ids",
     "Encodes the arguments, or standard input where there are none. Ids are printed on one line.",
     "hewn tokenizer encode --tokenizer=out \"Once upon a time\"\n"
     "hewn tokenizer encode --tokenizer=gpt2/encoder.json < book.txt   # beside it: vocab.bpe",
     run_tokenizer_encode},
    {takes::tokenizer_decode, "tokenizer decode", "[ID...]", "token ids to text",
     "Decodes the arguments, or the numbers on standard input where there are none.",
     "hewn tokenizer decode --tokenizer=out 12 7 33\n"
     "hewn tokenizer encode --tokenizer=out \"so\" | hewn tokenizer decode --tokenizer=out",
     run_tokenizer_decode},
    {takes::tokenizer_compare, "tokenizer compare", "[TOKENIZER...] FILE",
     "several tokenizers side by side on one text",
     "A TOKENIZER is a tokenizer.json or what else --tokenizer takes, a run, or a kind (char, byte, word, "
     "regex, bpe), which is learnt from the text; without any, each of the kinds. Shows vocabulary, tokens, "
     "characters and bytes per token, the bits that a token costs where all are equally likely, how fast the "
     "text is encoded, and the first tokens themselves, each on a colour of its own.",
     "hewn tokenizer compare book.txt\n"
     "hewn tokenizer compare gpt2/encoder.json out bpe book.txt\n"
     "hewn tokenizer compare gpt2/encoder.json word --text=\"Once upon a time\" --json",
     run_tokenizer_compare},
    {takes::bench_kernels, "bench kernels", "", "time the kernels, each result checked against the reference",
     "Alone, measures the machine's ceilings first (arithmetic, and bandwidth of every level of memory), "
     "then "
     "every "
     "kernel at the sizes of real models, with warm and cold caches: best and median of the repetitions and "
     "their "
     "spread, GFLOP/s, GB/s and the part of the roof over this kernel's own mix of arithmetic, reads and "
     "writes. "
     "With --ladder every rung from the naive loop to the preferred kernel. docs/performance.md describes "
     "the "
     "method. With --device=cuda the same on a GPU, operands in its memory, held against its copy bandwidth "
     "and "
     "the fastest matrix product found; the emulated device checks results, and its times say nothing.",
     "hewn bench kernels  # the machine and every kernel, in two minutes\n"
     "hewn bench kernels --op=matmul --threads=1\n"
     "hewn bench kernels --op=softmax --ladder --plot=softmax.html\n"
     "hewn bench kernels --op=matmul --shape=256x768x768 --compare=openblas,onednn\n"
     "hewn bench kernels --shapes-from=out --counters\n"
     "hewn bench kernels --op=activation.forward --shape=65536 --threads=1 --cache=warm --asm\n"
     "hewn bench kernels --rung=my_softmax.so --ladder --shape=3072x256\n"
     "hewn bench kernels --op=matmul,attention --isa=avx2,avx512 -r 20 --json > before.json\n"
     "hewn bench kernels --op=matmul,attention --isa=avx2,avx512 -r 20 --baseline=before.json\n"
     "hewn bench kernels --device=cuda --op=matmul --dtype=bf16 --shape=8192x8192x8192 --compare=cublas\n"
     "hewn bench kernels --device=cuda --shapes-from=configs/gpt2-124m.toml",
     run_bench_kernels},
    {takes::bench_train, "bench train", "", "time training steps of a configuration",
     "Milliseconds per step, tokens per second, peak bytes, on a GPU that is known MFU; takes the keys of "
     "`hewn train`.",
     "hewn bench train configs/baby-gpt-cpu.toml --threads=2\n"
     "hewn bench train --n_layer=12 --n_head=12 --n_embd=768 --batch_size=4 --block_size=64 --json",
     run_bench_train},
    {takes::bench_sample, "bench sample", "", "time generation, token by token",
     "Tokens per second of one text with the key/value cache, for a model of the given shape with fresh "
     "weights.",
     "hewn bench sample\n"
     "hewn bench sample --n_layer=12 --n_head=12 --n_embd=768 --block_size=256 --max_new_tokens=200 --json",
     run_bench_sample},
    {takes::import_model, "import", "SRC", "make a run of another program's model",
     "SRC is known by its files: a directory of Hugging Face (config.json with safetensors; GPT-2, Llama, "
     "Mistral) or "
     "of OpenAI's GPT-2 (hparams.json with model.ckpt.*), a .bin of llama2.c, a GGUF file, a ckpt.pt of "
     "nanoGPT. The run "
     "can be "
     "sampled, evaluated and trained on from (--init_from). Its tokenizer comes along where there is one "
     "beside. Nothing "
     "is downloaded: docs/import.md says which files to fetch.",
     "hewn import gpt2 --out=gpt2-run  # a directory with config.json and model.safetensors\n"
     "hewn import stories260K.bin --tokenizer=tok512.bin --out=stories\n"
     "hewn import ckpt.pt --out=nano --block_size=128\n"
     "hewn train --init_from=gpt2-run --dataset=book.txt --out_dir=book --learning_rate=3e-5",
     run_import},
    {takes::export_model, "export", "[RUN]", "write a model as other programs open it",
     "Formats: hf, a directory with config.json, model.safetensors and, where it can be expressed, "
     "tokenizer.json, for Hugging Face's transformers; gguf, for llama.cpp and what else is built on ggml; "
     "llama2c, "
     "the file of llama2.c's run.c; safetensors, the parameters alone, with their names here. The other "
     "programs "
     "compute the same logits; what a format has no words for is refused with the reason. RUN may also be a "
     "model "
     "of another program.",
     "hewn export out --format=hf --out=out-hf\n"
     "hewn export out --format=gguf --dtype=f16 --out=out.gguf\n"
     "hewn export out/checkpoints/best --format=llama2c --out=model.bin  # a Llama-like run\n"
     "hewn export out --format=safetensors --block_size=32 --out=short.safetensors",
     run_export},
    {takes::completion, "completion", "bash|zsh|fish|man|markdown", "print shell completions, or the manual",
     "Made from the same table as this help. `man` prints the manual page hewn(1), `markdown` the reference "
     "in "
     "docs/cli.md.",
     "source <(hewn completion bash)\n"
     "hewn completion zsh > ~/.zfunc/_hewn\n"
     "hewn completion fish > ~/.config/fish/completions/hewn.fish\n"
     "hewn completion man > hewn.1",
     run_completion},
    {takes::help, "help", "[COMMAND]", "show the help of a command",
     "The same as `hewn COMMAND --help`; without a COMMAND, the list of all of them.",
     "hewn help train\n"
     "hewn help data prepare",
     run_help},
    {takes::version, "version", "", "show version, build, instruction set, threads and devices",
     "The same as `hewn --version`.",
     "hewn version\n"
     "hewn version --json",
     run_version},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(command_table); ++i)
    if (static_cast<size_t>(command_table[i].bit) != i) return false;
  return std::size(command_table) == static_cast<size_t>(takes::no_command);
}
static_assert(in_order(), "every name in takes:: has one line here, in the same order");

}  // namespace

std::span<const Command> commands() { return command_table; }

}  // namespace hewn::cli
