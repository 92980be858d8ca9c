// scripts/quickstart.sh: which build it makes, and that it shows progress.

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;
namespace fs = std::filesystem;

namespace {

void write_script(const fs::path& path, const std::string& commands) {
  fs::create_directories(path.parent_path());
  write_file(path, "#!/bin/sh\n" + commands);
  fs::permissions(path, fs::perms::owner_all);
}

/// A cmake that keeps its arguments in the file `configured` and prints what ninja prints, slowly; the program that it
/// "builds" prints its arguments.
constexpr const char* stand_in = R"(case "$1" in
  --build) echo "[1/30] one"; sleep 1.1; echo "[10/30] ten"; sleep 1.1; echo "[30/30] last"
           mkdir -p build/apps; printf '#!/bin/sh\necho hewn "$@"\n' >build/apps/hewn; chmod +x build/apps/hewn ;;
  *) echo "$@" >configured ;;
esac
)";

/// A tree with quickstart.sh and this cmake.
class Tree {
 public:
  explicit Tree(const std::string& cmake) {
    write_script(dir_ / "scripts/install-deps.sh", "");
    write_script(dir_ / "bin/cmake", cmake);
    fs::copy(source_dir() / "scripts/quickstart.sh", dir_ / "scripts/quickstart.sh");
  }
  ProcessResult run(bool terminal = false, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command{(dir_ / "scripts/quickstart.sh").string()};
    command.insert(command.end(), more.begin(), more.end());
    return run_program(command, {.env = {{"PATH", (dir_ / "bin").string() + ":" + std::getenv("PATH")}},
                                 .unset_env = {"HEWN_PROGRAM"},
                                 .terminal = terminal});
  }
  fs::path operator/(const char* name) const { return dir_ / name; }

 private:
  TempDir dir_;
};

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("quickstart.sh says what it builds and shows progress") {
  const Tree tree(stand_in);
  const auto r = tree.run(true);
  INFO(r.out);
  CHECK(r.exit_code == 0);
  CHECK(mentions(r.out, "Building hewn (once; for this processor only, without GPU code)"));
  CHECK(mentions(r.out, "building 10 of 30, about 10 s left"));
  // GPU code would take ten more minutes where nvcc is installed.
  const std::string options = read_file(tree / "configured");
  for (const char* option : {"--preset release", "-DHEWN_ISAS=native", "-DHEWN_CUDA=OFF", "-DHEWN_TESTS=OFF"})
    CHECK(mentions(options, option));
  for (const char* call :
       {"hewn train configs/quickstart.toml --out_dir=out/quickstart --force", "hewn sample out/quickstart",
        "hewn eval out/quickstart", "hewn report out/quickstart --out=out/quickstart/report.html"})
    CHECK(mentions(r.out, call));
}

TEST_CASE("quickstart.sh takes a text, and refuses one that does not exist") {
  const Tree tree(stand_in);
  write_file(tree / "my book.txt", "a book");
  const auto r = tree.run(false, {(tree / "my book.txt").string()});
  INFO(r.err);
  CHECK(r.exit_code == 0);
  CHECK(mentions(r.out, "my book.txt --out_dir=out/my-book --force"));
  const auto refused = tree.run(false, {"none.txt"});
  CHECK(refused.exit_code == 2);
  CHECK(mentions(refused.err, "none.txt: no such file"));
  CHECK(tree.run(false, {"--help"}).exit_code == 2);
}

TEST_CASE("quickstart.sh keeps a build as it is configured, and repeats a configuration that failed") {
  const Tree tree(stand_in);
  fs::create_directories(tree / "build");
  write_file(tree / "build/build.ninja", "");
  const auto kept = tree.run();
  CHECK(kept.exit_code == 0);
  CHECK(mentions(kept.out, "as build/ is configured"));
  CHECK(!fs::exists(tree / "configured"));
  fs::remove(tree / "build/build.ninja");
  write_file(tree / "build/CMakeCache.txt", "");
  CHECK(tree.run().exit_code == 0);
  CHECK(fs::exists(tree / "configured"));
}

TEST_CASE("quickstart.sh shows why a build fails") {
  const auto r = Tree("echo 'no compiler here'; exit 1\n").run();
  CHECK(r.exit_code == 1);
  CHECK(mentions(r.err, "no compiler here"));
  CHECK(mentions(r.err, "its whole output is in build/quickstart.log"));
}
