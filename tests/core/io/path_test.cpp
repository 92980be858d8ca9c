#include "core/io/path.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

using namespace hewn;
using test::fails;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

/// A directory with a file, a directory, links to both, a link to nothing and a loop of links.
struct Places {
  TempDir dir;
  std::string file = at("file"), folder = at("folder"), loop = at("loop"),
              too_long = at(std::string(300, 'x'));

  Places() {
    test::write_file(file, "text");
    fs::create_directory(folder);
    fs::create_symlink("file", at("to file"));
    fs::create_symlink("folder", at("to folder"));
    fs::create_symlink("nothing", at("to nothing"));
    fs::create_symlink("loop", loop);
  }
  std::string at(const std::string& name) const { return (dir / name).string(); }
};

}  // namespace

TEST_CASE("what is at a path is known, through links", "[path]") {
  const Places tree;
  for (const std::string& path : {tree.file, tree.at("to file")}) {
    CHECK(path_exists(path));
    CHECK(path_is_file(path));
    CHECK_FALSE(path_is_directory(path));
    CHECK(word_is_path(path));
    CHECK(word_is_file(path));
    CHECK(file_bytes(path) == 4);
  }
  for (const std::string& path : {tree.folder, tree.at("to folder"), tree.folder + "/"}) {
    CHECK(path_exists(path));
    CHECK_FALSE(path_is_file(path));
    CHECK(path_is_directory(path));
    CHECK(word_is_path(path));
    CHECK_FALSE(word_is_file(path));
  }
  for (const std::string& path : {std::string(), tree.at("nothing"), tree.at("nothing/below"),
                                  tree.at("to nothing"), tree.at("file/below")}) {
    INFO(path);
    CHECK_FALSE(path_exists(path));
    CHECK_FALSE(path_is_file(path));
    CHECK_FALSE(path_is_directory(path));
    CHECK_FALSE(word_is_path(path));
  }
}

TEST_CASE("a path that the system cannot follow is an error with path, reason and advice", "[path]") {
  const Places tree;
  struct Bad {
    std::string path, reason, advice;
  };
  for (const Bad& bad :
       std::vector<Bad>{{tree.loop, "Too many levels of symbolic links", "leads back to itself"},
                        {tree.loop + "/below", "Too many levels of symbolic links", "leads back to itself"},
                        {tree.too_long, "File name too long", "shorten the name"},
                        {tree.too_long + "/below", "File name too long", "shorten the name"}}) {
    const std::string &path = bad.path, &reason = bad.reason, &advice = bad.advice;
    INFO(path);
    const std::initializer_list<std::string> said{path + ": cannot be accessed: ", reason, advice};
    CHECK(fails(ErrorCode::input, said, [&] { path_exists(path); }));
    CHECK(fails(ErrorCode::failed, said, [&] { path_exists(path, ErrorCode::failed); }));
    CHECK(fails(ErrorCode::input, said, [&] { path_is_directory(path); }));
    CHECK(fails(ErrorCode::input, said, [&] { path_is_file(path); }));
    CHECK(fails(ErrorCode::input, said, [&] { resolved_path(path); }));
    CHECK(fails(ErrorCode::input, {path, reason, advice}, [&] { file_bytes(path); }));
    CHECK(fails(ErrorCode::input, {path, reason, advice}, [&] { entries_of(path); }));
    CHECK(fails(ErrorCode::failed, {path, reason, advice}, [&] { make_directories(path + "/new"); }));
    std::error_code error;
    CHECK(entries_of(path, error).empty());
    CHECK(error);
  }
  CHECK_FALSE(word_is_path(tree.too_long));
  CHECK_FALSE(word_is_file(std::string(10'000, 'a')));
  CHECK(fails(ErrorCode::input, {tree.loop}, [&] { word_is_path(tree.loop); }));
}

TEST_CASE("the advice of an error names the missing directory, or the permissions", "[path]") {
  const auto failing = [](int error) {
    return [error] { fail_at(ErrorCode::failed, "/no such directory/file", "cannot be written", error); };
  };
  CHECK(fails(ErrorCode::failed,
              {"/no such directory/file: cannot be written: No such file or directory; ",
               "there is no directory /no such directory"},
              failing(ENOENT)));
  CHECK(fails(ErrorCode::failed, {"Permission denied; check the permissions"}, failing(EACCES)));
  CHECK(fails(ErrorCode::failed, {"Not a directory; a part of the path is a file"}, failing(ENOTDIR)));
  const std::pair<int, std::string> advices[] = {
      {EPERM, "; check the permissions of the file and its directory"},
      {ENOSPC, "; free some space or write elsewhere"},
      {EDQUOT, "; free some space or write elsewhere"},
      {EFBIG, "; raise the limit on file sizes (ulimit -f), or "},
      {EROFS, "; write elsewhere, since this file system is read-only"},
      {EIO, "; the disk may be failing; check the system log"},
      {EMFILE, "; raise the limit with ulimit -n"}};
  for (const auto& [error, advice] : advices) CHECK(fails(ErrorCode::failed, {advice}, failing(error)));
  const auto other = test::error_of(failing(EINVAL));
  REQUIRE(other);
  CHECK(std::string(other->what()) == "/no such directory/file: cannot be written: Invalid argument");
}

TEST_CASE("where temporary files cannot be held, the directory for them is named", "[path]") {
  const Places tree;
  const char* const set = std::getenv("TMPDIR");
  const std::string before = set ? set : "";
  ::setenv("TMPDIR", tree.file.c_str(), 1);
  const auto failure =
      fails(ErrorCode::failed, {tree.file + ": cannot hold temporary files: Not a directory"},
            [] { directory_for_temporaries(); });
  ::setenv("TMPDIR", tree.folder.c_str(), 1);
  const fs::path found = directory_for_temporaries();
  set ? ::setenv("TMPDIR", before.c_str(), 1) : ::unsetenv("TMPDIR");
  CHECK(failure);
  CHECK(found == tree.folder);
}

TEST_CASE("a path in a working directory that was removed is an error", "[path]") {
  const Places tree;
  const fs::path before = fs::current_path();
  fs::current_path(tree.folder);
  fs::remove(tree.folder);
  const auto failure = fails(ErrorCode::failed, {"x: has no absolute path: No such file or directory"},
                             [] { absolute_path("x"); });
  const std::string whole = absolute_path("/a/../x");
  fs::current_path(before);
  CHECK(failure);
  CHECK(whole == "/x");
}

TEST_CASE("paths become absolute, with or without their links", "[path]") {
  const Places tree;
  CHECK(absolute_path(tree.at("to folder/../x/./y")) == tree.at("x/y"));
  CHECK(absolute_path("x") == (fs::current_path() / "x").string());
  const fs::path real = resolved_path(tree.dir.path());
  CHECK(resolved_path(tree.at("to folder/x")) == real / "folder/x");
  CHECK(resolved_path(tree.at("nothing/x")) == real / "nothing/x");
  CHECK(directory_of("a/b") == "a");
  CHECK(directory_of("a") == ".");
  CHECK(directory_of("/a") == "/");
}

TEST_CASE("a directory's entries are sorted, and directories are made with those above them", "[path]") {
  const Places tree;
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(tree.dir.path())) names.push_back(entry.filename().string());
  CHECK(names == std::vector<std::string>{"file", "folder", "loop", "to file", "to folder", "to nothing"});
  CHECK(entries_of(tree.folder).empty());
  CHECK(fails(ErrorCode::input, {tree.at("nothing") + ": cannot be listed: "},
              [&] { entries_of(tree.at("nothing")); }));
  make_directories(tree.at("a/b/c"));
  make_directories(tree.at("a/b/c"));
  CHECK(path_is_directory(tree.at("a/b/c")));
  CHECK(fails(ErrorCode::failed, {tree.at("file/below") + ": cannot be created: Not a directory"},
              [&] { make_directories(tree.at("file/below")); }));
  CHECK(path_is_file(running_program()));
}
