// The installed tree has everything in its place, and another project can build with it.

#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;
namespace fs = std::filesystem;

namespace {

void must(const std::vector<std::string>& command) {
  const auto result = run_program(command, {.timeout = 600});
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
}

std::vector<fs::path> pages() {
  std::vector<fs::path> all{source_dir() / "README.md", source_dir() / "CONTRIBUTING.md"};
  for (const auto& entry : fs::directory_iterator(source_dir() / "docs"))
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  return all;
}

/// The code blocks of a page that are whole C++ programs.
std::vector<std::string> programs_in(const std::string& page) {
  std::vector<std::string> programs;
  std::istringstream lines(page);
  std::string block;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("```")) {
      if (inside) block += line + "\n";
      continue;
    }
    if (inside && block.find("int main(") != block.npos) programs.push_back(block);
    inside = !inside && line == "```cpp";
    block.clear();
  }
  return programs;
}

void install_to(const fs::path& prefix) {
  must({"cmake", "--install", build_dir().string(), "--prefix", prefix.string()});
}

}  // namespace

TEST_CASE("everything is installed in the expected places", "[install]") {
  const TempDir dir;
  install_to(dir.path());
  const auto there = [&](const char* path) { return fs::exists(dir / path); };
  CHECK(there("include/hewn/hewn.h"));
  CHECK(there("include/hewn/core/error.h"));
  CHECK(there("lib/libhewn_core.a"));
  CHECK(there("lib/cmake/hewn/hewnConfig.cmake"));
  for (const char* document :
       {"README.md", "CHANGELOG.md", "LICENSE", "docs/start-here.md", "examples/train_gpt.cpp"})
    CHECK(there((std::string("share/doc/hewn/") + document).c_str()));
  if (hewn_program().empty()) return skip("no program in this build");
  CHECK(there("share/hewn/configs/quickstart.toml"));
  CHECK(there("share/man/man1/hewn.1"));
  CHECK(there("share/bash-completion/completions/hewn"));
  CHECK(there("share/zsh/site-functions/_hewn"));
  CHECK(there("share/fish/vendor_completions.d/hewn.fish"));
  CHECK(run_program({(dir / "bin/hewn").string(), "--version"}).exit_code == 0);
}

// So README.md's program is compiled as it is printed, and what else the pages show as a whole program.
TEST_CASE("another project builds with the installed package, including the documented programs",
          "[install][slow]") {
  if (!sanitizers().empty()) return skip("a sanitized library needs a sanitized consumer");
  const TempDir dir;
  install_to(dir / "prefix");
  const fs::path project = dir / "project";
  fs::copy(source_dir() / "tests/install/consumer", project);
  size_t programs = 0;
  for (const fs::path& page : pages())
    for (const std::string& program : programs_in(read_file(page)))
      write_file(project / ("printed_" + std::to_string(programs++) + ".cpp"), program);
  REQUIRE(programs >= 1);
  const std::string build = (dir / "build").string();
  must({"cmake", "-S", project.string(), "-B", build, "-DCMAKE_PREFIX_PATH=" + (dir / "prefix").string(),
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER=" + compiler()});
  must({"cmake", "--build", build});
  const auto result = run_program({build + "/consumer"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("installed") != std::string::npos);
  const auto printed = run_program({build + "/printed_0", "tales", "2"}, {.timeout = 600});
  CHECK(printed.exit_code == 0);
  CHECK(printed.out.find("validation loss") != std::string::npos);
}
