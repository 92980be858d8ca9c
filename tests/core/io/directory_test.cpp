// Directories that are replaced and removed as a whole, and left alone while they are read.

#include "core/io/directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("a directory is replaced with all it holds", "[directory]") {
  const test::TempDir dir;
  for (const char* name : {"old", "new", "final"}) fs::create_directory(dir / name);
  test::write_file(dir / "old/one", "1");
  test::write_file(dir / "new/two", "2");
  replace_directory((dir / "old").string(), (dir / "final").string());
  CHECK(test::read_file(dir / "final/one") == "1");
  replace_directory((dir / "new").string(), (dir / "final").string());
  CHECK(test::read_file(dir / "final/two") == "2");
  CHECK_FALSE(fs::exists(dir / "final/one"));
  CHECK(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a directory that cannot get its name leaves both as they were", "[directory]") {
  const test::TempDir dir;
  fs::create_directories(dir / "outer/inner");
  test::write_file(dir / "outer/inner/one", "1");
  const std::string outer = (dir / "outer").string(), none = (dir / "none/final").string();
  CHECK(test::fails(ErrorCode::failed,
                    {none + ": cannot be created: No such file or directory; there is no directory " +
                     (dir / "none").string()},
                    [&] { replace_directory(outer, none); }));
  // No directory can take the place of one that it holds.
  CHECK(test::fails(ErrorCode::failed, {outer + "/inner: cannot be replaced: Invalid argument"},
                    [&] { replace_directory(outer, outer + "/inner"); }));
  CHECK(test::read_file(dir / "outer/inner/one") == "1");
  CHECK(std::distance(fs::directory_iterator(dir / "outer"), fs::directory_iterator()) == 1);
}

TEST_CASE("a directory that is replaced has a name that no other one has", "[directory]") {
  CHECK(aside_of("a/x") == fs::path("a/.unfinished.old-x"));
  CHECK(aside_of("x") == fs::path(".unfinished.old-x"));
  CHECK(is_aside(aside_of("/x").filename().string()));
  for (const char* other : {"x", ".unfinished-x", ".unfinished-old-x", "x.unfinished.old-x"}) {
    INFO(other);
    CHECK_FALSE(is_aside(other));
  }
}

TEST_CASE("an open file has a name until it is renamed, removed or replaced", "[directory]") {
  const test::TempDir dir;
  const std::string path = (dir / "file").string(), moved = (dir / "moved").string();
  test::write_file(path, "");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(has_name(fd, path));
  CHECK_FALSE(has_name(-1, path));
  fs::rename(path, moved);
  CHECK_FALSE(has_name(fd, path));
  CHECK(has_name(fd, moved));
  fs::create_symlink(moved, path);  // links are not followed
  CHECK_FALSE(has_name(fd, path));
  fs::remove(moved);
  test::write_file(moved, "");
  CHECK_FALSE(has_name(fd, moved));
  ::close(fd);
}

TEST_CASE("a directory in use is not removed", "[directory]") {
  const test::TempDir dir;
  fs::create_directory(dir / "one");
  const std::string one = (dir / "one").string();
  {
    const DirectoryInUse use(one), another(one);
    CHECK(use.is_there());
    CHECK_FALSE(remove_directory(one));
    CHECK(use.is_there());
    CHECK(another.is_there());
    fs::create_directory(dir / "two");
    replace_directory((dir / "two").string(), one);  // the name now belongs to another one
    CHECK_FALSE(use.is_there());
    CHECK(DirectoryInUse(one).is_there());
  }
  CHECK(remove_directory(one));
  CHECK_FALSE(fs::exists(one));
  CHECK_FALSE(DirectoryInUse(one).is_there());
}

}  // namespace hewn
