
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "train/data/data_set_files.h"

using namespace hewn;
using test::read_file;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;
using Names = std::set<std::string>;

namespace {

Names names_in(const fs::path& directory) {
  Names names;
  for (const auto& entry : fs::directory_iterator(directory)) names.insert(entry.path().filename().string());
  return names;
}

const Names data_files{"train.bin", "val.bin", "tokenizer.json"};
const Names files_of_a_set{"train.bin", "val.bin", "tokenizer.json", "MANIFEST"};

void fill_set(NewDataSet& made, const std::string& content) {
  for (const std::string& name : data_files)
    made.add(name, write_file_atomically(made.file(name), content + name));
}

void publish_set(const fs::path& directory, const std::string& content, bool force = false) {
  NewDataSet made(directory.string(), force);
  fill_set(made, content);
  made.publish();
}

// Leaves what a process leaves that is killed before it publishes.
void die_before_publishing(const fs::path& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    NewDataSet made(directory.string(), true);
    fill_set(made, "never");
    ::_exit(0);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("a data set replaces another as a whole", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  publish_set(out, "old");
  CHECK(names_in(out) == files_of_a_set);
  CHECK_THROWS_WITH(NewDataSet(out.string(), false), Catch::Contains("out/train.bin: already exists"));
  {
    NewDataSet made(out.string() + "/", true);
    fill_set(made, "new");
    CHECK(read_file(out / "train.bin") == "oldtrain.bin");
    CHECK(names_in(out) == files_of_a_set);
  }
  CHECK(read_file(out / "val.bin") == "oldval.bin");
  publish_set(out, "new", true);
  CHECK(names_in(out) == files_of_a_set);
  CHECK(read_file(out / "train.bin") == "newtrain.bin");
  CHECK(Manifest::read(out.string()).damage(out.string()) == "");
  CHECK(names_in(dir.path()) == Names{"out"});
}

TEST_CASE("unfinished data sets of killed processes are removed by the next one", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  die_before_publishing(out);
  CHECK(names_in(dir.path()) == Names{".unfinished-out"});
  fs::create_directory(dir / ".unfinished.old-out");  // killed after the exchange
  publish_set(out, "one");
  CHECK(names_in(dir.path()) == Names{"out"});
  write_file(out / ".hewn-tmp-1-0", "of an earlier version");
  die_before_publishing(out);
  CHECK(names_in(out).contains("train.bin"));
  publish_set(out, "two", true);
  CHECK(names_in(dir.path()) == Names{"out"});
  CHECK(names_in(out) == files_of_a_set);

  // The same where other files keep the directory from being replaced.
  write_file(out / "mine.txt", "mine");
  die_before_publishing(out);
  CHECK(names_in(out).contains(".unfinished-data"));
  publish_set(out, "three", true);
  CHECK(names_in(dir.path()) == Names{"out"});
  CHECK(names_in(out).size() == files_of_a_set.size() + 1);

  // The same where they have come since.
  fs::remove(out / "mine.txt");
  die_before_publishing(out);
  CHECK(names_in(dir.path()) == Names{"out", ".unfinished-out"});
  write_file(out / "mine.txt", "mine");
  publish_set(out, "four", true);
  CHECK(names_in(dir.path()) == Names{"out"});
  CHECK(names_in(out).size() == files_of_a_set.size() + 1);
}

TEST_CASE("an unfinished data set beside the new one is kept while a process writes to it", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  publish_set(out, "old");
  NewDataSet first(out.string(), true);
  fill_set(first, "first");
  write_file(out / "mine.txt", "mine");
  publish_set(out, "second", true);
  CHECK(names_in(dir / ".unfinished-out") == Names{"train.bin", "val.bin", "tokenizer.json"});
  CHECK(read_file(out / "train.bin") == "secondtrain.bin");
}

TEST_CASE("a data set that cannot be created is refused with its place and the reason", "[data]") {
  const TempDir dir;
  const auto refused = [](const fs::path& path, std::initializer_list<std::string> parts) {
    return test::fails(ErrorCode::failed, parts, [&] { NewDataSet(path.string(), true); });
  };
  write_file(dir / "file", "mine");
  CHECK(refused(dir / "file", {(dir / "file").string() + ": cannot be created: it is a file"}));
  CHECK(read_file(dir / "file") == "mine");
  const std::string longest(255, 'n');  // a name of an unfinished directory is longer
  CHECK(refused(dir / longest, {longest + ": cannot be created: File name too long; shorten the name"}));
  write_file(dir / ".unfinished-out", "mine");
  CHECK(refused(dir / "out", {(dir / ".unfinished-out").string() + ": cannot be opened: Not a directory"}));
  CHECK(read_file(dir / ".unfinished-out") == "mine");
  CHECK(names_in(dir.path()) == Names{"file", ".unfinished-out"});
}

TEST_CASE("a directory with the name of a data set's file is kept", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  fs::create_directories(out / "train.bin/mine");
  CHECK(test::fails(ErrorCode::failed, {"out/train.bin: cannot be written: Is a directory"},
                    [&] { publish_set(out, "new", true); }));
  CHECK(names_in(out / "train.bin") == Names{"mine"});
  CHECK_FALSE(names_in(out).contains(".unfinished-data"));
}

TEST_CASE("a data set whose renames were interrupted between two gets its name back", "[data]") {
  const TempDir dir;
  publish_set(dir / "out", "old");
  fs::rename(dir / "out", dir / ".unfinished.old-out");
  CHECK_THROWS_WITH(NewDataSet((dir / "out").string(), false), Catch::Contains("already exists"));
  CHECK(read_file(dir / "out/train.bin") == "oldtrain.bin");
}

TEST_CASE("a data set named old-x, as an unfinished one, is not taken for a replaced x", "[data]") {
  const TempDir dir;
  NewDataSet old_x((dir / "old-x").string(), false);
  fill_set(old_x, "other");
  publish_set(dir / "x", "one");
  fs::rename(dir / "x", dir / ".unfinished.old-x");  // killed between two renames
  CHECK_THROWS_WITH(NewDataSet((dir / "x").string(), false), Catch::Contains("already exists"));
  CHECK(read_file(dir / "x/train.bin") == "onetrain.bin");
  fs::create_directory(dir / ".unfinished.old-x");  // killed after the exchange
  publish_set(dir / "x", "two", true);
  CHECK(names_in(dir.path()) == Names{".unfinished-old-x", "x"});
  old_x.publish();
  CHECK(read_file(dir / "old-x/train.bin") == "othertrain.bin");
  CHECK(read_file(dir / "x/train.bin") == "twotrain.bin");
  CHECK(names_in(dir.path()) == Names{"old-x", "x"});
}

TEST_CASE("files beside a data set are never lost", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  fs::create_directories(out / "sub");
  write_file(out / "text.txt", "mine");
  write_file(out / "sub/deep.txt", "mine too");
  for (const char* content : {"first", "second"}) {
    publish_set(out, content, true);
    CHECK(read_file(out / "text.txt") == "mine");
    CHECK(read_file(out / "sub/deep.txt") == "mine too");
    CHECK(read_file(out / "val.bin") == std::string(content) + "val.bin");
    CHECK(Manifest::read(out.string()).damage(out.string()) == "");
    CHECK(names_in(out).size() == files_of_a_set.size() + 2);
    CHECK(names_in(dir.path()) == Names{"out"});
  }
  // A file that appears while the data set is being made.
  const fs::path late = dir / "late";
  publish_set(late, "old");
  NewDataSet made(late.string(), true);
  fill_set(made, "new");
  write_file(late / "notes.txt", "mine");
  CHECK_THROWS_WITH(made.publish(), Catch::Contains("notes.txt") && Catch::Contains("is kept"));
  CHECK(read_file(late / "notes.txt") == "mine");
  CHECK(read_file(late / "train.bin") == "oldtrain.bin");
  // A MANIFEST of something else is not replaced, even with force.
  const fs::path other = dir / "other";
  fs::create_directory(other);
  for (const char* list : {"include *.py\n", "", "0123456789abcdef  3  model.safetensors\n"}) {
    write_file(other / "MANIFEST", list);
    CHECK_THROWS_WITH(NewDataSet(other.string(), true), Catch::Contains("does not belong to a data set"));
    CHECK(read_file(other / "MANIFEST") == list);
  }
}

TEST_CASE("links and the working directory are kept, not replaced", "[data]") {
  const TempDir dir;
  fs::create_directory(dir / "real");
  fs::create_directory_symlink("real", dir / "link");
  publish_set(dir / "link", "through");
  publish_set(dir / "link", "again", true);
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(read_file(dir / "real/train.bin") == "againtrain.bin");
  CHECK(names_in(dir.path()) == Names{"real", "link"});

  const fs::path before = fs::current_path();
  fs::current_path(dir / "real");
  publish_set(".", "here", true);
  CHECK(read_file("train.bin") == "heretrain.bin");  // still the same directory
  fs::current_path(dir.path());
  publish_set("deep/er/out/", "made");
  fs::current_path(before);
  CHECK(names_in(dir / "real") == files_of_a_set);
  CHECK(names_in(dir / "deep/er/out") == files_of_a_set);
}

TEST_CASE("the MANIFEST of a data set whose files are gone is replaced with force only", "[data]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  publish_set(out, "old");
  for (const std::string& name : data_files) fs::remove(out / name);
  CHECK_THROWS_WITH(
      NewDataSet(out.string(), false),
      Catch::Contains(
          "out/MANIFEST: already exists; write to another directory, or replace it with --force"));
  publish_set(out, "new", true);
  CHECK(names_in(out) == files_of_a_set);
}

TEST_CASE("two processes do not write one data set at once", "[data]") {
  const TempDir dir;
  const std::string out = (dir / "out").string();
  NewDataSet first(out, false);
  CHECK_THROWS_WITH(NewDataSet(out, false), Catch::Contains("another process is preparing this data set"));
  fill_set(first, "first");
  first.publish();
  CHECK(read_file(dir / "out/val.bin") == "firstval.bin");
}

TEST_CASE("shards of a longer data set are removed, and nothing else", "[data]") {
  const TempDir dir;
  const Names shards{"train-000.bin", "train-001.bin", "train-002.bin", "val-000.bin"};
  const Names others{"train-02.bin", "x_train_000001.bin", "train-000.bin.txt"};
  for (const bool beside_others : {false, true}) {
    const fs::path out = dir / (beside_others ? "shared" : "own");
    {
      NewDataSet made(out.string(), false);
      for (const std::string& name : shards) made.add(name, write_file_atomically(made.file(name), "old"));
      made.publish();
    }
    if (beside_others)
      for (const std::string& name : others) write_file(out / name, "mine");
    CHECK_THROWS_WITH(NewDataSet(out.string(), false), Catch::Contains("/train-000.bin: already exists"));
    publish_set(out, "new", true);
    Names expected = files_of_a_set;
    if (beside_others) expected.insert(others.begin(), others.end());
    CHECK(names_in(out) == expected);
    CHECK(read_file(out / "train.bin") == "newtrain.bin");
    CHECK(Manifest::read(out.string()).damage(out.string()) == "");
  }
}
