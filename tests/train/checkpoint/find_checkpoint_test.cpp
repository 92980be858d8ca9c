// Which checkpoint a path means, what damage is found, what is removed and what is not.

#include "train/checkpoint/find_checkpoint.h"

#include <filesystem>

#include "core/io/file.h"
#include "core/io/manifest.h"
#include "tests/train/checkpoint/made.h"
#include "train/checkpoint/layout.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using namespace test;

bool says(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

/// The working directory while this lives.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const fs::path& path) : before_(fs::current_path()) { fs::current_path(path); }
  ~WorkingDirectory() {
    std::error_code ignored;
    fs::current_path(before_, ignored);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;

 private:
  fs::path before_;
};

}  // namespace

TEST_CASE("a checkpoint is named by its step, in digits only", "[checkpoint]") {
  CHECK(step_of_name(name_of_step(1200)) == 1200);
  CHECK(step_of_name("step-999999999999999999") == 999999999999999999);
  for (const char* other :
       {"", "step", "step-", "step-12a", "step--12", "Step-000012", "last", "step-1000000000000000000"}) {
    INFO(other);
    CHECK(!step_of_name(other));
  }
}

TEST_CASE("damage is detected and reported, and an intact checkpoint suggested", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {10, 20, 30});
  const fs::path newest = dir / "checkpoints/step-000030", offered = dir / "checkpoints/step-000020";
  Random random("damage");
  const auto damaged = [&](const std::string& what) {
    INFO("expected: " << what);
    CHECK(checkpoint_damage(newest.string()).find(what) != std::string::npos);
    CHECK_ERROR(hold_checkpoint(run, "", Compared::all), ErrorCode::input, what);
    if (what == "optimizer.safetensors has changed") return;  // only training reads it
    CHECK_ERROR(find_checkpoint(run), ErrorCode::input, what);
    CHECK_ERROR(find_checkpoint(run), ErrorCode::input, offered.string());
    CHECK_ERROR(find_checkpoint(newest.string() + "/"), ErrorCode::input, offered.string());
  };
  for (const std::string name : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string whole = read_file(newest / name);
    for (int repeat = 0; repeat < repeats(5, 200); ++repeat) {
      const auto at = static_cast<size_t>(random.integer(0, static_cast<int64_t>(whole.size()) - 1));
      INFO("byte " << at);
      flip(newest / name, at);
      damaged(name + " has changed");
      write_file(newest / name, whole);
    }
    write_file(newest / name, whole.substr(0, whole.size() / 2));
    damaged(name + " has " + std::to_string(whole.size() / 2) + " bytes");
    write_file(newest / name, whole + "x");
    damaged(name + " has " + std::to_string(whole.size() + 1) + " bytes");
    fs::remove(newest / name);
    damaged(name + " cannot be read");
    write_file(newest / name, whole);
  }
  CHECK(fs::equivalent(find_checkpoint(run), newest));

  const std::string manifest = read_file(newest / "MANIFEST");
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("garbage"), manifest.substr(0, manifest.size() / 2),
        manifest.substr(1), manifest.substr(0, manifest.find('\n') + 1), std::string(300, '\0')}) {
    INFO(bad);
    write_file(newest / "MANIFEST", bad);
    damaged("MANIFEST");
  }
  fs::remove(newest / "MANIFEST");  // then it does not count
  CHECK(fs::equivalent(find_checkpoint(run), offered));
  flip(offered / "model.safetensors", 1000);
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, (dir / "checkpoints/step-000010").string());
  flip(dir / "checkpoints/step-000010/state.json", 0);
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, "the run has no other intact checkpoint");
}

TEST_CASE("a run without checkpoints is distinguished from other directories", "[checkpoint]") {
  const TempDir dir;
  CHECK_ERROR(find_checkpoint((dir / "nothing").string()), ErrorCode::input,
              "nothing does not exist; give a run");
  CHECK_ERROR(find_checkpoint(dir.path().string()), ErrorCode::input, "has no checkpoint");
  write_file(dir / "config.json", "{}");
  CHECK_ERROR(find_checkpoint(dir.path().string()), ErrorCode::input,
              "is not a run; `hewn import` makes a run of another program's model");
  CHECK_ERROR(find_checkpoint((dir / "config.json").string()), ErrorCode::input,
              "is not a run or checkpoint directory (the --out_dir of a training); `hewn import`");
  CHECK(list_checkpoints(dir.path().string()).empty());
  fs::create_directory(dir / "openai");
  write_file(dir / "openai/hparams.json", "{}");
  CHECK_ERROR(find_checkpoint((dir / "openai").string()), ErrorCode::input, "is not a run; `hewn import`");
}

TEST_CASE("what has the name of a checkpoint but is none, or is unfinished and older, does not count",
          "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {10, 20});
  const fs::path all = dir / "checkpoints";
  fs::create_directory_symlink("step-000010", all / "step-000030");
  write_file(all / "step-000040", "a file");
  fs::create_directory(all / "step-000005");
  CHECK(steps_of(run) == std::vector<int64_t>{10, 20});
  const auto incomplete = incomplete_checkpoints(run);
  REQUIRE(incomplete.size() == 1);
  CHECK(incomplete[0].step == 5);
  const HeldCheckpoint held = hold_checkpoint(run);
  CHECK(held.path == (all / "step-000020").string());
  CHECK(held.remark.empty());
}

TEST_CASE("old checkpoints are removed, the best and the newest are kept", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2, 3, 4, 5}, 2);
  fs::create_directories(dir / "checkpoints/.unfinished-step-000006");  // what killed processes leave
  write_file(dir / "checkpoints/.unfinished-step-000006/model.safetensors", "half");
  fs::create_directories(dir / "checkpoints/.unfinished.old-step-000001");
  fs::create_symlink("step-000001", dir / "checkpoints/.unfinished-link-last");
  fs::create_directories(dir / "checkpoints/notes");  // what a person put there
  CHECK(prune_checkpoints(run, 2).empty());
  CHECK(steps_of(run) == std::vector<int64_t>{2, 4, 5});
  CHECK(leftovers(run) == std::vector<std::string>{"notes"});
  CHECK(checkpoint_state(find_checkpoint(run, "best")).step == 2);
  CHECK(checkpoint_state(find_checkpoint(run)).step == 5);
  prune_checkpoints(run, 1);
  CHECK(steps_of(run) == std::vector<int64_t>{2, 5});
}

TEST_CASE("links that a killed process did not update are corrected", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2}, 1);
  fs::remove(dir / "checkpoints/last");
  fs::create_symlink("step-000001", dir / "checkpoints/last");
  fs::remove(dir / "checkpoints/best");
  CHECK(checkpoint_state(find_checkpoint(run)).step == 2);
  Trained trained;
  RunState state = state_at(3);
  state.best_step = 2;
  save_checkpoint(run, state, trained.trainer);
  CHECK(checkpoint_state(find_checkpoint(run, "best")).step == 2);
  CHECK(checkpoint_state(find_checkpoint(run, "last")).step == 3);
}

TEST_CASE("a checkpoint under the name of another step, or without MANIFEST, is reported", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {10});
  const fs::path all = dir / "checkpoints";
  fs::copy(all / "step-000010", all / "step-000020");
  CHECK(says(checkpoint_damage((all / "step-000020").string()), "its step, 10"));
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, "its step, 10");
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, (all / "step-000010").string());
  CHECK(incomplete_checkpoints(run).empty());

  fs::remove(all / "step-000020/MANIFEST");
  const auto incomplete = incomplete_checkpoints(run);
  REQUIRE(incomplete.size() == 1);
  CHECK(incomplete[0].step == 20);
  const HeldCheckpoint held = hold_checkpoint(run);
  CHECK(held.path == (all / "step-000010").string());
  CHECK(says(held.remark, "step-000020 has no MANIFEST"));
  CHECK(says(held.remark, "step-000010"));
  CHECK(hold_checkpoint((all / "step-000010").string()).remark.empty());

  fs::remove(all / "step-000010/MANIFEST");
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, "step-000020 is damaged: it has no MANIFEST");
}

TEST_CASE("`best` that leads nowhere is replaced by the newest, with a remark", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2}, 1);
  CHECK(checkpoint_state(hold_checkpoint(run, "best").path).step == 1);
  CHECK(hold_checkpoint(run, "best").remark.empty());
  fs::remove_all(dir / "checkpoints/step-000001");
  const HeldCheckpoint held = hold_checkpoint(run, "best");
  CHECK(checkpoint_state(held.path).step == 2);
  CHECK(says(held.remark, "best leads to no checkpoint"));
}

TEST_CASE("a link to a checkpoint is followed before the checkpoint is held", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2}, 1);
  const std::string first = (dir / "checkpoints/step-000001").string(),
                    second = (dir / "checkpoints/step-000002").string();
  CHECK(hold_checkpoint(run + "/checkpoints/best").path == first);
  CHECK(hold_checkpoint(run + "/checkpoints/best/").path == first);
  CHECK(hold_checkpoint(run + "/checkpoints/last").path == second);
  CHECK(hold_checkpoint(run, "best").path == first);
  fs::create_symlink(second, dir / "link");
  const HeldCheckpoint held = hold_checkpoint((dir / "link").string());
  CHECK(held.path == second);
  fs::remove(dir / "link");
  CHECK(held.use.is_there());
}

TEST_CASE("`best` that leads to a checkpoint of another run is refused", "[checkpoint]") {
  const TempDir dir;
  const std::string run = (dir / "run").string(), other = (dir / "other/checkpoints/step-000001").string();
  make_checkpoints(run, {1, 2}, 1);
  make_checkpoints((dir / "other").string(), {1});
  fs::remove(run + "/checkpoints/best");
  fs::create_symlink(other, run + "/checkpoints/best");
  CHECK_ERROR(hold_checkpoint(run, "best"), ErrorCode::input,
              run + "/checkpoints/best points outside of the run, to " + other);
  CHECK(hold_checkpoint(run + "/checkpoints/best").path == other);  // asked for by its own path
}

TEST_CASE("files of the run are compared wherever a checkpoint is named from", "[checkpoint]") {
  const TempDir dir;
  write_file(dir / "tokenizer.json", "first\n");
  make_checkpoints(dir.path().string(), {10});
  write_file(dir / "tokenizer.json", "second\n");
  using Name = std::pair<const char*, const char*>;  // where, and what of there
  for (const Name& name : {Name("checkpoints", "step-000010"), Name(".", "checkpoints/last"),
                           Name("checkpoints/step-000010", ".")}) {
    INFO(name.first << ", " << name.second);
    const WorkingDirectory here(dir / name.first);
    CHECK_ERROR(hold_checkpoint(name.second), ErrorCode::input,
                "tokenizer.json has changed since the run saved");
  }
}

TEST_CASE("a damaged MANIFEST is reported in one line", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {10, 20});
  const fs::path newest = dir / "checkpoints/step-000020";
  write_file(newest / "MANIFEST", "garbage");
  const Thrown thrown = thrown_by([&] { hold_checkpoint(run); });
  CHECK(thrown.text == "checkpoint " + newest.string() +
                           " is damaged: line 1 does not have the form \"checksum  bytes  name\", while "
                           "reading " +
                           (newest / "MANIFEST").string() + "; remove it to resume from an intact one: " +
                           (dir / "checkpoints/step-000010").string());
}

TEST_CASE("files of a run that are not those of its checkpoint are refused", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  for (const char* name : {"tokenizer.json", "task.json", "metrics.jsonl", "config.toml"})
    write_file(dir / name, "first\n");
  make_checkpoints(run, {1});
  CHECK(read_file(dir / "checkpoints/step-000001/config.toml") == "first\n");
  CHECK_NOTHROW(find_checkpoint(run));
  write_file(dir / "metrics.jsonl", "first\nsecond\n");  // training goes on
  write_file(dir / "config.toml", "second\n");           // may be changed by flags
  CHECK_NOTHROW(find_checkpoint(run));
  for (const char* name : {"tokenizer.json", "task.json"}) {
    write_file(dir / name, "forst\n");
    CHECK_ERROR(find_checkpoint(run), ErrorCode::input, (dir / name).string() + " has changed since");
    fs::remove(dir / name);  // whoever needs it says that it is missing
    CHECK_NOTHROW(find_checkpoint(run));
    write_file(dir / name, "first\n");
  }
}

TEST_CASE("a checkpoint that is being read is not pruned", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2, 3});
  {
    const HeldCheckpoint held = hold_checkpoint((dir / "checkpoints/step-000001").string());
    prune_checkpoints(run, 1);
    CHECK(steps_of(run) == std::vector<int64_t>{1, 3});
    CHECK(checkpoint_damage(held.path).empty());
  }
  prune_checkpoints(run, 1);
  CHECK(steps_of(run) == std::vector<int64_t>{3});
}

}  // namespace hewn
