// scripts/house.sh: what it counts, and that it fails where a limit is passed.

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;
namespace fs = std::filesystem;

namespace {

/// A tree with this script, `files` files in folder and one file of `lines` lines.
ProcessResult counted(const std::string& folder, int files, int lines, int places) {
  const TempDir dir;
  for (const char* part : {"scripts", "tests/house", "model"}) fs::create_directories(dir / part);
  fs::create_directories(dir / folder);
  fs::copy(source_dir() / "scripts/house.sh", dir / "scripts/house.sh");
  for (int i = 0; i < files; ++i) write_file(dir / folder / ("f" + std::to_string(i) + ".h"), "\n");
  write_file(dir / "model/long.cpp", std::string(static_cast<size_t>(lines), '\n'));
  write_file(dir / "tests/house/key.patch",
             "What it is.\n\nplaces: " + std::to_string(places) + "\n\ndiff --git\nplaces: 9\n");
  return run_program({(dir / "scripts/house.sh").string()});
}

}  // namespace

TEST_CASE("scripts/house.sh counts files, lines and places, and its limits hold") {
  CHECK(counted("core", 25, 500, 2).exit_code == 0);
  CHECK(counted("kernels/matmul/cpu", 20, 1, 2).exit_code == 0);
  CHECK(counted("core", 26, 1, 2).exit_code == 1);
  CHECK(counted("kernels/matmul/cpu", 21, 1, 2).exit_code == 1);
  CHECK(counted("core", 1, 501, 2).exit_code == 1);
  const auto patch = counted("core", 1, 1, 3);
  CHECK(patch.exit_code == 1);
  CHECK(patch.out.find("key.patch") != patch.out.npos);
  CHECK(patch.out.find("3 of 2  OVER THE LIMIT") != patch.out.npos);
}
