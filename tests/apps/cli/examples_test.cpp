// Every example of every help is run as it is printed, in a directory with small files of the names that it uses.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// Keys of the environment, which configurations do not overrule and flags do: they keep models small.
const std::map<std::string, std::string> small = {
    {"HEWN_N_LAYER", "1"},         {"HEWN_N_HEAD", "2"},     {"HEWN_N_EMBD", "16"},
    {"HEWN_MAX_ITERS", "4"},       {"HEWN_EVAL_ITERS", "1"}, {"HEWN_MAX_TIME", "2"},
    {"HEWN_MAX_NEW_TOKENS", "12"}, {"HEWN_TALES", "300"},    {"HEWN_REPEAT", "1"},
    {"HEWN_EVAL_INTERVAL", "1000"}, {"HEWN_TRAINING", "false"}};

/// Why an example is not run: the first whose part is found in it counts. '$' is its end.
struct Reason {
  const char* part;
  const char* why;
};
constexpr Reason not_run[] = {
    {"devices=cpu,cuda", "needs a GPU"},
    {"bench kernels --device=cuda", "needs a GPU"},
    {"--rung=", "needs a compiled kernel; tests/apps/bench/rung_test.cpp builds and runs one"},
    {"bench kernels$", "times every kernel for two minutes"},
    {"--op=matmul", "times matrix products of real models; tests/apps/bench runs small ones"},
    {"--op=softmax --ladder --plot", "times rows of real models; tests/apps/bench draws a small plot"},
    {"bench train --n_layer=12", "trains a model of GPT-2's size"},
    {"bench sample --n_layer=12", "makes a model of GPT-2's size"},
    {"bench train configs/baby-gpt-cpu.toml --ranks", "needs MPI; tests/apps/commands/ranks uses it"},
    {"verify configs/tales.toml --ranks", "needs MPI and 4 GPUs; tests/apps/commands/ranks emulates them"},
    {"bench comm", "needs MPI, and moves 500 MB; tests/apps/commands/ranks moves less"},
    {"hewn judge responses.json --url=", "needs a chat endpoint; tests/apps/commands/judge has one"},
    {"learn check 1 --out_dir=mine", "trains a model to keep; tests/apps/commands/learn keeps several"},
    {"ckpt.pt --out=nano --block_size=128", "needs a checkpoint of nanoGPT with 128 positions"},
};

/// Examples whose input is wrong on purpose, and their status.
struct Refused {
  std::string_view example;
  int status;
};
constexpr Refused wrong_on_purpose[] = {
    {"hewn learn check 0 4 1 2.5", 5},  // the help does not give the answers away
};

int expected_status(const std::string& example) {
  for (const Refused& r : wrong_on_purpose)
    if (r.example == example) return r.status;
  return 0;
}

std::string why_not(const std::string& example) {
  for (const Reason& reason : not_run)
    if (contains(example + "$", reason.part)) return reason.why;
  return "";
}

/// All lines under "Examples" of the help of all commands, without the notes behind them.
std::vector<std::string> all_examples() {
  std::vector<std::string> found;
  std::istringstream commands(hewn({"--help"}).out);
  bool listed = false;
  for (std::string line; std::getline(commands, line);) {
    if (line == "Commands") listed = true;
    if (line.empty()) listed = false;
    if (!listed || !line.starts_with("  ") || line.starts_with("   ")) continue;
    std::vector<std::string> words;
    std::istringstream name(line.substr(0, line.find("  ", 2)));
    for (std::string word; name >> word;) words.push_back(word);
    words.push_back("--help");
    std::istringstream help(hewn(words).out);
    bool examples = false;
    for (std::string text; std::getline(help, text);) {
      if (examples && text.starts_with("  ")) found.push_back(text.substr(2, text.find("  ", 2) - 2));
      examples = text == "Examples" || (examples && text.starts_with("  "));
    }
  }
  return found;
}

/// A tokenizer.bin of llama2.c: the three special tokens, the bytes, and letters.
std::string llama2c_tokenizer() {
  std::string file;
  const auto add = [&](const auto& number) {
    file.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  add(uint32_t{7});
  const auto token = [&](const std::string& piece) {
    add(0.0f);
    add(static_cast<int32_t>(piece.size()));
    file += piece;
  };
  for (const char* piece : {"<unk>", "\n<s>\n", "\n</s>\n"}) token(piece);
  for (const char high : std::string("0123456789ABCDEF"))
    for (const char low : std::string("0123456789ABCDEF")) token(std::string("<0x") + high + low + ">");
  for (char letter = 'a'; letter <= 'z'; ++letter) token(std::string(1, letter));
  return file;
}

/// What examples find in their directory.
class Stage {
 public:
  Stage() {
    fs::create_directory(dir_ / "bin");
    fs::create_symlink(hewn_program(), dir_ / "bin/hewn");
    fs::create_directory(dir_ / "files");
    fs::create_symlink(source_dir() / "configs", dir_ / "files/configs");
    std::string text, quiz;
    for (char c = ' '; c <= '~'; ++c) text += c;
    for (int i = 0; i < 40; ++i)
      text += "\nOnce upon a time the fox sat on the mat, and the mole ran in the fog.";
    for (const char* name : {"book.txt", "train.txt", "validation.txt", "shakespeare.txt"})
      write_file(file(name), text);
    write_file(file("tok512.bin"), llama2c_tokenizer());
    write_file(file("starts.txt"), "Once\nThe fox\n");
    write_file(file("capitals.jsonl"), "{\"input\": \"the fox\", \"output\": \"the mole\"}\n");
    std::string messages = "kind\tmessage\n", rows = "text,label\n";
    for (int i = 0; i < 10; ++i) {
      messages += "ham\tsee you\nspam\twin now\n";
      rows += "fine,good\npoor,bad\n";
    }
    write_file(file("spam.tsv"), messages);
    for (const char* name : {"train.csv", "test.csv"}) write_file(file(name), rows);
    write_file(file("messages.csv"), "number,message\n1,see you\n2,win now\n");
    write_file(file("lines.txt"), "see you\nwin now\n");
    write_file(file("responses.json"), "[{\"instruction\": \"the fox\", \"response\": \"sat\"}]\n");
    write_file(file("instructions.json"), R"([{"instruction": "Name a colour.", "input": "", "output": "Red."},
                                            {"instruction": "Sort.", "input": "2 1", "output": "1 2"}])");
    write_file(file("faq.csv"), "number,question,reply\n1,Why?,Because.\n2,How?,So.\n");
    write_file(file("preferences.json"),
               R"([{"prompt": "Name a colour.", "chosen": "Red.", "rejected": "Two."},
                   {"prompt": "Name a number.", "chosen": "Two.", "rejected": "Red."}])");
    write_file(file("votes.csv"), "prompt,best,worst\nWhy?,Because.,No.\nHow?,So.,No.\n");
    for (int i = 0; i < 8; ++i) quiz += R"({"query": "the fox", "choices": ["sat", "ran"], "gold": 0})" "\n";
    write_file(file("quiz.jsonl"), quiz);
    write_file(file("answers.jsonl"), "{\"prompt\": \"the fox\", \"reference\": \"sat on the mat\"}\n");
    fs::create_directories(dir_ / "files/lessons/01-chain-rule");
    fs::copy(source_dir() / "docs/course/01-chain-rule/solution.cpp", file("lessons/01-chain-rule/lesson.cpp"));
    prepare(R"(
      mkdir -p .zfunc .config/fish/completions
      llama="--pos=rope --norm=rmsnorm --act=swiglu"
      hewn train $llama --out_dir=out --dataset=book.txt
      hewn train --out_dir=book --dataset=book.txt
      hewn export book --format=hf --out=gpt2
      hewn import gpt2 --out=gpt2-run
      hewn train --init_from=gpt2 --train=lora --dataset=book.txt --out_dir=tuned
      mkdir copies peft-dir
      cp -r gpt2 copies/gpt2
      cp tuned/checkpoints/last/adapter_* peft-dir
      hewn data prepare book.txt --out_dir=book-data
      cp -r book-data data
      hewn export out --format=gguf --out=model.gguf
      hewn quantize out --format=q8_0 --out=small.gguf
      hewn finetune classify --data=spam.tsv --text=message --label=kind --init_from=book --out_dir=spam
      hewn train --out_dir=novels --dataset=book.txt --tokenizer=bpe --vocab_size=300 --block_size=320 --val_fraction=0.5
      hewn finetune instruct --data=instructions.json --init_from=novels --out_dir=helper
      hewn finetune prefer --data=preferences.json --init_from=helper --out_dir=better
      hewn train $llama --out_dir=stories --dataset=book.txt --tokenizer=tok512.bin
      hewn export stories --format=llama2c --out=stories260K.bin
      rm -r stories tok285.bin
      hewn sweep --grid=n_layer=1,2 --dataset=book.txt --out_dir=sweep
    )");
    for (const char* name : {"encoder.json", "vocab.bpe"})
      fs::copy(source_dir() / "tests/files/tensorflow" / name, dir_ / "files/gpt2" / name);
  }

  /// Runs one example in a fresh copy, without what it is to make.
  ProcessResult run(const std::string& example) {
    const fs::path fresh = dir_ / "fresh";
    fs::remove_all(fresh);
    fs::copy(dir_ / "files", fresh, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    const bool resumes = contains(example, "init_from=resume");
    static const std::regex out("--out(?:_dir)?=(\\S+)");
    for (auto at = std::sregex_iterator(example.begin(), example.end(), out); at != std::sregex_iterator();
         ++at)
      if (!resumes) fs::remove_all(fresh / std::string((*at)[1]));
    if (example.starts_with("hewn train") && !resumes) fs::remove_all(fresh / "out");
    if (example.starts_with("hewn data prepare")) fs::remove_all(fresh / "data");
    if (example.starts_with("hewn sweep")) fs::remove_all(fresh / "sweep");
    return shell(example, fresh);
  }

 private:
  fs::path file(const char* name) const { return dir_ / "files" / name; }

  void prepare(const std::string& script) {
    const ProcessResult r = shell("set -ex\n" + script, dir_ / "files");
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
  }

  ProcessResult shell(const std::string& script, const fs::path& directory) const {
    ProcessOptions options{
        .input = "the fox\n", .env = small, .directory = directory.string(), .timeout = 120};
    options.env["PATH"] = (dir_ / "bin").string() + ":" + std::getenv("PATH");
    options.env["HOME"] = directory.string();
    for (const char* name : {"HEWN_THREADS", "HEWN_SEED", "HEWN_DTYPE"}) options.unset_env.emplace_back(name);
    return run_program({"bash", "-c", "set -o pipefail\n" + script}, options);
  }

  TempDir dir_;
};

}  // namespace

TEST_CASE("every example in the help runs as printed") {
  if (left_out()) return;
  const std::vector<std::string> examples = all_examples();
  REQUIRE(examples.size() > 60);
  Stage stage;
  size_t run = 0;
  for (const std::string& example : examples) {
    if (const std::string why = why_not(example); !why.empty()) {
      skip(example + ": " + why);
      continue;
    }
    const ProcessResult r = stage.run(example);
    INFO(example);
    INFO(r.err.substr(0, 1000));
    CHECK(r.exit_code == expected_status(example));
    ++run;
  }
  CHECK(run > 50);
  for (const Refused& r : wrong_on_purpose) CHECK(std::count(examples.begin(), examples.end(), r.example) == 1);
  for (const Reason& reason : not_run) {  // a reason for nothing is out of date
    INFO(reason.part);
    CHECK(std::any_of(examples.begin(), examples.end(),
                      [&](const std::string& example) { return why_not(example) == reason.why; }));
  }
}

}  // namespace hewn::test
