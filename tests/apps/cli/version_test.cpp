// The commit that --version prints, as cmake/commit.cmake finds it in every build.

#include "tests/apps/small_run.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

void run_git(const fs::path& dir, std::vector<std::string> words) {
  words.insert(words.begin(), {"git", "-C", dir.string(), "-c", "user.name=a", "-c", "user.email=a@b"});
  const auto r = run_program(words);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
}

/// What a build of this source would define.
std::string commit_of(const fs::path& source, const fs::path& output, const std::string& git = "") {
  std::vector<std::string> words{"cmake", "-DSOURCE=" + source.string(), "-DOUTPUT=" + output.string()};
  if (!git.empty()) words.push_back("-DHEWN_GIT=" + git);
  words.insert(words.end(), {"-P", (source_dir() / "cmake/commit.cmake").string()});
  const auto r = run_program(words);
  INFO(r.out << r.err);
  REQUIRE(r.exit_code == 0);
  CHECK(r.err.empty());
  const std::string text = read_file(output);
  const size_t begin = text.find("return \"") + 8;
  return text.substr(begin, text.find('"', begin) - begin);
}

const std::string unknown = "unknown (not built in a git checkout)";

}  // namespace

TEST_CASE("version: every build names its commit, and is not repeated without a change") {
  if (run_program({"git", "--version"}).exit_code != 0) return skip("git is not installed");
  const TempDir dir;
  const fs::path source = dir / "source", out = dir / "commit.cpp";
  fs::create_directories(source / "part");
  write_file(source / "part/file", "1");
  CHECK(commit_of(source, out) == unknown);  // a tarball
  run_git(source, {"init", "-q"});
  run_git(source, {"add", "."});
  run_git(source, {"commit", "-qm", "first"});
  const std::string commit = commit_of(source, out);
  CHECK(commit.size() == 12);
  CHECK(commit.find_first_not_of("0123456789abcdef") == commit.npos);
  const auto written = fs::last_write_time(out);
  CHECK(commit_of(source, out) == commit);
  CHECK(fs::last_write_time(out) == written);
  CHECK(commit_of(source / "part", out) == unknown);         // part of another project's checkout
  CHECK(commit_of(source, out, "/no/such/git") == unknown);  // without git
  run_git(source, {"worktree", "add", "-q", (dir / "other").string()});
  CHECK(commit_of(dir / "other", out) == commit);
  write_file(source / "part/file", "2");
  CHECK(commit_of(source, out) == commit + "-dirty");
}

TEST_CASE("version: the text and the JSON name the commit") {
  const std::string text = hewn({"--version"}).out, json = hewn({"--version", "--json"}).out;
  const size_t at = text.find("\ncommit   ");
  REQUIRE(at != text.npos);
  const std::string commit = text.substr(at + 10, text.find('\n', at + 1) - at - 10);
  CHECK(commit.size() >= 12);
  CHECK(contains(json, "\"commit\": \"" + commit + "\""));
}

}  // namespace hewn::test
