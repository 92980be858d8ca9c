// The installed tree has everything in its place, and another project can build with it.

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;

namespace {

void must(const std::vector<std::string>& command) {
  const auto result = run_program(command, {.timeout = 600});
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
}

void install_to(const std::filesystem::path& prefix) {
  must({"cmake", "--install", build_dir().string(), "--prefix", prefix.string()});
}

}  // namespace

TEST_CASE("everything is installed where it is looked for", "[install]") {
  const TempDir dir;
  install_to(dir.path());
  const auto there = [&](const char* path) { return std::filesystem::exists(dir / path); };
  CHECK(there("include/hewn/core/error.h"));
  CHECK(there("lib/libhewn_core.a"));
  CHECK(there("lib/cmake/hewn/hewnConfig.cmake"));
  if (hewn_program().empty()) return skip("no program in this build");
  CHECK(there("share/man/man1/hewn.1"));
  CHECK(there("share/bash-completion/completions/hewn"));
  CHECK(there("share/zsh/site-functions/_hewn"));
  CHECK(there("share/fish/vendor_completions.d/hewn.fish"));
  CHECK(run_program({(dir / "bin/hewn").string(), "--version"}).exit_code == 0);
}

TEST_CASE("another project builds with the installed package", "[install][slow]") {
  if (!sanitizers().empty()) return skip("a sanitized library needs a sanitized consumer");
  const TempDir dir;
  install_to(dir / "prefix");
  const std::string build = (dir / "build").string();
  must({"cmake", "-S", (source_dir() / "tests/install/consumer").string(), "-B", build,
        "-DCMAKE_PREFIX_PATH=" + (dir / "prefix").string(), "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_CXX_COMPILER=" + compiler()});
  must({"cmake", "--build", build});
  const auto result = run_program({build + "/consumer"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("installed") != std::string::npos);
}
