// docs/formats.md describes every file of a run.

#include <filesystem>
#include <regex>

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("docs/formats.md describes every file that a run writes") {
  namespace fs = std::filesystem;
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--sample_interval=10", "--profile"})).exit_code == 0);
  const std::string page = read_file(source_dir() / "docs/formats.md");
  const std::string runs =
      page.substr(page.find("\n## Runs"), page.find("\n## Token files") - page.find("\n## Runs"));
  // Of the names with a step the page shows one.
  const auto pattern = [](const std::string& name) {
    static const std::regex step("step-[0-9]+");
    return std::regex_replace(name, step, "step-[0-9]+");
  };
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(dir / "run")) {
    const std::string path = fs::relative(entry.path(), dir / "run").string(),
                      inside = entry.path().filename().string();
    const bool in_checkpoint = entry.path().parent_path().filename().string().starts_with("step-");
    if (entry.is_directory() && !entry.path().filename().string().starts_with("step-") && !entry.is_symlink())
      continue;  // described by what it holds
    INFO(path);
    const std::regex marked("`" + pattern(in_checkpoint ? inside : path) + "/?`");
    CHECK(std::regex_search(runs, marked));
    ++files;
  }
  CHECK(files >= 14);
}

}  // namespace hewn::test
