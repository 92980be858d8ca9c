#include "tests/faults/commands.h"

#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"
#include "tests/faults/tree.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

void write_inputs(const fs::path& work) {
  const std::string line = "the cat sat on the mat and the dog ran in the fog. a bird in a tree sang.\n";
  std::string text, rows = "kind,message\n";
  for (int i = 0; i < 12; ++i) text += line;
  for (int i = 0; i < 20; ++i)
    rows += std::string(i % 3 == 0 ? "spam,win" : "ham,see") + (i % 2 == 0 ? " now" : " the cat") + "\n";
  write_file(work / "text.txt", text);
  write_file(work / "other.txt", std::string(text.rbegin() + 1, text.rend()) + "\n");
  write_file(work / "rows.csv", rows);
  auto talks = nlohmann::json::array(), answers = nlohmann::json::array();
  for (const char* word : {"cat", "dog", "bird", "tree", "cat", "dog", "bird", "tree", "cat", "dog"}) {
    talks.push_back({{"instruction", "Say it."}, {"input", word}, {"output", word}});
    answers.push_back(talks.back());
    answers.back()["response"] = "the cat";
  }
  answers.erase(answers.begin() + 3, answers.end());
  write_file(work / "talks.json", talks.dump());
  write_file(work / "answers.json", answers.dump());
}

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

Workplace::Workplace() : work_(fs::canonical(dir_.path()) / "work") {
  fs::create_directory(work_);
  write_inputs(work_);
  for (const Words& words : std::vector<Words>{
           training("run", {"--max_iters=4", "--lr_decay_iters=6", "--keep=2", "--sample_interval=4"}),
           training("llama", {"--max_iters=1", "--pos=rope", "--norm=rmsnorm", "--act=swiglu"}),
           adapting("tuned"),
           training("characters", {"--max_iters=4"}, {"--tokenizer=char"}),
           {"export", at("run"), "--format=hf", "--out=" + at("model")},
           {"data", "prepare", at("other.txt"), "--tokenizer=byte", "--out_dir=" + at("old_data")}}) {
    const ProcessResult r = hewn(words);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
  }
  fs::rename(work_, aside("first"));
  restore();
}

void Workplace::restore() const { test::restore(aside("first"), work_); }
bool Workplace::is_restored() const { return are_equal(aside("first"), work_); }

Words Workplace::training(const std::string& out, const Words& more, const Words& tokenizer) const {
  return with(with({"train", "--dataset=" + at("text.txt"), "--out_dir=" + at(out), "--n_layer=1",
                    "--n_head=1", "--n_embd=8", "--block_size=48", "--batch_size=2", "--eval_interval=2",
                    "--eval_iters=1", "--log_interval=1", "--threads=1"},
                   tokenizer),
              more);
}

Words Workplace::adapting(const std::string& out) const {
  return {"train",
          "--init_from=" + at("run"),
          "--dataset=" + at("text.txt"),
          "--train=lora",
          "--out_dir=" + at(out),
          "--lora_rank=1",
          "--batch_size=2",
          "--max_iters=1",
          "--eval_iters=1",
          "--threads=1"};
}

TriedCommand Workplace::training_as(int rank) const {
  const Words keys{"--max_iters=2", "--keep=1", "--gradient_accumulation_steps=2", "--grad_shards=2"};
  const Words resume{"train", "--init_from=resume", "--out_dir=" + at("both"), "--threads=1"};
  return {.name = "train as rank " + std::to_string(rank),
          .arguments = training("both", with(keys, {"--rank_timeout=3"})),
          .outputs = {"both"},
          .afterwards = {resume, training("both", keys)},
          .rank = rank};
}

std::vector<TriedCommand> Workplace::commands() const {
  std::vector<TriedCommand> all;
  const auto forced = [](const Words& words) { return with(words, {"--force"}); };
  /// A command that begins a run, and with which command one goes on.
  const auto begins = [&](const std::string& name, const std::string& out, const Words& first,
                          const Words& going_on) {
    const Words resume = with(going_on, {"--init_from=resume", "--out_dir=" + at(out), "--threads=1"});
    all.push_back({name, first, {out}, {resume, first}});
  };
  /// A command that writes something of its own.
  const auto makes = [&](const std::string& name, const std::string& out, const Words& words) {
    all.push_back({name, words, {out}, {words, forced(words)}});
  };
  begins("train", "new", training("new", {"--max_iters=4", "--keep=1", "--sample_interval=2"}), {"train"});
  begins("train lora", "adapted", adapting("adapted"), {"train"});
  const Words resume{"train", "--init_from=resume", "--out_dir=" + at("run"), "--max_iters=6", "--threads=1"};
  all.push_back({"resume", resume, {"run"}, {resume}, "run"});
  for (const int rank : {0, 1}) all.push_back(training_as(rank));
  const Words prepare{"data", "prepare", at("text.txt"), "--tokenizer=byte"};
  makes("data prepare", "data", with(prepare, {"--out_dir=" + at("data")}));
  makes("data prepare --force", "old_data", with(prepare, {"--out_dir=" + at("old_data"), "--force"}));
  makes("data prepare --shard_tokens", "shards",
        with(prepare, {"--out_dir=" + at("shards"), "--shard_tokens=300"}));
  makes("import", "imported", {"import", at("model"), "--out=" + at("imported")});
  makes("export hf", "exported", {"export", at("run"), "--format=hf", "--out=" + at("exported")});
  makes("export safetensors", "run.safetensors",
        {"export", at("run"), "--format=safetensors", "--out=" + at("run.safetensors")});
  makes("export gguf", "llama.gguf", {"export", at("llama"), "--format=gguf", "--out=" + at("llama.gguf")});
  makes("export llama2c", "llama.bin",
        {"export", at("llama"), "--format=llama2c", "--out=" + at("llama.bin")});
  const Words sample{"sample", at("run"), "--start=the", "--max_new_tokens=4", "--num_samples=1"};
  all.push_back({"sample", sample, {}, {sample}});
  begins("finetune classify", "spam",
         {"finetune", "classify", "--data=" + at("rows.csv"), "--text=message", "--label=kind", "--epochs=1",
          "--init_from=" + at("run"), "--batch_size=4", "--threads=1", "--out_dir=" + at("spam")},
         {"finetune", "classify"});
  begins(
      "finetune instruct", "helper",
      {"finetune", "instruct", "--data=" + at("talks.json"), "--template=plain", "--init_from=" + at("run"),
       "--max_iters=2", "--batch_size=2", "--max_new_tokens=2", "--threads=1", "--out_dir=" + at("helper")},
      {"finetune", "instruct"});
  makes("merge", "merged", {"merge", at("tuned"), "--out=" + at("merged")});
  makes("tokenizer train", "bpe.json",
        {"tokenizer", "train", at("text.txt"), "--type=bpe", "--vocab_size=260", "--out=" + at("bpe.json")});
  makes("judge", "scores.jsonl",
        {"judge", at("answers.json"), "--run=" + at("run"), "--scores=" + at("scores.jsonl")});
  Words sweep = training("sweep", {"--max_iters=2", "--seeds=2", "--at_once=1"});
  sweep[0] = "sweep";
  all.push_back({"sweep", sweep, {"sweep"}, {{"sweep", "--out_dir=" + at("sweep")}, sweep}});
  // Of few tokens: arranging them on a plane takes most of the time.
  makes("report", "report.html", {"report", at("characters"), "--out=" + at("report.html")});
  makes("trace", "trace.html", {"trace", at("run"), "--text=the cat", "--out=" + at("trace.html")});
  return all;
}

}  // namespace hewn::test
