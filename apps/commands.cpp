#include "apps/commands.h"

#include <iterator>

namespace hewn::cli {
namespace {

constexpr Command command_table[] = {
    {takes::train, "train", "", "train a model, or resume a run",
     "Trains a model on `dataset` and keeps everything in `out_dir`: configuration, tokenizer, metrics and "
     "checkpoints. Ctrl-C finishes the current step, saves and prints the command that resumes the run; a "
     "second Ctrl-C stops immediately.",
     "hewn train  # a small model, trained on the built-in tales\n"
     "hewn train --dataset=book.txt --out_dir=book  # your own text\n"
     "hewn train configs/baby-gpt-cpu.toml --dataset=shakespeare.txt --threads=2\n"
     "hewn train --pos=rope --norm=rmsnorm --act=swiglu --n_kv_head=2 --tie=false  # Llama's architecture\n"
     "hewn train --init_from=resume --out_dir=book --max_iters=4000  # continue the run\n"
     "hewn train --dataset=book.txt --dry_run  # show what would be done",
     run_train},
    {takes::sample, "sample", "[RUN]", "generate text with a trained model",
     "Prints text as it is generated. RUN is a run's directory (its last checkpoint is used; of a fine-tuned "
     "run, the one with the lowest validation loss) or one checkpoint such as RUN/checkpoints/best; without "
     "RUN, the run in ./out. The same seed gives the same "
     "text. The logits pass through repetition_penalty, temperature, top_k, top_p and min_p, in this "
     "order, before a token is drawn. A text ends where a document of the training data would: before "
     "<|endoftext|>, </s> or, for a model of the built-in tales, the end of the line. "
     "When a text outgrows block_size, the model continues from its newest half; slide chooses otherwise. "
     "--compare generates one text with each method and reports its log probability and how much it "
     "repeats: distinct-n is the fraction of its n-grams that are distinct.",
     "hewn sample  # the run in out\n"
     "hewn sample novels --documents=3  # where one ends, the next begins in a fresh window\n"
     "hewn sample out --prompt=\"Once upon\" --temperature=0.7 --top_k=40\n"
     "hewn sample out --prompt=\"Once upon\" --top_p=0.9 --stop='\\n\\n'\n"
     "hewn sample out --temperature=0 --max_new_tokens=20 --show_probs\n"
     "hewn sample out --prompt=\"Once upon\" --max_new_tokens=40 --beam=8 --num_samples=3\n"
     "hewn sample out/checkpoints/best --num_samples=5 --seed=7\n"
     "hewn sample model.gguf --prompt=\"Once upon\"  # another program's model, without import\n"
     "echo \"The fox\" | hewn sample out --prompt=-\n"
     "hewn sample out --prompt=\"Once upon\" --max_new_tokens=40 --compare\n"
     "hewn sample gpt2 --shots=capitals.jsonl --prompt=Italy --temperature=0  # few-shot, see "
     "docs/generation.md\n"
     "hewn sample helper --instruct --prompt=\"Name a colour.\"  # a run of `hewn finetune instruct`\n"
     "hewn sample out --prompt=LINES:starts.txt --json  # many prompts in one batch",
     run_sample},
    {takes::chat, "chat", "[RUN]", "chat with a trained model, line by line",
     "Sends each line to the model after the whole conversation so far and prints the answer as it is "
     "generated, up to the end of a line or --stop. By default the model continues the line; --template "
     "sets how a line and its answer are written for a model that was trained to answer, and --shots "
     "supplies turns to start with. When the conversation outgrows block_size, its oldest turns are "
     "dropped. On a terminal, lines are edited with the usual keys, the arrow keys bring back earlier "
     "ones, Ctrl-R searches them, Ctrl-C stops an answer and Ctrl-D ends. /help lists the commands: "
     "/reset, /seed N, /temperature X and the other sampling keys. Lines from a file or a pipe are "
     "answered one after the other.",
     "hewn chat\n"
     "hewn chat out --temperature=0.7 --top_k=40 --max_new_tokens=100\n"
     "hewn chat gpt2 --template='Q: {input}\\nA: {output}\\n\\n' --shots=capitals.jsonl\n"
     "echo \"The fox\" | hewn chat out",
     run_chat},
    {takes::eval, "eval", "[RUN [RUN2]]", "score a model on its validation split, any text, or tasks",
     "Prints the loss in nats per token over the whole validation split, the perplexity, the bits per byte "
     "and how often the next token was the most likely one. Windows of block_size do not overlap. A model "
     "that was trained on documents in windows of their own reads each document so; where a token such as "
     "<s> begins every text, each window begins with it. With --stride, windows overlap "
     "and every token is scored once, with as much context as possible. Bits per byte compare models with "
     "different tokenizers. Where the corpus has a known exact -log P, that floor is printed too. With "
     "--tasks, "
     "prints how many questions of each task the model answers correctly, with 95% intervals; with "
     "--generate, how "
     "well its answers agree with references, for each decoding method. Two runs are compared row by row. A "
     "fine-tuned run without a text is scored on its own validation and test rows.",
     "hewn eval\n"
     "hewn eval out --json\n"
     "hewn eval out --val=book.txt --stride=32\n"
     "hewn eval out --val=book.txt --per_token > tokens.jsonl\n"
     "hewn eval out/checkpoints/best\n"
     "hewn eval gpt2 --tasks=quiz.jsonl --shots=5\n"
     "hewn eval out book --tasks=quiz.jsonl  # is the second run better?\n"
     "hewn eval gpt2 --generate=answers.jsonl --methods=greedy,top_k --md",
     run_eval},
    {takes::finetune_classify, "finetune classify", "", "train a classifier of texts from a language model",
     "Replaces the head of a language model by one that predicts a label, and trains it on the rows of "
     "`data`: a "
     "table with a column of texts and one of labels. The rows are divided into training, validation and "
     "test, "
     "each with its share of every label. Batches have rows of like length and are cut to the longest. Texts "
     "longer "
     "than max_length lose their beginning. After each epoch and at the end, the scores of the validation "
     "and test "
     "rows are printed: accuracy with its 95% interval, precision, recall and F1 of each label and the "
     "confusion "
     "matrix, beside those of always choosing the most frequent label and of a logistic regression on word "
     "counts, "
     "learned from the same rows. The end is also in evaluation.json. The result is a run like any other.",
     "hewn finetune classify --data=spam.tsv --text=message --label=kind --init_from=gpt2 --out_dir=spam\n"
     "hewn finetune classify --data=train.csv --test=test.csv --init_from=out --out_dir=spam "
     "--balance=weight\n"
     "hewn finetune classify --init_from=resume --out_dir=spam  # continue the run",
     run_finetune_classify},
    {takes::finetune_instruct, "finetune instruct", "", "train a language model to answer instructions",
     "Trains a language model on the rows of `data`: tables with instruction, input and output, with a "
     "column of "
     "messages, or with any two columns. The template writes each row as one text; only the answers and what "
     "ends "
     "them are learned, unless mask=none. Rows longer than max_length are cut at their end. --show=3 prints "
     "rows as "
     "the model sees them. The answers to the test rows are written beside the references to responses.json, "
     "every "
     "sample_interval and at the end. The result is a run like any other, which `hewn chat` and `hewn sample "
     "--instruct` prompt with the same template.",
     "hewn finetune instruct --data=instructions.json --init_from=novels --out_dir=helper\n"
     "hewn finetune instruct --data=instructions.json --init_from=novels --show=3  # what is learned, what "
     "is masked\n"
     "hewn finetune instruct --data=faq.csv --prompt=question --answer=reply --init_from=novels "
     "--out_dir=helper\n"
     "hewn finetune instruct --init_from=resume --out_dir=helper  # continue the run",
     run_finetune_instruct},
    {takes::finetune_prefer, "finetune prefer", "",
     "train a language model on pairs of better and worse answers",
     "Direct preference optimisation on the rows of `data`, tables with a prompt, a chosen and a rejected "
     "answer: the model learns to make the chosen answer more likely than the rejected one, relative to "
     "the model it starts from. That reference model's log probabilities are computed once, before the "
     "first step, and kept in the run; there is no second model in memory. The template is that of the run "
     "in init_from, if it has one. At every validation, and for the test rows at the end, the loss, the "
     "margin between the rewards and the fraction of pairs in the right order are printed; the end is also "
     "in evaluation.json. The result is a run like any other.",
     "hewn finetune prefer --data=preferences.json --init_from=helper --out_dir=better\n"
     "hewn finetune prefer --data=preferences.json --init_from=helper --show=2  # what the model sees\n"
     "hewn finetune prefer --data=votes.csv --chosen=best --rejected=worst --init_from=helper "
     "--out_dir=better\n"
     "hewn finetune prefer --init_from=resume --out_dir=better  # continue the run",
     run_finetune_prefer},
    {takes::classify, "classify", "RUN [TEXT...|FILE|-]", "label texts with a classifier",
     "Prints the most likely label of each text and the probabilities of all labels. FILE is a table (CSV, "
     "TSV, "
     "JSON or JSON Lines) with a column of texts, or a text file with one text per line; - reads lines from "
     "standard input, as does the command without texts.",
     "hewn classify spam 'You have won a prize! Call now'\n"
     "hewn classify spam messages.csv --text=message --csv > labelled.csv\n"
     "hewn classify spam --json < lines.txt",
     run_classify},
    {takes::plan, "plan", "[RUN]", "estimate the parameters, memory and time of a run",
     "Builds the real model without allocating memory and runs a training step through it: parameters per "
     "part, FLOPs per token, exact peak bytes, the minimum time of a step on this machine, and the largest "
     "batch that fits. With --device=cuda, plans for a GPU (--gpu), which need not be installed: its memory "
     "to the byte, its speed according to its data sheet. RUN, a run that exists, stands for its "
     "configuration and model; keys such as batch_size may change it.",
     "hewn plan configs/baby-gpt-cpu.toml\n"
     "hewn plan configs/baby-gpt-cpu.toml --ops\n"
     "hewn plan out --batch_size=64\n"
     "hewn plan --device=cuda --gpu=h100 --dtype=bf16 --n_layer=12 --n_head=12 --n_embd=768\n"
     "hewn plan --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024 --json",
     run_plan},
    {takes::info, "info", "[RUN|FILE]", "describe a run, a model, a tokenizer, a data file or this machine",
     "Without an argument, describes the machine: its instruction sets, its devices, and the kernels that "
     "this build has for every operation. Of a run or model, `texts` lists the tokens that begin and end a "
     "text.",
     "hewn info\n"
     "hewn info out\n"
     "hewn info out/checkpoints/best/model.safetensors\n"
     "hewn info model.gguf\n"
     "hewn info data/train.bin --json",
     run_info},
    {takes::verify, "verify", "[RUN]", "verify a run's checksums, resuming, texts, threads, ranks or devices",
     "Checks every file of every checkpoint of RUN against its checksum, and whether the run's "
     "configuration, tokenizer, form of texts, "
     "task and metrics are those of its checkpoints; without RUN, of the run in ./out. Names the files that "
     "it cannot "
     "check. "
     "With --resume: N+N steps must equal 2N steps, bit for bit. With --threads=1,2,4: every thread count "
     "must give the same bits. With --ranks=1,2,4: every number of processes must write the same weights and "
     "moments, bit for bit, with --device=cuda on a GPU for each. With --devices=cpu,cuda: both devices must "
     "give the same losses up to "
     "rounding; otherwise the first node of the graph whose value or gradient differs is printed. With "
     "--merged: a "
     "run with adapters, its merged weights and its exports must give the same log probabilities up to "
     "rounding. With --texts: a text must have the same logits, bit for bit, alone and among others, with "
     "its "
     "prompt at once and in pieces, on 1, 2 and 4 threads. "
     "Exits with status 5 if something differs.",
     "hewn verify out\n"
     "hewn verify out --texts\n"
     "hewn verify tuned --merged\n"
     "hewn verify --resume --max_iters=20\n"
     "hewn verify configs/baby-gpt-cpu.toml --dataset=book.txt --threads=1,2,4 --max_iters=10\n"
     "hewn verify configs/baby-gpt-cpu.toml --dataset=book.txt --devices=cpu,cuda --max_iters=100\n"
     "hewn verify configs/tales.toml --ranks=1,2,4 --device=cuda --resume --max_iters=20",
     run_verify},
    {takes::trace, "trace", "[RUN | lesson | NAME=VALUE...]",
     "show how the tape computes gradients, node by node",
     "With --expr, computes a formula with the operations that models are made of, in float64, and its "
     "gradients on the tape. Every name in it is a leaf with the value given as NAME=VALUE: a number, or a "
     "matrix such as '[1 2; 3 4]'. A formula has statements \"NAME = FORMULA\" or \"FORMULA\" with "
     "semicolons between them, of numbers, matrices, names, + - * / (by element), @ (matrix product), ^, ' "
     "(transpose) and the functions exp, log, sqrt, tanh, sigmoid, relu, gelu, silu, sum, mean, max, "
     "softmax, layernorm (of x, or of x, weight, bias), matmul (a, b) and attention (q, k, v; causal, one "
     "head). Prints the forward pass, then the backward pass: what arrives at each node, the formula of its "
     "gradients, and whether these set or add to what is there. A gradient that does not exist, such as "
     "that of sqrt(x) at 0 or of x^k by k where x is negative, is printed as none, and a note names the "
     "node; that of relu at 0 is 0, and that of max goes to the first of equal elements. Without --expr, "
     "traces the model of RUN over --prompt, without dropout: every node below the part of the model that it "
     "belongs to, with its value, its gradient and the time of its kernels in both passes, and every "
     "parameter. RUN may be `lesson`, here and in all other commands, unless there is a file or directory "
     "of that name: the lesson model, a GPT of 7,552 parameters that is part of the program. Its trace "
     "holds every number of a step, with the update by AdamW, over the text \"the fox f\" unless --prompt is "
     "given. --unfold takes fused operations apart; --diff compares two tapes; --watch follows one weight "
     "through training. With keys of a model and no run, or a CONFIG.toml whose out_dir is no run yet, the "
     "model has random weights: those with which `hewn train` begins. --json is described in "
     "docs/formats.md. --out writes a page for a browser, which needs no network: it steps through the "
     "trace, shows the sum behind each number, computes the loss anew for another value of a weight, and "
     "asks for predictions.",
     "hewn trace --expr=\"y = tanh(w*x + b)\" w=0.5 x=2 b=-1\n"
     "hewn trace --expr=\"b = a + a; c = b + b\" a=1  # why the order matters\n"
     "hewn trace --expr=\"sum((x @ W)^2)\" x='[1 2]' W='[1 -1; 0.5 2]'\n"
     "hewn trace --expr=\"softmax(z)\" z='[1 2 3]' --json\n"
     "hewn trace --expr=\"softmax(z)\" z='[1 2 3]' --unfold  # exp, sum and div\n"
     "hewn trace --expr=\"y = w*x\" w=3 x=2 --dot  # a graph for Graphviz\n"
     "hewn trace --expr=\"y = tanh(w*x + b)\" w=0.5 x=2 b=-1 --step\n"
     "hewn trace --expr=\"y = x @ W\" x='[1 2]' W='[1 -1; 0.5 2]' --node=\"y[1]\"\n"
     "hewn trace out --prompt=\"The fox\"  # a model\n"
     "hewn trace out --prompt=\"The fox\" --node=\"h.0.attn.c_attn.linear[0,3]\"\n"
     "hewn trace configs/baby-gpt-cpu.toml --prompt=\"The fox\"  # with random weights\n"
     "hewn trace out --prompt=\"The fox\" --diff=bf16  # where precision is lost\n"
     "hewn trace out --prompt=\"The fox\" --page  # writes out/trace.html\n"
     "hewn trace lesson --out=lesson.html  # every number of a training step\n"
     "hewn trace lesson --watch=\"transformer.h.0.mlp.c_fc.weight[3,7]\" --iters=50",
     run_trace},
    {takes::gradcheck, "gradcheck", "[RUN]", "check a model's gradients against slopes of its loss",
     "Computes the gradients of a model on the tape in float64 and compares them with slopes of its loss, "
     "measured by moving "
     "parameters: first all of them together in a random direction, then each parameter in a direction of "
     "its own, then "
     "single entries until --seconds are over. RUN is a run or another program's model; without one, the "
     "model of the "
     "configuration with random weights. The batch is --prompt or random tokens. Where a gradient is wrong, "
     "the values "
     "on the tape are moved too, from the loss backwards, to find the operation whose backward pass is to "
     "blame, and the "
     "difference is compared with common mistakes, such as a missing factor. With --vs, prints how far the "
     "gradients "
     "of a lower precision or of another device are from those in float64. Exits with status 5 if a gradient "
     "is wrong.",
     "hewn gradcheck out\n"
     "hewn gradcheck configs/baby-gpt-cpu.toml --n_layer=2\n"
     "hewn gradcheck out --prompt=\"Once upon a time\" --seconds=10\n"
     "hewn gradcheck out --vs=bf16  # how far bf16 is from float64",
     run_gradcheck},
    {takes::learn, "learn", "[CHAPTER | start CHAPTER | check CHAPTER | hint CHAPTER | solution CHAPTER]",
     "learn backpropagation: a course with exercises that are checked",
     "Without arguments, lists the chapters and what is done. A number prints a chapter. `start` lays its "
     "exercise, one C++ file, into ./lessons and never overwrites a file; `check` compiles and judges it, "
     "also by training a small model with it or by timing it; `hint` prints the next of three hints; "
     "`solution` prints a "
     "solution. A chapter that asks for predictions is checked by its answers: `hewn learn check 0 "
     "ANSWER...`. What is done is kept in lessons/progress.json. The exercises need a C++ compiler: $CXX, or "
     "g++, c++ or clang++.",
     "hewn learn  # the chapters\n"
     "hewn learn 0  # read one\n"
     "hewn learn check 0 4 1 2.5  # your answers to its questions\n"
     "hewn learn start 2\n"
     "hewn learn hint 1\n"
     "hewn learn solution 1\n"
     "hewn learn check 1 --watch  # check after every save\n"
     "hewn learn check 1 --out_dir=mine  # keep the model that trains with your function\n"
     "hewn learn --out=course.html  # all chapters as one page",
     run_learn},
    {takes::data_prepare, "data prepare", "FILE...", "convert text files to train.bin and val.bin",
     "Reads the files as one text, trains the tokenizer on it, and writes train.bin, val.bin and "
     "tokenizer.json to out_dir, which `hewn train --dataset=DIR` reads.",
     "hewn data prepare book.txt --out_dir=book-data\n"
     "hewn data prepare *.txt --tokenizer=word --vocab_size=8000 --out_dir=words\n"
     "hewn data prepare train.txt --val=validation.txt --tokenizer=byte\n"
     "hewn data prepare train.txt --shard_tokens=100000000  # 200 MB a file",
     run_data_prepare},
    {takes::data_corpus, "data corpus", "", "print the built-in corpus of tales and its exact entropy",
     "Prints very short tales from a grammar of this project, one per line. Reports on standard error the "
     "exact -log P of this text in nats per character, line ends included: no model can reach a lower loss "
     "except by chance.",
     "hewn data corpus --tales=20000 --seed=1 > tales.txt\n"
     "hewn data corpus --tales=5",
     run_data_corpus},
    {takes::data_stats, "data stats", "FILE|DIR", "count characters, lines, tokens and vocabulary",
     "Works on text files and on directories of token files, made by `hewn data prepare`, nanoGPT or llm.c.",
     "hewn data stats book.txt\n"
     "hewn data stats book-data --json",
     run_data_stats},
    {takes::tokenizer_train, "tokenizer train", "FILE...", "train a tokenizer on text",
     "Writes tokenizer.json (docs/formats.md describes it). The kind byte needs no training.",
     "hewn tokenizer train book.txt\n"
     "hewn tokenizer train book.txt --type=word --vocab_size=8000 --out=words.json\n"
     "hewn tokenizer train *.txt --type=bpe --vocab_size=4096 --out=pairs.json   # also opens in Hugging "
     "Face tokenizers",
     run_tokenizer_train},
    {takes::tokenizer_encode, "tokenizer encode", "[TEXT...]", "convert text to token ids",
     "Encodes the arguments, or standard input without arguments, and prints the ids on one line.",
     "hewn tokenizer encode --tokenizer=out \"Once upon a time\"\n"
     "hewn tokenizer encode --tokenizer=gpt2/encoder.json < book.txt   # next to it: vocab.bpe",
     run_tokenizer_encode},
    {takes::tokenizer_decode, "tokenizer decode", "[ID...]", "convert token ids to text",
     "Decodes the ids in the arguments, or on standard input without arguments.",
     "hewn tokenizer decode --tokenizer=out 12 7 33\n"
     "hewn tokenizer encode --tokenizer=out \"so\" | hewn tokenizer decode --tokenizer=out",
     run_tokenizer_decode},
    {takes::tokenizer_compare, "tokenizer compare", "[TOKENIZER...] FILE", "compare tokenizers on one text",
     "A TOKENIZER is a tokenizer.json or any other file that --tokenizer accepts, a run, or a kind (char, "
     "byte, word, regex, bpe) that is trained on the text; without one, every kind is compared. Prints the "
     "vocabulary size, the number of tokens, characters and bytes per token, bits per token if all tokens "
     "were equally likely, the encoding speed, and the first tokens, each in its own colour.",
     "hewn tokenizer compare book.txt\n"
     "hewn tokenizer compare gpt2/encoder.json out bpe book.txt\n"
     "hewn tokenizer compare gpt2/encoder.json word --text=\"Once upon a time\" --json",
     run_tokenizer_compare},
    {takes::bench_kernels, "bench kernels", "",
     "time the kernels and check each result against the reference",
     "Measures the machine's ceilings (arithmetic, and the bandwidth of every memory level), then every "
     "kernel at the sizes of real models, with warm and cold caches: best and median time and their spread, "
     "GFLOP/s, GB/s, and the fraction of the roofline for the kernel's own mix of arithmetic, reads and "
     "writes. With --ladder, every rung from the naive loop to the preferred kernel; with --guess too, as a "
     "lesson. With --device=cuda, the same on a GPU with operands in its memory, against its copy bandwidth "
     "and the fastest matrix product "
     "found; times of the emulated device are meaningless. docs/performance.md describes the method.",
     "hewn bench kernels  # the machine and every kernel, in two minutes\n"
     "hewn bench kernels --op=matmul --threads=1\n"
     "hewn bench kernels --op=softmax --ladder --plot=softmax.html\n"
     "hewn bench kernels --op=matmul --shape=256x768x768 --ladder --guess --threads=1\n"
     "hewn bench kernels --op=matmul --shape=256x768x768 --compare=openblas,onednn\n"
     "hewn bench kernels --shapes-from=out --counters\n"
     "hewn bench kernels --op=activation.forward --shape=65536 --threads=1 --cache=warm --asm\n"
     "hewn bench kernels --rung=my_softmax.so --ladder --shape=3072x256\n"
     "hewn bench kernels --op=matmul,attention --isa=avx2,avx512 -r 20 --json > before.json\n"
     "hewn bench kernels --op=matmul,attention --isa=avx2,avx512 -r 20 --baseline=before.json\n"
     "hewn bench kernels --device=cuda --op=matmul --dtype=bf16 --shape=8192x8192x8192 --compare=cublas\n"
     "hewn bench kernels --device=cuda --shapes-from=configs/gpt2-124m.toml",
     run_bench_kernels},
    {takes::bench_train, "bench train", "", "time the training steps of a configuration",
     "Prints milliseconds per step, tokens per second, peak bytes and, on a known GPU, the MFU. Takes the "
     "keys of `hewn train`. With --ranks=1,2,4, compares numbers of processes: efficiency beside one, what "
     "each "
     "sends in a step, how long that takes and which part of it is hidden, and how long the fastest waits "
     "for the "
     "slowest.",
     "hewn bench train configs/baby-gpt-cpu.toml --threads=2\n"
     "hewn bench train configs/baby-gpt-cpu.toml --ranks=1,2 --gradient_accumulation_steps=8\n"
     "hewn bench train --n_layer=12 --n_head=12 --n_embd=768 --batch_size=4 --block_size=64 --json",
     run_bench_train},
    {takes::bench_sample, "bench sample", "[RUN]", "time text generation, token by token",
     "Prints tokens per second for one text or several with the key/value cache, of RUN or another program's "
     "model, or of a model of the given shape with random weights; the time of a prompt by itself; with "
     "--verbose also each kernel, and where the time of a token goes.",
     "hewn bench sample\n"
     "hewn bench sample small.gguf --max_new_tokens=200\n"
     "hewn bench sample small.gguf --prompt_tokens=32 --max_new_tokens=32 --batch_size=4\n"
     "hewn bench sample --n_layer=12 --n_head=12 --n_embd=768 --block_size=256 --max_new_tokens=200 --json",
     run_bench_sample},
    {takes::bench_comm, "bench comm", "",
     "time sums and copies over several processes, and check each result",
     "Starts the processes and times reduce-scatter, all-gather and all-reduce of float32 numbers: the exact "
     "ones "
     "of `hewn train --ranks`, whose bits do not depend on the number of processes, beside those of the MPI "
     "that "
     "Hewn was built with. Rounds of both are interleaved, and every result is checked. Prints the time of "
     "the "
     "slowest process, GB/s, and the bus bandwidth as nccl-tests defines it; docs/scale-out.md has the "
     "formulas.",
     "hewn bench comm --ranks=2,4 --mb=1,25,500\n"
     "hewn bench comm --ranks=4 --hosts=hosts --mb=100 -r 20 --json\n"
     "mpirun -n 4 hewn bench comm --mb=25",
     run_bench_comm},
    {takes::sweep, "sweep", "", "train a run for every combination of a grid, and rank them",
     "Trains a run in SWEEP/runs/NAME for every combination of the values of --grid and every seed, "
     "with the other keys of `hewn train` as given or in CONFIG.toml; a run has the same bits as `hewn "
     "train` alone. First, every run is checked and a few steps of each distinct shape are timed: the "
     "plan shows how long the sweep will take. A run that fails is reported and the others go on (exit "
     "status 1). Ctrl-C lets the runs finish their step and save. Called again, also after a crash, the "
     "sweep goes on where it was; more values and seeds extend it, other keys are refused. Prints a "
     "table ranked by the mean validation loss with its standard deviation over seeds, and writes "
     "SWEEP/results.jsonl, one line per run, and charts to SWEEP/report.html.",
     "hewn sweep configs/baby-gpt-cpu.toml --dataset=book.txt --grid=n_layer=2,4 --seeds=2 --out_dir=depth\n"
     "hewn sweep --dataset=book.txt --grid=n_head=1,2 --grid=dropout=0,0.2 --dry_run  # how long it takes\n"
     "hewn sweep --out_dir=depth --seeds=3  # one more seed\n"
     "hewn sweep --dataset=book.txt --grid=n_head=1,2 --at_once=2 --out_dir=heads --json",
     run_sweep},
    {takes::report, "report", "[RUN...]", "write a page of pictures of one or several runs",
     "Writes one HTML file that a browser shows without a network: losses with the exact floor where the "
     "corpus has one, "
     "learning rate, gradients, texts, kernels and configuration; and of the first run, opened like `hewn "
     "sample` does, "
     "one prompt by every decoding method, the attention of every head, embeddings, activations, predictions "
     "after each "
     "block, and what the gradient asks of the head. Runs are compared in the same charts. RUN may also be "
     "the directory "
     "of a sweep, or another program's model. A picture whose data is missing says so, and how to get it. "
     "`hewn train --report` keeps such a page in the run.",
     "hewn report  # the run in out; writes out/report.html\n"
     "hewn report out book --out=compared.html\n"
     "hewn report out --text=\"Once upon a time\" --figures=svg\n"
     "hewn report sweep\n"
     "hewn report out --json > report.json",
     run_report},
    {takes::judge, "judge", "RESPONSES.json", "score answers from 0 to 100 with another model",
     "Reads answers beside their references, as `hewn finetune instruct` writes them, and has each "
     "scored from 0 to 100: by a chat endpoint (--url, --model), or by their likelihood under a run "
     "(--run). Every score is added to scores.jsonl at once, so the same command continues after an "
     "interruption. The endpoint's reply may contain more than the number (\"8.5/10\", \"I would say "
     "eighty\"); a reply from which no single score follows is kept without one. Requests have a time "
     "limit, failed ones are repeated after growing pauses, redirects are not followed. The key in "
     "HEWN_API_KEY is sent to the endpoint only and never stored.",
     "hewn judge responses.json --url=http://localhost:11434 --model=llama3.2\n"
     "hewn judge responses.json --url=https://api.example.com/v1 --model=large --scores=large.jsonl\n"
     "hewn judge responses.json --run=out --json",
     run_judge},
    {takes::import_model, "import", "SRC", "import another program's model as a run",
     "Detects the format of SRC from its files: a Hugging Face directory (config.json with safetensors: "
     "GPT-2, Llama, Mistral), OpenAI's GPT-2 (hparams.json with model.ckpt.*), a llama2.c .bin, a GGUF "
     "file or a nanoGPT ckpt.pt. The run can be sampled, evaluated and trained further (--init_from). A "
     "tokenizer beside the model is imported with it. Nothing is downloaded; docs/import.md lists the "
     "files to fetch.",
     "hewn import gpt2 --out=gpt2-run  # a directory with config.json and model.safetensors\n"
     "hewn import stories260K.bin --tokenizer=tok512.bin --out=stories\n"
     "hewn import ckpt.pt --out=nano --block_size=128\n"
     "hewn train --init_from=gpt2-run --dataset=book.txt --out_dir=book --learning_rate=3e-5",
     run_import},
    {takes::export_model, "export", "[RUN]", "export a model to the format of another program",
     "Formats: hf, a directory for Hugging Face transformers (config.json, model.safetensors and, where "
     "the format allows, tokenizer.json); gguf, for llama.cpp and other programs built on ggml; llama2c, "
     "for llama2.c's run.c; safetensors, only the parameters, under the names used here. The other "
     "programs compute the same logits; a model that a format cannot express is refused with the reason. "
     "RUN may also be another program's model.",
     "hewn export out --format=hf --out=out-hf\n"
     "hewn export out --format=gguf --dtype=f16 --out=out.gguf\n"
     "hewn export out/checkpoints/best --format=llama2c --out=model.bin  # a Llama-like run\n"
     "hewn export out --format=safetensors --block_size=32 --out=short.safetensors",
     run_export},
    {takes::quantize, "quantize", "[RUN]", "write a model with weights of fewer bits, as a GGUF file",
     "Rounds the matrices of RUN, or of another program's model, to blocks of small integers with common "
     "scales "
     "(docs/quantisation.md) and writes them as a GGUF file, which llama.cpp and other programs read, too. "
     "The file is a "
     "model: `sample`, `chat` and `eval` take it by its name and compute with the blocks as they are; "
     "`import` makes it a "
     "run that trains on, in float32. q4_k_m and q4_k_s give the matrices that suffer most more bits, as "
     "llama.cpp does. "
     "Vectors and learned positions stay in float32. Prints the size and the error of each format; -v lists "
     "the tensors.",
     "hewn quantize out --format=q4_k_m --out=small.gguf\n"
     "hewn sample small.gguf --prompt=\"Once\"\n"
     "hewn quantize gpt2-run --format=q8_0 --keep=*attn_qkv* --out=gpt2-q8.gguf\n"
     "hewn quantize out --format=q6_k --tensor=*ffn_down*=q8_0 --out=mixed.gguf --json\n"
     "hewn quantize out --ladder --val=book.txt  # size, quality and speed of all formats",
     run_quantize},
    {takes::merge, "merge", "[RUN]", "merge adapters into the weights of their base model",
     "Writes a run with whole weights from one that was trained with train=lora; RUN with --adapter merges "
     "others, "
     "also those of PEFT, into the weights of any run. The new run is sampled, evaluated, exported and "
     "trained "
     "further like any other. Sums are in double precision and rounded once.",
     "hewn merge tuned --out=merged\n"
     "hewn merge tuned --base=copies/gpt2 --out=merged  # the base model has moved\n"
     "hewn merge gpt2 --adapter=tuned --adapter=peft-dir:0.5 --out=both  # a mixture",
     run_merge},
    {takes::completion, "completion", "bash|zsh|fish|man|markdown", "print shell completions or the manual",
     "Prints a script for bash, zsh or fish, made from the same table as this help; `man` prints the "
     "manual page hewn(1), `markdown` the reference in docs/cli.md.",
     "source <(hewn completion bash)\n"
     "hewn completion zsh > ~/.zfunc/_hewn\n"
     "hewn completion fish > ~/.config/fish/completions/hewn.fish\n"
     "hewn completion man > hewn.1",
     run_completion},
    {takes::help, "help", "[COMMAND]", "print the help of a command",
     "Prints the help of COMMAND, as `hewn COMMAND --help` does; without COMMAND, lists all commands.",
     "hewn help train\n"
     "hewn help data prepare",
     run_help},
    {takes::version, "version", "", "print version, commit, build, instruction set, threads and devices",
     "Prints the same as `hewn --version`.",
     "hewn version\n"
     "hewn version --json",
     run_version},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(command_table); ++i)
    if (static_cast<size_t>(command_table[i].bit) != i) return false;
  return std::size(command_table) == static_cast<size_t>(takes::no_command);
}
static_assert(in_order(), "every name in takes:: must have one line here, in the same order");

}  // namespace

std::span<const Command> commands() { return command_table; }

}  // namespace hewn::cli
