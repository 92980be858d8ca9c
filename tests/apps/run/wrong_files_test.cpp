// Files of the wrong kind, on every path on which the program reads one.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr const char* pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n";

std::string wide(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::string{c, '\0'};
  return out;
}

/// Runs "train --dataset=DIR/x" with DIR replaced by a directory.
ProcessResult run(const TempDir& dir, const std::string& line) {
  Words words;
  std::istringstream in(line);
  for (std::string word; in >> word; words.push_back(word))
    if (const size_t at = word.find("DIR"); at != word.npos) word.replace(at, 3, dir.path().string());
  words.emplace_back("--quiet");
  return hewn(words);
}

/// A run in DIR/run and a model of another program in DIR/hf.
void make_run(const TempDir& dir) {
  REQUIRE(hewn(small_train(dir, {"--max_iters=0", "--n_embd=8", "--n_head=1"})).exit_code == 0);
  REQUIRE(run(dir, "export DIR/run --format=hf --out=DIR/hf").exit_code == 0);
}

}  // namespace

TEST_CASE("each kind of wrong file is named where a text is expected, with what to do", "[cli]") {
  const TempDir dir;
  const std::string text = "the cat sat on the mat.\n";
  const std::pair<const char*, std::string> kinds[] = {
      {"a PDF document; save its text: pdftotext ", "%PDF-1.7\n%\xe2\xe3\n" + text},
      {"a zip archive; unpack it: unzip ", "PK\3\4" + text},
      {"compressed with gzip; decompress it: gzip -dc ", "\x1f\x8b\x08" + text},
      {"a web page (HTML); ", "<!DOCTYPE html>\n" + text},
      {"encoded in UTF-16; convert it: iconv -f UTF-16 -t UTF-8 ", "\xff\xfe" + wide(text)},
      {"encoded in UTF-16LE; convert it: iconv -f UTF-16LE -t UTF-8 ", wide(text)},
      {"a Git LFS pointer, not the file that it stands for; fetch that by `git lfs pull`", pointer}};
  for (const auto& [name, bytes] : kinds) {
    INFO(name);
    write_file(dir / "x", bytes);
    CHECK_FAILS(run(dir, "train --dataset=DIR/x --tokenizer=byte --out_dir=DIR/out"), 3,
                (dir / "x").string() + ": is " + name);
  }
  CHECK_FALSE(fs::exists(dir / "out"));
  // Markup remains a text behind a comment.
  write_file(dir / "x", "<!-- -->\n<!DOCTYPE html>\n" + text);
  CHECK(run(dir, "data prepare DIR/x --out_dir=DIR/data").exit_code == 0);
}

TEST_CASE("every command that reads a file names a wrong one", "[cli]") {
  const TempDir dir;
  make_run(dir);
  write_file(dir / "x", pointer);
  write_file(dir / "x.toml", pointer);
  write_file(dir / "x.yaml", pointer);
  write_file(dir / "x.bin", pointer);
  for (const char* line : {"train --dataset=DIR/x --out_dir=DIR/o",
                           "train --dataset=DIR/text.txt --val=DIR/x --out_dir=DIR/o",
                           "train DIR/x.toml",
                           "train --dataset=DIR/text.txt --tokenizer=DIR/x --out_dir=DIR/o",
                           "train --dataset=DIR/text.txt --init_from=DIR/x --out_dir=DIR/o",
                           "plan --dataset=DIR/x",
                           "sweep --dataset=DIR/x --grid=n_head=1 --out_dir=DIR/sweep",
                           "data prepare DIR/x --out_dir=DIR/o",
                           "data stats DIR/x",
                           "tokenizer train DIR/x --out=DIR/o",
                           "tokenizer encode --tokenizer=DIR/x",
                           "tokenizer compare DIR/x",
                           "eval DIR/run --val=DIR/x",
                           "eval DIR/run --tasks=DIR/x",
                           "eval DIR/run --tasks=DIR/x.yaml",
                           "eval DIR/run --generate=DIR/x",
                           "eval --responses=DIR/x",
                           "quantize DIR/run --ladder --val=DIR/x",
                           "quantize DIR/run --format=q4_0 --out=DIR/o --calibrate=DIR/x",
                           "sample DIR/x",
                           "sample DIR/x.bin",
                           "sample DIR/run --prompt=FILE:DIR/x",
                           "sample DIR/run --shots=DIR/x --prompt=a",
                           "sample DIR/run --draft=DIR/x",
                           "import DIR/x --out=DIR/o",
                           "info DIR/x",
                           "judge DIR/x --run=DIR/run",
                           "finetune classify --data=DIR/x --init_from=DIR/run --out_dir=DIR/o",
                           "finetune instruct --data=DIR/x --init_from=DIR/run --out_dir=DIR/o",
                           "finetune prefer --data=DIR/x --init_from=DIR/run --out_dir=DIR/o"}) {
    INFO(line);
    CHECK_FAILS(run(dir, line), 3, "a Git LFS pointer");
  }
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    INFO(name);
    const std::string kept = read_file(dir / "hf" / name);
    write_file(dir / "hf" / name, pointer);
    CHECK_FAILS(run(dir, "sample DIR/hf"), 3, "a Git LFS pointer");
    write_file(dir / "hf" / name, "\n<!DOCTYPE html><title>Not found</title>");
    CHECK_FAILS(run(dir, "import DIR/hf --out=DIR/o"), 3, "a web page (HTML); if it was saved in place");
    write_file(dir / "hf" / name, kept);
  }
  for (const char* name : {"x.gguf", "x.safetensors", "x.pt"}) {
    write_file(dir / name, pointer);
    CHECK_FAILS(hewn({"sample", (dir / name).string()}), 3, "a Git LFS pointer");
  }
  CHECK_FALSE(fs::exists(dir / "o"));
}

TEST_CASE("token files in place of which a pointer is are named", "[cli]") {
  const TempDir dir;
  fs::create_directory(dir / "data");
  write_file(dir / "data/train.bin", pointer);
  write_file(dir / "data/val.bin", pointer);
  CHECK_FAILS(run(dir, "train --dataset=DIR/data --out_dir=DIR/o"), 3, "train.bin: is a Git LFS pointer");
}

TEST_CASE("directories of texts and of pickled weights, and URLs, are answered", "[cli]") {
  const TempDir dir;
  make_run(dir);
  fs::create_directory(dir / "texts");
  write_file(dir / "texts/a.txt", "the cat");
  const std::string advice = "make one file of its 1 .txt files: cat ";
  CHECK_FAILS(run(dir, "train --dataset=DIR/texts --out_dir=DIR/o"), 3, advice);
  CHECK_FAILS(run(dir, "data prepare DIR/texts --out_dir=DIR/o"), 3, advice);
  CHECK_FAILS(run(dir, "eval DIR/run --val=DIR/texts"), 3, advice);

  fs::rename(dir / "hf/model.safetensors", dir / "hf/pytorch_model.bin");
  CHECK_FAILS(run(dir, "import DIR/hf --out=DIR/o"), 3,
              "stores its weights in pytorch_model.bin, a pickle, which can run code; convert it to "
              "model.safetensors");
  fs::remove(dir / "hf/config.json");
  CHECK_FAILS(run(dir, "sample DIR/hf"), 3, "fetch its config.json and convert it to model.safetensors");

  const std::string url = "https://example.com/a.txt",
                    fetch =
                        url + " is a URL, and Hewn downloads nothing; fetch the file first: curl -LO " + url;
  CHECK_FAILS(hewn({"train", "--dataset=" + url}), 3, "--dataset: " + fetch);
  CHECK_FAILS(hewn({"data", "prepare", url}), 3, fetch);
  CHECK_FAILS(hewn({"sample", url}), 3, fetch);
  CHECK_FAILS(hewn({"finetune", "classify", "--data=" + url}), 3, "--data: " + fetch);
  CHECK(hewn({"sample", (dir / "run").string(), "--prompt=http://a", "--max_new_tokens=1"}).exit_code ==
        3);  // a text: characters that the run has never seen
}

TEST_CASE("no message has the codes of the JSON library", "[cli]") {
  const TempDir dir;
  make_run(dir);
  const std::string answers = R"([{"instruction": "a", "input": "", "output": "b", "response": "c"}])";
  write_file(dir / "answers.json", answers);
  fs::copy(dir / "hf", dir / "adapter");
  fs::copy(dir / "run", dir / "tuned", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::create_directory(dir / "swept");
  fs::create_directory(dir / "openai");
  const std::pair<const char*, const char*> readers[] = {
      {"hf/config.json", "sample DIR/hf"},
      {"hf/tokenizer.json", "import DIR/hf --out=DIR/o --force"},
      {"hf/model.safetensors.index.json", "sample DIR/hf"},
      {"openai/hparams.json", "sample DIR/openai"},
      {"adapter/adapter_config.json", "sample DIR/run --adapter=DIR/adapter --max_new_tokens=1"},
      {"tokenizer.json", "tokenizer encode --tokenizer=DIR/tokenizer.json a"},
      {"chat.json", "finetune instruct --data=DIR/answers.json --template=DIR/chat.json --init_from=DIR/run"},
      {"tuned/task.json", "sample DIR/tuned --max_new_tokens=1"},
      {"tuned/texts.json", "sample DIR/tuned --max_new_tokens=1"},
      {"tuned/env.json", "report DIR/tuned --out=DIR/r.html --inspect=false"},
      {"swept/sweep.json", "sweep --out_dir=DIR/swept"},
      {"scores.jsonl", "judge DIR/answers.json --run=DIR/run --scores=DIR/scores.jsonl"},
      {"rows.json", "judge DIR/rows.json --run=DIR/run"},
      {"rows.json", "eval DIR/run --tasks=DIR/rows.json"},
      {"rows.json", "eval DIR/run --generate=DIR/rows.json"},
      {"rows.json", "finetune instruct --data=DIR/rows.json --init_from=DIR/run"},
      {"shots.jsonl", "sample DIR/run --shots=DIR/shots.jsonl --prompt=the --max_new_tokens=1"},
  };
  const char* const broken[] = {"{\n", "{\"a\": 1e999}\n",
                                "{\"format\": 3, \"model_type\": [], \"key\": \"\xff\"}\n"};
  for (const auto& [file, line] : readers) {
    const std::string kept = fs::exists(dir / file) ? read_file(dir / file) : "";
    for (const char* bytes : broken) {
      write_file(dir / file, bytes);
      const ProcessResult r = run(dir, line);
      INFO(line << "\n" << bytes << r.err);
      CHECK(!contains(r.out + r.err, "[json."));
      CHECK(!contains(r.err, "internal error"));
    }
    if (kept.empty())
      fs::remove(dir / file);
    else
      write_file(dir / file, kept);
  }
}

}  // namespace hewn::test
