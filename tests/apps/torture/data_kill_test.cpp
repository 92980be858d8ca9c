// `hewn data prepare --force`, killed at any moment: the directory holds the old data set or the new one, whole.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "tests/apps/hewn.h"
#include "tests/support/random.h"
#include "train/data/data.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// Two texts of the same characters and length, which take a while to prepare.
void write_texts(const TempDir& dir) {
  std::string text;
  for (int i = 0; i < 40000; ++i)
    text += "abcdefghij the quick fox and " + std::to_string(i % 1000 + 1000) + "\n";
  write_file(dir / "0.txt", text);
  std::reverse(text.begin(), text.end());
  write_file(dir / "1.txt", text);
}

std::vector<std::string> prepare(const TempDir& dir, int text, const std::string& out) {
  return {hewn_program().string(),
          "data",
          "prepare",
          (dir / (std::to_string(text) + ".txt")).string(),
          "--out_dir=" + (dir / out).string(),
          "--force"};
}

uint64_t hash_of(const fs::path& directory) { return open_dataset({.dataset = directory.string()}).hash; }

/// Kills `data prepare` in out at `times` moments, always replacing one text by the other, and calls
/// check(hash of the old data set, hash of the new one) after each.
template <class Check>
void kill_often(const TempDir& dir, int times, const Check& check) {
  uint64_t hashes[2];
  double seconds = 0;
  for (const int text : {0, 1}) {
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(run_program(prepare(dir, text, "out")).exit_code == 0);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    hashes[text] = hash_of(dir / "out");
  }
  REQUIRE(hashes[0] != hashes[1]);
  Random random("kills of data prepare");
  int killed = 0, text = 0;
  for (int i = 0; i < times; ++i, text = 1 - text) {
    Process process(prepare(dir, text, "out"));
    // Half of them near the end, when the data set appears.
    const double when = i % 2 == 0 ? random.uniform(0, 1.1) : random.uniform(0.7, 1.1);
    std::this_thread::sleep_for(std::chrono::duration<double>(when * seconds));
    process.send(SIGKILL);
    killed += process.finish().signal == SIGKILL;
    INFO("kill " << i << " after " << when * seconds << " of " << seconds << " s");
    check(hashes[1 - text], hashes[text]);
    REQUIRE(run_program(prepare(dir, text, "out")).exit_code == 0);
    CHECK(hash_of(dir / "out") == hashes[text]);
  }
  CHECK(killed > times / 4);
}

}  // namespace

TEST_CASE("data prepare killed at any moment leaves the old data set or the new one") {
  if (left_out()) return;
  const TempDir dir;
  write_texts(dir);
  int old = 0, replaced = 0;
  kill_often(dir, repeats(24, 200), [&](uint64_t before, uint64_t after) {
    const uint64_t hash = hash_of(dir / "out");
    CHECK((hash == before || hash == after));
    ++(hash == before ? old : replaced);
    CHECK(hewn({"train", "--dataset=" + (dir / "out").string(), "--out_dir=" + (dir / "run").string(),
                "--force", "--n_layer=1", "--n_head=1", "--n_embd=8", "--block_size=8", "--batch_size=2",
                "--max_iters=1", "--eval_iters=1", "--threads=1", "--dry_run"})
              .exit_code == 0);
  });
  INFO(old << " times the old data set, " << replaced << " times the new one");
  CHECK(old > 0);
  fs::remove_all(dir / "run");
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    INFO("left behind: " << entry.path());
    CHECK(entry.path().filename().string().front() != '.');
  }
  CHECK(std::distance(fs::directory_iterator(dir / "out"), fs::directory_iterator()) == 4);
}

TEST_CASE("data prepare killed beside other files loses none and leaves no mixture") {
  if (left_out()) return;
  const TempDir dir;
  write_texts(dir);
  fs::create_directory(dir / "out");
  write_file(dir / "out/notes.txt", "mine");
  kill_often(dir, repeats(12, 100), [&](uint64_t before, uint64_t after) {
    CHECK(read_file(dir / "out/notes.txt") == "mine");
    try {
      const uint64_t hash = hash_of(dir / "out");
      CHECK((hash == before || hash == after));
    } catch (const Error& error) {  // between the renames
      CHECK(error.code() == ErrorCode::input);
      CHECK(contains(error.what(), "another data set"));
    }
  });
  CHECK(std::distance(fs::directory_iterator(dir / "out"), fs::directory_iterator()) == 5);
}

TEST_CASE("train refuses a mixture of two data sets") {
  const TempDir dir;
  write_texts(dir);
  for (const int text : {0, 1})
    REQUIRE(run_program(prepare(dir, text, std::to_string(text) + "-set")).exit_code == 0);
  const auto train = [&] {
    return hewn({"train", "--dataset=" + (dir / "0-set").string(), "--out_dir=" + (dir / "run").string(),
                 "--dry_run"});
  };
  CHECK(train().exit_code == 0);
  fs::copy_file(dir / "1-set/train.bin", dir / "0-set/train.bin", fs::copy_options::overwrite_existing);
  CHECK_FAILS(train(), 3, (dir / "0-set/train.bin").string() + ": belongs to another data set");
  CHECK_FAILS(train(), 3, "hewn data prepare --force");
  fs::remove(dir / "0-set/train.bin");
  CHECK_FAILS(train(), 3, (dir / "0-set/train.bin").string());
}

}  // namespace hewn::test
