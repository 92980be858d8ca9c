// MANIFEST: what it says about a directory and its run, and that no change of its own text is overlooked.

#include "core/io/manifest.h"

#include <sys/resource.h>

#include <filesystem>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using test::write_file;

Manifest written(const test::TempDir& dir) {
  Manifest manifest;
  fs::create_directories(dir / "checkpoint");
  for (const char* name : {"a.json", "b.safetensors"})
    manifest.add(name,
                 write_file_atomically((dir / "checkpoint" / name).string(), std::string("text of ") + name));
  for (const char* name : {"tokenizer.json", "metrics.jsonl"}) {
    write_file(dir / name, "a line\n");
    manifest.add_of_run(dir.path().string(), name);
  }
  manifest.add_of_run(dir.path().string(), "task.json");  // not there
  manifest.write((dir / "checkpoint").string());
  return manifest;
}

}  // namespace

TEST_CASE("a manifest is read as it was written", "[manifest]") {
  const test::TempDir dir;
  const Manifest manifest = written(dir), read = Manifest::read((dir / "checkpoint").string());
  CHECK((read.files() == manifest.files()));
  CHECK((read.files_of_run() == manifest.files_of_run()));
  CHECK(read.files().size() == 2);
  CHECK(read.files_of_run().size() == 2);
}

TEST_CASE("each changed bit of a manifest is noticed", "[manifest]") {
  const test::TempDir dir;
  written(dir);
  const std::string directory = (dir / "checkpoint").string(),
                    whole = test::read_file(dir / "checkpoint/MANIFEST");
  for (size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      write_file(dir / "checkpoint/MANIFEST", changed);
      // What is no longer the last line is the line of a file that does not exist.
      INFO("byte " << at << ", bit " << bit);
      CHECK(test::fails(ErrorCode::input, {}, [&] {
        if (const auto damage = Manifest::read(directory).damage(directory); !damage.empty())
          fail(ErrorCode::input, damage);
      }));
    }
}

TEST_CASE("a manifest by an earlier version has no last line", "[manifest]") {
  const test::TempDir dir;
  const Manifest manifest = written(dir);
  const std::string whole = test::read_file(dir / "checkpoint/MANIFEST");
  const std::string lines = whole.substr(0, whole.find('\n', whole.find("b.safetensors")) + 1);
  write_file(dir / "checkpoint/MANIFEST", lines);
  const Manifest read = Manifest::read((dir / "checkpoint").string());
  CHECK((read.files() == manifest.files()));
  CHECK(read.files_of_run().empty());
}

TEST_CASE("a manifest finds what is missing, changed or too much", "[manifest]") {
  const test::TempDir dir;
  const Manifest manifest = written(dir);
  const std::string directory = (dir / "checkpoint").string(), run = dir.path().string();
  CHECK(manifest.damage(directory).empty());
  CHECK(manifest.damage_of_run(run).empty());
  CHECK(manifest.unlisted(directory).empty());

  write_file(dir / "checkpoint/notes.txt", "");
  CHECK(manifest.unlisted(directory) == std::vector<std::string>{"notes.txt"});
  write_file(dir / "checkpoint/a.json", "text of A.json");
  CHECK(manifest.damage(directory) == "a.json has changed since it was written (its checksum differs)");
  write_file(dir / "checkpoint/a.json", "text");
  CHECK(manifest.damage(directory) == "a.json has 4 bytes; expected 14");

  write_file(dir / "metrics.jsonl", "a line\nanother\n");
  CHECK(manifest.damage_of_run(run).empty());
  write_file(dir / "metrics.jsonl", "A line\nanother\n");
  CHECK(manifest.damage_of_run(run) ==
        "metrics.jsonl has changed since it was written (its checksum differs)");
  write_file(dir / "metrics.jsonl", "a");
  CHECK(manifest.damage_of_run(run) == "metrics.jsonl has 1 bytes; expected at least 7");
  write_file(dir / "tokenizer.json", "a line\nanother\n");
  CHECK(manifest.damage_of_run(run, "tokenizer.json") == "tokenizer.json has 15 bytes; expected 7");
  fs::remove(dir / "tokenizer.json");
  CHECK(manifest.damage_of_run(run, "tokenizer.json").starts_with("tokenizer.json cannot be read"));
}

TEST_CASE("a manifest with an impossible name, or of more than 1 MiB, is refused", "[manifest]") {
  const test::TempDir dir;
  const std::string directory = dir.path().string(), sum = "0123456789abcdef  1  ";
  for (const char* name : {"a/b", "/", "a\x01", "a\x7f"}) {
    INFO(name);
    write_file(dir / "MANIFEST", sum + "good\n" + sum + name + "\n");
    CHECK(
        test::fails(ErrorCode::input, {"line 2 does not have the form"}, [&] { Manifest::read(directory); }));
  }
  write_file(dir / "MANIFEST", sum + "good\n" + std::string(size_t{1} << 20, '\n'));
  CHECK(test::fails(ErrorCode::input, {"is larger than 1048576 bytes"}, [&] { Manifest::read(directory); }));
}

TEST_CASE("a listed file that cannot be opened is damage", "[manifest]") {
  const test::TempDir dir;
  const Manifest manifest = written(dir);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::string damage;
  const auto error = test::error_of([&] { damage = manifest.damage((dir / "checkpoint").string()); });
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_FALSE(error);
  CHECK(damage.starts_with((dir / "checkpoint/a.json").string() + ": cannot be read: Too many open files"));
}

}  // namespace hewn
