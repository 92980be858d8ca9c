// scripts/house.sh: what it counts, and that it fails where a limit is passed.

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;
namespace fs = std::filesystem;

namespace {

/// A tree with this script, a file of `lines` lines and a patch.
ProcessResult counted(int lines, int places) {
  const TempDir dir;
  for (const char* part : {"scripts", "tests/house", "model/weights"}) fs::create_directories(dir / part);
  fs::copy(source_dir() / "scripts/house.sh", dir / "scripts/house.sh");
  write_file(dir / "model/long.cpp", std::string(static_cast<size_t>(lines), '\n'));
  write_file(dir / "model/weights/counted.h",
             "#pragma once\n// Why.\n#include <vector>\n\n  /// What.\nint f() {\n  return 1;  // kept\n}\n");
  write_file(dir / "tests/house/key.patch",
             "What it is.\n\nplaces: " + std::to_string(places) + "\n\ndiff --git\nplaces: 9\n");
  return run_program({(dir / "scripts/house.sh").string()});
}

bool says(const ProcessResult& result, const std::string& text) {
  return result.out.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("scripts/house.sh counts lines and places, and its limits hold") {
  const auto right = counted(500, 2);
  CHECK(right.exit_code == 0);
  CHECK(says(right, "  model/weights                                   2\n"));
  CHECK(says(right, "  all                                             2\n"));
  CHECK(counted(501, 2).exit_code == 1);
  const auto patch = counted(1, 3);
  CHECK(patch.exit_code == 1);
  CHECK(says(patch, "key.patch"));
  CHECK(says(patch, "3 of 2  OVER THE LIMIT"));
}
