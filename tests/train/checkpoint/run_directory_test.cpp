// RUN/: who may write there, and what its metrics keep.

#include "train/checkpoint/run_directory.h"

#include <filesystem>
#include <iterator>

#include "tests/train/tiny.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using Open = RunDirectory::Open;

/// How many files this process has open.
int64_t open_files() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
}

}  // namespace

TEST_CASE("a run directory is new, empty, forced or resumed", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "deep/er/run").string();
  CHECK_ERROR(RunDirectory(path, Open::resume), ErrorCode::input, "no run");
  { const RunDirectory fresh(path + "//", Open::fresh); }
  CHECK_ERROR(RunDirectory(path, Open::resume), ErrorCode::input, "no run");
  { const RunDirectory still_empty(path, Open::fresh); }
  test::write_file(path + "/.hewn-tmp-123-0", "of a process that was killed at once");
  { const RunDirectory still_empty(path, Open::fresh); }
  CHECK_FALSE(fs::exists(path + "/.hewn-tmp-123-0"));

  test::write_file(path + "/task.json", "of a run that never began");
  CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::usage, "is not empty; start over with --force");
  test::write_file(path + "/config.toml", "first");
  CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::usage, "--init_from=resume");
  { const RunDirectory again(path, Open::resume); }
  { const RunDirectory forced(path, Open::force); }
  CHECK(test::read_file(path + ".1/config.toml") == "first");
  CHECK_FALSE(fs::exists(path + "/config.toml"));
  test::write_file(path + "/config.toml", "second");
  { const RunDirectory forced(path, Open::force); }
  CHECK(test::read_file(path + ".1/config.toml") == "first");
  CHECK(test::read_file(path + ".2/config.toml") == "second");

  fs::create_directories(dir / "out/other");  // a run may have others inside, but nothing else
  test::write_file(dir / "out/other/config.toml", "other");
  const std::string out = (dir / "out").string();
  CHECK_ERROR(RunDirectory(out, Open::resume), ErrorCode::input, "no run");
  { const RunDirectory around(out, Open::fresh); }
  { const RunDirectory forced(out, Open::force); }
  CHECK(test::read_file(out + "/other/config.toml") == "other");
  fs::create_directories(dir / "out/photos");
  CHECK_ERROR(RunDirectory(out, Open::fresh), ErrorCode::usage, "is not empty");

  test::write_file(dir / "file", "");
  CHECK_ERROR(RunDirectory((dir / "file").string(), Open::fresh), ErrorCode::usage, "is a file");
  CHECK_ERROR(RunDirectory((dir / "file/run").string(), Open::fresh), ErrorCode::failed, "cannot be created");
  CHECK_ERROR(RunDirectory("", Open::fresh), ErrorCode::usage, "empty");
  fs::create_directories(dir / "locked/.lock");
  CHECK_ERROR(RunDirectory((dir / "locked").string(), Open::fresh), ErrorCode::failed,
              ".lock: cannot be opened");
}

TEST_CASE("a run that cannot be moved aside is not written to", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  fs::create_directory(path);
  test::write_file(path + "/config.toml", "first");
  // The system refuses to rename a directory by the name that it has in itself.
  CHECK_ERROR(RunDirectory(path + "/.", Open::force), ErrorCode::failed, "cannot be renamed to make room");
  CHECK(test::read_file(path + "/config.toml") == "first");
  CHECK_NOTHROW(RunDirectory(path, Open::resume));
}

TEST_CASE("what a run left that was killed before it began is removed, and nothing else", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  fs::create_directory(path);
  const auto write_both = [&](const std::string& environment) {
    test::write_file(path + "/tokenizer.json", "{}");
    test::write_file(path + "/env.json", environment);
  };
  const std::string own = R"({"compiled_isas": []})";
  write_both(own);
  CHECK_ERROR(RunDirectory(path, Open::resume), ErrorCode::input, "no run");
  { const RunDirectory fresh(path, Open::fresh); }
  CHECK_FALSE(fs::exists(path + "/tokenizer.json"));
  CHECK_FALSE(fs::exists(path + "/env.json"));
  write_both(own);
  { const RunDirectory forced(path, Open::force); }
  CHECK_FALSE(fs::exists(path + "/env.json"));
  CHECK(fs::exists(path + ".1/env.json"));  // --force removes nothing

  for (const char* const other : {"{}", "not JSON"}) {
    write_both(other);
    CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::usage, "is not empty");
  }
  write_both(own);
  test::write_file(path + "/config.toml", "");
  { const RunDirectory begun(path, Open::resume); }
  CHECK(fs::exists(path + "/tokenizer.json"));
  fs::remove(path + "/config.toml");
  fs::remove(path + "/env.json");
  CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::usage, "is not empty");
  CHECK(fs::exists(path + "/tokenizer.json"));
}

TEST_CASE("a directory without a complete checkpoint counts as new, unless it holds something foreign",
          "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  const auto write_all = [&] {
    fs::remove_all(path);
    fs::create_directories(path + "/checkpoints/.unfinished-step-000000");
    fs::create_directory(path + "/samples");
    test::write_file(path + "/env.json", R"({"compiled_isas": []})");
    for (const char* const name : {"config.toml", "task.json", "metrics.jsonl", "train.log", "report.html",
                                   "samples/step-000000.txt", "checkpoints/.unfinished-step-000000/MANIFEST"})
      test::write_file(path + "/" + name, "x");
  };
  write_all();
  { const RunDirectory begun(path, Open::resume); }  // of new weights, it begins again
  CHECK(fs::exists(path + "/config.toml"));
  { const RunDirectory fresh(path, Open::fresh); }
  for (const auto& entry : fs::directory_iterator(path)) CHECK(entry.path().filename() == ".lock");
  write_all();
  RunDirectory(path, Open::resume).discard();
  CHECK_FALSE(fs::exists(path));

  for (const char* const foreign : {"notes.txt", "samples/mine.txt", "checkpoints/step-000005/MANIFEST",
                                    "checkpoints/step-000005/model.safetensors", "checkpoints/best/MANIFEST",
                                    "checkpoints/.unfinished.old-step-000005/MANIFEST"}) {
    INFO(foreign);
    write_all();
    fs::create_directories((path + "/" + foreign).substr(0, (path + "/" + foreign).rfind('/')));
    test::write_file(path + "/" + foreign, "y");
    CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::usage, "is not empty; resume it with");
    RunDirectory(path, Open::resume).discard();
    CHECK(test::read_file(path + "/" + foreign) == "y");
    CHECK(fs::exists(path + "/config.toml"));
  }
}

TEST_CASE("a run in use is locked", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  {
    const RunDirectory mine(path, Open::fresh);
    CHECK_ERROR(RunDirectory(path, Open::fresh), ErrorCode::failed, "in use by another process");
    test::write_file(path + "/config.toml", "mine");
    CHECK_ERROR(RunDirectory(path, Open::resume), ErrorCode::failed, "in use by another process");
    CHECK_ERROR(RunDirectory(path, Open::force), ErrorCode::failed, "in use by another process");
    CHECK(test::read_file(path + "/config.toml") == "mine");
    const int64_t before = open_files();
    CHECK_ERROR(RunDirectory(path, Open::resume), ErrorCode::failed, "in use by another process");
    CHECK(open_files() == before);
  }
  CHECK_NOTHROW(RunDirectory(path, Open::resume));
}

TEST_CASE("metrics are rewound to where a run resumes", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  RunDirectory run(path, Open::fresh);
  run.rewind_metrics(0, -1);
  const std::string lines[] = {R"({"step":0,"val_loss":3.5})", R"({"step":10,"loss":3})",
                               R"({"step":10,"val_loss":2.9})", R"({"step":20,"loss":2})",
                               R"({"step":20,"val_loss":1.9})"};
  const auto metrics = [&](size_t first_n) {
    std::string text;
    for (size_t i = 0; i < first_n; ++i) text += lines[i] + "\n";
    return text;
  };
  const auto rewound = [&](int64_t step, int64_t evaluated) {
    test::write_file(path + "/metrics.jsonl",
                     metrics(5) + "[1, 2]\n{\"step\":\"x\"}\n{\"loss\":1}\n{\"step\":2");
    run.rewind_metrics(step, evaluated);
    return test::read_file(path + "/metrics.jsonl");
  };
  CHECK(rewound(20, 20) == metrics(5));
  CHECK(rewound(20, 10) == metrics(4));  // it is evaluated again
  CHECK(rewound(15, 10) == metrics(3));
  CHECK(rewound(10, 0) == metrics(2));
  CHECK(rewound(0, 0) == metrics(1));
  CHECK(rewound(0, -1).empty());
  run.add_metrics(lines[0]);
  run.add_metrics(lines[1]);
  CHECK(test::read_file(path + "/metrics.jsonl") == metrics(2));
}

TEST_CASE("metrics that cannot be written are reported", "[run]") {
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  RunDirectory run(path, Open::fresh);
  fs::create_symlink("/dev/full", path + "/metrics.jsonl");
  CHECK_ERROR(run.add_metrics("{}"), ErrorCode::failed, "metrics.jsonl: cannot be written: No space left");
  CHECK_ERROR(run.sync_metrics(), ErrorCode::failed,
              "metrics.jsonl: cannot be written");  // a device is not synced
  fs::remove(path + "/metrics.jsonl");
  CHECK_NOTHROW(run.sync_metrics());
  run.add_metrics("{}");
  const auto execution = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  CHECK((fs::status(path + "/metrics.jsonl").permissions() & execution) == fs::perms::none);
  fs::remove(path + "/metrics.jsonl");
  fs::create_directory(path + "/metrics.jsonl");
  CHECK_ERROR(run.add_metrics("{}"), ErrorCode::failed, "metrics.jsonl: cannot be opened");
}

}  // namespace hewn
