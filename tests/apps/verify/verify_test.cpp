// `hewn verify` and all that read a run notice when its files do not belong together or have changed.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// Replaces the first occurrence of a text in a file.
void replace_in(const fs::path& file, const std::string& old, const std::string& fresh) {
  std::string text = read_file(file);
  const size_t at = text.find(old);
  REQUIRE(at != text.npos);
  write_file(file, text.replace(at, old.size(), fresh));
}

std::string run_in(const TempDir& dir) { return (dir / "run").string(); }

/// `hewn verify` must find damage, and say this.
void check_damage(const std::string& run, const std::string& part) {
  const ProcessResult r = hewn({"verify", run});
  INFO(r.out << r.err << "expected: " << part);
  CHECK(r.exit_code == 5);
  CHECK(contains(r.out, part));
}

}  // namespace

TEST_CASE("verify says what is intact, and what it cannot know") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const ProcessResult r = hewn({"verify", run_in(dir)});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  for (const char* name : {"/config.toml", "/tokenizer.json", "/metrics.jsonl", "/checkpoints/step-000010",
                           "/checkpoints/step-000020"})
    CHECK(contains(r.out, run_in(dir) + name + ": intact\n"));
  CHECK(contains(r.out, "not checked: env.json, train.log\n"));
}

TEST_CASE("a changed configuration is refused, and restored from the copy in a checkpoint") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const fs::path config = dir / "run/config.toml";
  const std::string whole = read_file(config);
  for (const auto& [old, fresh] : {std::pair("seed = 1337", "seed = 1336"),
                                   std::pair("learning_rate = 0.001", "learning_rate = 0.003")}) {
    replace_in(config, old, fresh);
    check_damage(run_in(dir), "/config.toml: has changed since it was written");
    CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 3,
                "config.toml has changed since it was written");
    CHECK_FAILS(hewn({"sample", run_in(dir)}), 3, "config.toml has changed since it was written");
    write_file(config, whole);
  }
  write_file(config, whole.substr(0, whole.rfind("\n# checksum")));
  check_damage(run_in(dir), "/config.toml: lacks its last line");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 3, "config.toml lacks its last line");
  fs::copy_file(dir / "run/checkpoints/step-000020/config.toml", config,
                fs::copy_options::overwrite_existing);
  CHECK(hewn({"verify", run_in(dir)}).exit_code == 0);
  CHECK(hewn(small_resume(dir, {"--max_iters=30"})).exit_code == 0);
}

TEST_CASE("changes by flags are kept, and said when the run goes on") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  CHECK(hewn(small_resume(dir, {"--learning_rate=0.002"})).exit_code == 0);  // nothing left to train
  CHECK(hewn({"verify", run_in(dir)}).exit_code == 0);
  const ProcessResult r = hewn(small_resume(dir, {"--max_iters=30"}));
  INFO(r.err);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.err, "learning_rate = 0.002, was 0.001 when "));
  CHECK_FALSE(contains(hewn(small_resume(dir)).err, "learning_rate"));
}

TEST_CASE("a checkpoint or configuration of another run is refused") {
  const TempDir dir, other;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  REQUIRE(hewn(small_train(other, {"--seed=7"})).exit_code == 0);
  const fs::path here = dir / "run/checkpoints/step-000020", there = other / "run/checkpoints/step-000020";
  const std::string config = read_file(dir / "run/config.toml");
  write_file(dir / "run/config.toml", read_file(other / "run/config.toml"));
  check_damage(run_in(dir), "has seed = 7, but ");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 3, "was trained with 1337; they do not belong");
  write_file(dir / "run/config.toml", config);

  fs::remove_all(here);
  fs::copy(there, here);
  check_damage(run_in(dir), "has seed = 1337, but ");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=30"})), 3, "was trained with 7; they do not belong");
}

TEST_CASE("damaged, renamed and incomplete checkpoints are named, and what is read instead") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const fs::path all = dir / "run/checkpoints";
  write_file(all / "step-000010/notes.txt", "");
  check_damage(run_in(dir), "step-000010: holds notes.txt, which MANIFEST does not list");
  fs::remove(all / "step-000010/notes.txt");

  fs::copy(all / "step-000010", all / "step-000030");
  check_damage(run_in(dir), "step-000030: its name does not match its step, 10");
  CHECK_FAILS(hewn(small_resume(dir)), 3, "step-000030 is damaged: its name");
  fs::remove_all(all / "step-000030");

  fs::remove(all / "step-000020/MANIFEST");
  check_damage(run_in(dir), "step-000020: has no MANIFEST");
  const ProcessResult sampled = hewn({"sample", run_in(dir), "--max_new_tokens=3"});
  CHECK(sampled.exit_code == 0);
  CHECK(contains(sampled.err, "step-000020 has no MANIFEST, so it is damaged; read instead: "));
  const ProcessResult resumed = hewn(small_resume(dir));
  CHECK(resumed.exit_code == 0);
  CHECK(contains(resumed.err, "step-000020 has no MANIFEST"));
  CHECK(hewn({"verify", run_in(dir)}).exit_code == 0);  // it was written again
}

TEST_CASE("a run never begins anew where its only checkpoint has lost its MANIFEST") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--eval_interval=20"})).exit_code == 0);
  fs::remove(dir / "run/checkpoints/step-000020/MANIFEST");
  CHECK_FAILS(hewn(small_resume(dir)), 3, "step-000020 is damaged: it has no MANIFEST");
}

TEST_CASE("runs by earlier versions are intact, go on, and are sealed from then on") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  make_old_run(dir / "run", [](std::string&) {});
  const ProcessResult old = hewn({"verify", run_in(dir)});
  INFO(old.out << old.err);
  CHECK(old.exit_code == 0);
  CHECK(contains(old.out, "not checked: env.json, metrics.jsonl, texts.json, tokenizer.json, train.log\n"));
  CHECK(hewn({"sample", run_in(dir), "--max_new_tokens=3"}).exit_code == 0);
  CHECK(hewn(small_resume(dir, {"--max_iters=30"})).exit_code == 0);
  replace_in(dir / "run/config.toml", "seed = 1337", "seed = 1336");
  check_damage(run_in(dir), "/config.toml: has changed since it was written");
}

TEST_CASE("a run of earlier versions with reduce = library opens, and goes on with exact sums") {
  const TempDir dir, exact;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  REQUIRE(hewn(small_train(exact, {"--max_iters=30", "--lr_decay_iters=20"})).exit_code == 0);
  make_old_run(dir / "run", [](std::string& config) {
    config.replace(config.find("reduce = \"exact\""), 16, "reduce = \"library\"");
  });
  CHECK_FAILS(hewn({"eval", run_in(dir)}), 0, "config.toml:");
  const ProcessResult next = hewn(small_resume(dir, {"--max_iters=30"}));
  CHECK_FAILS(next, 0,
              ": reduce = library is treated as exact: summed gradients have the bits of a single process");
  CHECK(next.err.find("reduce = library") == next.err.rfind("reduce = library"));
  CHECK(contains(read_file(dir / "run/config.toml"), "reduce = \"exact\"\n"));
  CHECK((read_file(dir / "run/checkpoints/last/model.safetensors") ==
         read_file(exact / "run/checkpoints/last/model.safetensors")));
  CHECK_FAILS(hewn(small_train(dir, {"--reduce=library", "--force"})), 2,
              "--reduce: reduce = 'library' is not one of exact");
}

TEST_CASE("metrics that end before the checkpoint are reported, and the run goes on") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const fs::path metrics = dir / "run/metrics.jsonl";
  const std::string whole = read_file(metrics);
  write_file(metrics, whole.substr(0, whole.size() / 2));
  check_damage(run_in(dir), "/metrics.jsonl: metrics.jsonl has ");
  const ProcessResult r = hewn(small_resume(dir, {"--max_iters=30"}));
  INFO(r.err);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.err, "expected at least " + std::to_string(whole.size())));
}

TEST_CASE("a flipped bit in any file of a run is noticed, or verify says that it does not check the file") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  Random random("flips");
  for (int repeat = 0; repeat < repeats(3, sampled() ? 10 : 60); ++repeat)
    for (const auto& entry : fs::recursive_directory_iterator(dir / "run")) {
      if (!entry.is_regular_file() || entry.is_symlink() || entry.file_size() == 0) continue;
      const std::string whole = read_file(entry.path()), name = entry.path().filename().string();
      std::string changed = whole;
      const auto at = static_cast<size_t>(random.integer(0, static_cast<int64_t>(whole.size()) - 1));
      changed[at] = static_cast<char>(changed[at] ^ (1 << random.integer(0, 7)));
      write_file(entry.path(), changed);
      const ProcessResult r = hewn({"verify", run_in(dir)});
      INFO(entry.path() << ", byte " << at << ": " << r.out << r.err);
      const size_t rest = r.out.find("not checked: ");
      CHECK((r.exit_code == 5 || (rest != r.out.npos && contains(r.out.substr(rest), name))));
      write_file(entry.path(), whole);
    }
}

TEST_CASE("one flipped bit of large weights is noticed by all who read them") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(
      hewn(small_train(dir, {"--n_embd=1216", "--n_head=2", "--max_iters=1", "--batch_size=1"})).exit_code ==
      0);
  const fs::path file = dir / "run/checkpoints/step-000001/model.safetensors";
  REQUIRE(fs::file_size(file) > (size_t{64} << 20));
  std::string weights = read_file(file);
  weights[weights.size() - 1000] ^= 1;
  write_file(file, weights);
  for (const char* command : {"sample", "eval"})
    CHECK_FAILS(hewn({command, run_in(dir)}), 3, "model.safetensors has changed since it was written");
}

TEST_CASE("verify --texts compares texts alone, in pieces and in company") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--tokenizer=byte", "--block_size=80"})).exit_code == 0);
  const ProcessResult r = hewn({"verify", run_in(dir), "--texts", "--num_samples=20"});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  CHECK(
      r.out.starts_with("20 texts alone, 1 thread: reference\nin pieces of 7 tokens, 1 thread: same bits\n"));
  CHECK(contains(r.out, "without a cache, 4 threads: same bits\n"));
  const ProcessResult rounded =
      hewn({"verify", run_in(dir), "--texts", "--num_samples=5", "--kv=q8_0", "--threads=3", "--dtype=bf16"});
  CHECK(rounded.exit_code == 0);
  CHECK(contains(rounded.out, "16 at a time, 3 threads: same bits\n"));
  CHECK_FALSE(contains(rounded.out, "without a cache"));
  const std::string file = (dir / "run.gguf").string();
  REQUIRE(hewn({"quantize", run_in(dir), "--format=q4_k_m", "--out=" + file}).exit_code == 0);
  CHECK_FAILS(hewn({"verify", file, "--texts", "--num_samples=5", "--threads=1,2"}), 0, "");
  CHECK_FAILS(hewn({"verify", run_in(dir), "--texts", "--resume"}), 2, "--resume");
  CHECK_FAILS(hewn({"verify", run_in(dir), "--texts", "--merged"}), 2, "--merged");
  CHECK_FAILS(hewn({"verify", (dir / "none").string(), "--texts"}), 3, "none does not exist");
}

TEST_CASE("keys and values can be rounded, and a plan counts them") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  for (const char* kv : {"--kv=bf16", "--kv=q8_0"})
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"sample", run_in(dir), "--max_new_tokens=30"},
          {"sample", run_in(dir), "--beam=2", "--max_new_tokens=30"},
          {"sample", run_in(dir), "--compare", "--max_new_tokens=5"},
          {"bench", "sample", run_in(dir), "--max_new_tokens=5", "--repeat=1"}}) {
      std::vector<std::string> with = command;
      with.emplace_back(kv);
      const ProcessResult r = hewn(with);
      INFO(r.err);
      CHECK(r.exit_code == 0);
    }
  CHECK_FAILS(hewn({"sample", run_in(dir), "--kv=bf16", "--dtype=f64"}), 2, "kv = bf16");
  CHECK_FAILS(hewn({"plan", run_in(dir), "--kv=f16"}), 2, "f32, bf16 or q8_0");
  const auto planned = [&](const char* kv) {
    return nlohmann::json::parse(hewn({"plan", run_in(dir), "--json", kv}).out)["cache_bytes"].get<int64_t>();
  };
#ifdef HEWN_CHECK_MEMORY
  const int64_t fences = 2 * 256;  // around the page
#else
  const int64_t fences = 0;
#endif
  CHECK(planned("--kv=f32") == 64 * 16 * 2 * 4 + fences);
  CHECK(planned("--kv=bf16") == 64 * 16 * 2 * 2 + fences);
  CHECK(planned("--kv=q8_0") == 64 * 16 * 2 + 2 * 2 * 64 * 4 + fences);
  const std::string line = hewn({"plan", run_in(dir)}).out;
  CHECK(contains(line, fences > 0 ? "writing     8.50 KiB for a text"
                                  : "writing     8.00 KiB for a text of 16 tokens\n"));
}

}  // namespace hewn::test
