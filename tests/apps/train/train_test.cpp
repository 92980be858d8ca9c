// hewn train from text to a run, and everything that can be wrong on the way.

#include <filesystem>

#include "kernels/contract/isa.h"
#include "kernels/devices/devices.h"
#include "tests/apps/small_run.h"
#include "train/config.h"

namespace hewn::test {

namespace fs = std::filesystem;

TEST_CASE("a run is trained, scored, sampled and verified") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  const auto trained = hewn(small_train(dir, {"--sample_interval=10"}));
  CHECK_FAILS(trained, 0, "next: hewn sample " + run);
  CHECK_FALSE(contains(trained.out + trained.err, "old checkpoints"));
  for (const char* name : {"config.toml", "env.json", "tokenizer.json", "metrics.jsonl", "train.log",
                           "samples/step-000000.txt", "samples/step-000010.txt", "checkpoints/last/MANIFEST",
                           "checkpoints/best/state.json", "checkpoints/step-000020/model.safetensors"}) {
    INFO(name);
    CHECK(fs::exists(fs::path(run) / name));
  }
  const auto eval = hewn({"eval", run, "--json"});
  CHECK(eval.exit_code == 0);
  for (const char* key : {"\"loss\"", "\"perplexity\"", "\"bits_per_byte\"", "\"tokens\""})
    CHECK(contains(eval.out, key));
  CHECK(contains(hewn({"eval", run}).out, "nats per token"));
  CHECK(contains(hewn({"eval", run + "/checkpoints/step-000010"}).out, "nats per token"));

  const std::vector<std::string> sample = {"sample", run, "--max_new_tokens=60", "--start=the ", "--seed=4"};
  const auto first = hewn(sample);
  CHECK(first.exit_code == 0);
  CHECK(first.out.starts_with("the "));
  CHECK(first.out == hewn(sample).out);
  CHECK(first.out != hewn({"sample", run, "--max_new_tokens=60", "--start=the ", "--seed=5"}).out);
  CHECK(hewn({"sample", run, "--max_new_tokens=60", "--start=-", "--seed=4"}, {.input = "the "}).out ==
        first.out);
  write_file(dir / "start.txt", "the ");
  CHECK(
      hewn({"sample", run, "--max_new_tokens=60", "--start=FILE:" + (dir / "start.txt").string(), "--seed=4"})
          .out == first.out);
  CHECK(contains(hewn({"sample", run, "--num_samples=2", "--max_new_tokens=5"}).out, "---------------"));
  CHECK(hewn({"sample", run, "--json", "--max_new_tokens=5"}).out.front() == '[');
  const auto greedy = [&](const std::string& more) {
    return hewn({"sample", run, "--max_new_tokens=30", "--start=the ", more}).out;
  };
  const std::string likeliest = greedy("--temperature=0");
  for (const std::string same : {"--top_k=1", "--top_p=0.000001", "--min_p=1"})
    CHECK(greedy(same) == likeliest);
  const std::string stop = likeliest.substr(12, 3);
  CHECK(
      hewn({"sample", run, "--max_new_tokens=30", "--start=the ", "--temperature=0", "--stop=" + stop}).out ==
      likeliest.substr(0, likeliest.find(stop, 4)) + "\n");
  CHECK(greedy("--beam=1") == likeliest);
  const auto beams = hewn({"sample", run, "--max_new_tokens=9", "--beam=4", "--num_samples=2"}).out;
  CHECK(beams.rfind("--------------- score -", 0) == 0);
  CHECK(
      contains(hewn({"sample", run, "--max_new_tokens=9", "--beam=4", "--json"}).out, "\"log_probability\""));
  const auto lines = hewn({"sample", run, "--max_new_tokens=3", "--temperature=0", "--show_probs"}).out;
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
  CHECK(contains(lines, "%"));
  const auto records = hewn({"sample", run, "--max_new_tokens=3", "--logprobs"}).out;
  CHECK(records.rfind("{\"token\":", 0) == 0);
  CHECK(std::count(records.begin(), records.end(), '\n') == 3);
  CHECK_FAILS(hewn({"verify", run}), 0, "");
}

TEST_CASE("training in bf16 says where the processor has no instruction for it") {
  const ProcessOptions narrow{.env = {{"HEWN_ISA", std::string(name_of(compiled_isas[0]))}}};
  const auto noted = [&](const std::string& dtype) {
    const TempDir dir;
    const auto run = hewn(small_train(dir, {"--dtype=" + dtype, "--max_iters=1"}), narrow);
    CHECK_FAILS(run, 0, "device  ");
    return contains(run.err, " has no instructions for it");
  };
  CHECK(noted("bf16"));
  CHECK_FALSE(noted("f32"));
}

TEST_CASE("a profile does not change the run and shows where time is spent") {
  if (left_out()) return;
  const TempDir dir, other;
  const auto plain = hewn(small_train(dir)), profiled = hewn(small_train(other, {"--profile"}));
  CHECK_FAILS(profiled, 0, "outside kernels");
  CHECK(contains(profiled.err, "h.*.attn backward"));
  CHECK(contains(read_file(other / "run/profile.json"), "\"roof_percent\""));
  CHECK(!fs::exists(dir / "run/profile.json"));
  const std::string weights = "run/checkpoints/step-000020/model.safetensors";
  CHECK(read_file(dir / weights) == read_file(other / weights));
  const TempDir third;
  CHECK_FAILS(hewn(small_train(third, {"--profile", "--max_iters=2"})), 0, "run at least three");
}

TEST_CASE("the saved configuration reproduces the run") {
  const TempDir dir, other;
  CHECK(hewn(small_train(dir)).exit_code == 0);
  const std::string again = (other / "again").string();
  CHECK(hewn({"train", (dir / "run/config.toml").string(), "--out_dir=" + again}).exit_code == 0);
  const std::string file = "checkpoints/step-000020/model.safetensors";
  CHECK((read_file(dir / ("run/" + file)) == read_file(other / ("again/" + file))));
}

TEST_CASE("a dry run writes nothing and prints a configuration") {
  const TempDir dir;
  const auto r = hewn(small_train(dir, {"--dry_run"}));
  CHECK(r.exit_code == 0);
  CHECK(contains(r.out, "n_embd = 16\n"));
  CHECK_FALSE(fs::exists(dir / "run"));
}

TEST_CASE("a non-empty directory is refused, or moved aside with --force") {
  const TempDir dir;
  CHECK(hewn(small_train(dir)).exit_code == 0);
  CHECK_FAILS(hewn(small_train(dir)), 2, "--init_from=resume");
  CHECK_FAILS(hewn(small_train(dir, {"--force"})), 0, "done after step 20");
  CHECK(fs::exists(dir / "run.1/checkpoints/last/MANIFEST"));
}

TEST_CASE("a run is resumed with its own configuration") {
  const TempDir dir;
  CHECK(hewn(small_train(dir)).exit_code == 0);
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 0, "done after step 30");
  CHECK_FAILS(hewn(small_resume(dir, {"--n_layer=2"})), 2, "n_layer = 2, but the run in");
  CHECK_FAILS(hewn(small_resume(dir, {"--seed=1"})), 2, "seed = 1, but the run in");
  CHECK_FAILS(hewn(small_resume(dir, {"--tokenizer=word"})), 2, "tokenizer = word, but the run in");
  CHECK_FAILS(hewn(small_resume(dir)), 0, "max_iters = 30 is already reached");
  CHECK_FALSE(contains(read_file(dir / "run/config.toml"), "init_from"));
  write_file(dir / "text.txt",
             "something else entirely, and long enough to be split into windows of sixteen tokens\n");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=40"})), 3, "");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + (dir / "none").string()}), 3, "none");
  // A new run can begin with the weights of an old one, and takes its model over.
  std::vector<std::string> on = {"train", "--init_from=" + (dir / "run").string(),
                                 "--out_dir=" + (dir / "next").string(), "--max_iters=0", "--threads=1"};
  write_file(dir / "text.txt", std::string(small_text) + small_text + small_text + small_text + small_text);
  on.push_back("--dataset=" + (dir / "text.txt").string());
  CHECK_FAILS(hewn(on), 0, "done after step 0");
}

TEST_CASE("a run started from another has its model, and errors name the given key") {
  if (left_out()) return;
  const TempDir dir;
  CHECK(hewn(small_train(dir, {"--n_head=4", "--n_kv_head=2", "--pos=learned"})).exit_code == 0);
  const std::string text = (dir / "text.txt").string(), run = (dir / "run").string();
  const auto from = [&](const std::string& out, std::vector<std::string> more) {
    more.insert(more.begin(), {"train", "--init_from=" + run, "--out_dir=" + (dir / out).string(),
                               "--dataset=" + text, "--max_iters=1", "--threads=1", "--batch_size=2"});
    return hewn(more);
  };
  CHECK_FAILS(from("next", {"--n_head=2"}), 2, "--n_head: n_head = 2, but the run in " + run + " has 4");
  CHECK_FAILS(from("next", {"--n_kv_head=4"}), 2, "--n_kv_head: n_kv_head = 4, but");
  CHECK_FAILS(from("next", {"--act=relu"}), 2, "--act: act = relu, but");
  write_file(dir / "c.toml", "n_layer = 2\n");
  CHECK_FAILS(from("next", {(dir / "c.toml").string()}), 2, "c.toml:1:1: n_layer = 2, but");
  CHECK_FAILS(from("next", {"--block_size=32"}), 2, "--block_size: block_size = 32, but the model in " + run);
  CHECK_FALSE(fs::exists(dir / "next"));
  // The same value is no change, and what the weights do not depend on may be another.
  CHECK_FAILS(
      from("same", {"--n_head=4", "--norm_eps=0.00001", "--rope_theta=1e4", "--window=5", "--seed=3"}), 0,
      "done after step 1");
  // A shorter context takes the first of the learned positions.
  CHECK_FAILS(from("short", {"--block_size=8"}), 0, "done after step 1");
  CHECK(contains(hewn({"info", (dir / "short").string()}).out, "block_size  8\n"));
  // A key that the run's configuration lacks is that of its checkpoint: a run of an older program.
  make_old_run(dir / "run", [](std::string& config) {
    const size_t line = config.find("n_kv_head = 2\n");
    REQUIRE(line != config.npos);
    config.erase(line, 14);
  });
  CHECK_FAILS(from("next", {"--n_kv_head=4"}), 2, "--n_kv_head: n_kv_head = 4, but");
  CHECK_FAILS(from("older", {}), 0, "done after step 1");
  CHECK(contains(hewn({"info", (dir / "older").string()}).out, "n_kv_head  2\n"));
  CHECK_FAILS(hewn(small_resume(dir, {"--norm_eps=0.1"})), 2, "a resumed run cannot change it");
}

TEST_CASE("the name of a published model is not a run, and the error says what to do") {
  const TempDir dir;
  for (const std::string name : {"gpt2", "gpt2-medium", "openai-community/gpt2"})
    CHECK_FAILS(hewn({"train", "--init_from=" + name, "--out_dir=" + (dir / "run").string()}), 3,
                "docs/import.md");
}

TEST_CASE("train and the library have the same defaults") {
  const TempDir dir;
  write_file(dir / "text.txt", std::string(small_text) + small_text + small_text + small_text + small_text +
                                   small_text + small_text + small_text);
  const auto r = hewn({"train", "--dry_run", "--dataset=" + (dir / "text.txt").string()});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const auto check = [&](const auto& keys, const auto& config) {
    for (const auto& key : keys) {
      if (key.from_data) continue;
      if (const KeyValue usual = key.get(config); usual == KeyValue(std::string()))
        continue;  // nothing to save
      INFO(key.name);
      const std::string line = "\n" + std::string(key.name) + " = ";
      REQUIRE(contains(r.out, line));
      std::string value = r.out.substr(r.out.find(line) + line.size());
      value = value.substr(0, value.find('\n'));
      const KeyValue expected = key.get(config);
      if (const auto* real = std::get_if<double>(&expected))
        CHECK(std::stod(value) == *real);
      else
        CHECK(value == (std::holds_alternative<std::string>(expected) ? '"' + text_of(expected) + '"'
                                                                      : text_of(expected)));
    }
  };
  check(model_keys, ModelConfig{}.resolved());
  check(training_keys, TrainConfig{});
  check(watching_keys, TrainConfig{});
}

TEST_CASE("a run older than pos_scale keeps its sinusoids") {
  const TempDir dir;
  CHECK(hewn(small_train(dir, {"--pos=sin", "--pos_scale=1"})).exit_code == 0);
  const fs::path file = dir / "run/config.toml";
  const std::string key = "pos_scale = 1.0\n";
  make_old_run(dir / "run", [&](std::string& config) {
    REQUIRE(contains(config, key));
    config.erase(config.find(key), key.size());
  });
  CHECK_FAILS(hewn(small_resume(dir, {"--pos_scale=0.0283"})), 2, "pos_scale = 0.0283, but the run in");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 0, "done after step 30");
  CHECK(contains(read_file(file), key));
  CHECK(contains(hewn({"train", "--dry_run", "--init_from=" + (dir / "run").string(),
                       "--dataset=" + (dir / "text.txt").string(), "--out_dir=" + (dir / "next").string()})
                     .out,
                 key));
}

TEST_CASE("invalid training data has status 3 and leaves no files") {
  if (left_out()) return;
  const TempDir dir;
  write_file(dir / "empty.txt", "");
  write_file(dir / "short.txt", "abc\n");
  write_file(dir / "bytes.txt", "abc\xff\xfe ...");
  const std::string run = (dir / "run").string();
  const auto with = [&](const std::string& dataset, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"train", "--dataset=" + dataset, "--out_dir=" + run});
    return hewn(more);
  };
  CHECK_FAILS(with((dir / "none.txt").string()), 3, "none.txt");
  CHECK_FAILS(with((dir / "empty.txt").string()), 3, "empty.txt");
  CHECK_FAILS(with((dir / "short.txt").string()), 3, "short.txt");
  CHECK_FAILS(with((dir / "bytes.txt").string()), 3, "bytes.txt");
  CHECK_FAILS(with("tales:0"), 2, "tales");
  CHECK_FAILS(with("tales", {"--val=" + (dir / "none.txt").string()}), 3, "none.txt");
  CHECK_FAILS(with("tales", {"--n_head=3"}), 2, "n_head");
  CHECK_FAILS(with("tales", {"--min_lr=1", "--learning_rate=0.1"}), 2, "min_lr");
  CHECK_FAILS(with("tales", {"--warmup_iters=10", "--max_iters=5"}), 2, "warmup_iters");
  CHECK_FAILS(with("tales", {"--matmul_precision=tf32"}), 2, "device cpu has no TF32");
  CHECK_FAILS(with("tales", {"--device=gpu"}), 2, "device = 'gpu' is not one of cpu");
  if (!why_no_cuda().empty())
    CHECK_FAILS(with("tales", {"--device=cuda"}), 1, "device cuda is not usable: " + why_no_cuda() + "\n");
  CHECK_FAILS(hewn({"train", "book.txt"}), 2, "give a text as --dataset=FILE");
  CHECK_FALSE(fs::exists(run));
  write_file(dir / "file", "");
  CHECK_FAILS(hewn(small_train(dir, {"--out_dir=" + (dir / "file").string()})), 2, "");
  CHECK_FAILS(hewn(small_train(dir, {"--out_dir=/proc/none/run"})), 1, "/proc/none");
}

TEST_CASE("a run that does not fit in memory is refused with status 4") {
  if (left_out()) return;
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--n_embd=65536", "--n_layer=500"})), 4, "are free; no batch_size fits");
  CHECK_FAILS(hewn(small_train(dir, {"--batch_size=1000000"})), 4, "batch_size up to ");
  CHECK_FAILS(hewn(small_train(dir, {"--batch_size=1000000", "--gradient_accumulation_steps=1000000"})), 4,
              "the tokens of one step");
  CHECK_FAILS(hewn({"bench", "train", "--vocab_size=1000", "--n_embd=65536", "--n_layer=500"}), 4,
              "are free");
  CHECK_FALSE(fs::exists(dir / "run"));
}

TEST_CASE("non-finite numbers stop training with status 5") {
  const TempDir dir;
  const auto r = hewn(small_train(dir, {"--learning_rate=1e6", "--grad_clip=0", "--optimizer=sgd",
                                        "--warmup_iters=0", "--max_iters=200", "--eval_interval=200"}));
  CHECK_FAILS(r, 5, "not finite. First bad node: ");
}

TEST_CASE("a damaged run is reported, with the older checkpoint") {
  const TempDir dir;
  CHECK(hewn(small_train(dir)).exit_code == 0);
  const auto file = dir / "run/checkpoints/step-000020/model.safetensors";
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(file, bytes);
  const auto verified = hewn({"verify", (dir / "run").string()});
  CHECK(verified.exit_code == 5);
  CHECK(contains(verified.out, "step-000010: intact"));
  CHECK(contains(verified.out, "model.safetensors"));
  CHECK_FAILS(hewn({"sample", (dir / "run").string()}), 3, "step-000010");
  CHECK_FAILS(hewn(small_resume(dir)), 3, "step-000010");
  CHECK(hewn({"sample", (dir / "run/checkpoints/step-000010").string(), "--max_new_tokens=3"}).exit_code ==
        0);
}

TEST_CASE("invalid prompts and runs are refused") {
  const TempDir dir;
  CHECK(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn({"sample"}, {.directory = "/"}), 2, "no run was given");
  CHECK_FAILS(hewn({"chat"}, {.directory = "/"}), 2, "no run was given; use `hewn chat RUN`");
  CHECK_FAILS(hewn({"sample", (dir / "none").string()}), 3, "none");
  CHECK_FAILS(hewn({"eval", dir.path().string()}), 3, dir.path().string());
  CHECK_FAILS(hewn({"sample", run, "--start=Ж"}), 3, "Ж");
  CHECK_FAILS(hewn({"sample", run, "--start="}), 2, "prompt is empty");
  CHECK_FAILS(hewn({"sample", run, "--temperature=-1"}), 2, "out of range");
  CHECK_FAILS(hewn({"sample", run, "--top_p=1.5"}), 2, "out of range");
  CHECK_FAILS(hewn({"sample", run, "--stop=a||b"}), 2, "stop string is empty");
  CHECK_FAILS(hewn({"sample", run, "--beam=2", "--num_samples=3"}), 2, "exceeds beam = 2");
  CHECK_FAILS(hewn({"sample", run, "--beam=2", "--top_k=3"}), 2, "does not apply to beam search");
  CHECK_FAILS(hewn({"sample", run, "--json", "--show_probs"}), 2, "give one of them");
  write_file(dir / "run/tokenizer.json", "{}");
  CHECK_FAILS(hewn({"sample", run}), 3, "tokenizer.json");
}

TEST_CASE("verify checks resuming and thread counts") {
  if (left_out()) return;
  const std::vector<std::string> small = {"verify",        "--n_layer=1",     "--n_head=2",
                                          "--n_embd=16",   "--dataset=tales", "--batch_size=2",
                                          "--max_iters=6", "--eval_iters=1"};
  auto resume = small, threads = small;
  resume.push_back("--resume");
  threads.push_back("--threads=1,2,3");
  const auto a = hewn(resume), b = hewn(threads);
  CHECK(a.exit_code == 0);
  CHECK(contains(a.out, "3 + 3 steps and 6 without a stop: same bits"));
  CHECK(b.exit_code == 0);
  CHECK(contains(b.out, "3 threads and 1: same bits"));
  CHECK_FAILS(hewn({"verify"}, {.directory = "/"}), 2, "no run was given");
  CHECK_FAILS(hewn({"verify", "--threads=1,x"}), 2, "'x' is not a whole number from 1 to 1024");
}

}  // namespace hewn::test
