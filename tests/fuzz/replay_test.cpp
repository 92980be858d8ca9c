// Every file of the corpora through its target: seeds that show a reader's formats, and whatever was found to
// break one. Folders refused_* hold files that must be refused, among them those that broke other programs' readers,
// and read/ holds strange ones that are whole.

#include <filesystem>

#include "tests/fuzz/target.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn::test {

TEST_CASE("every corpus belongs to a target, and every target has one", "[fuzz]") {
  size_t corpora = 0;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() / "tests/fuzz/corpus")) {
    INFO(entry.path());
    bool known = false;
    for (const FuzzTarget& target : fuzz_targets()) known |= target.name == entry.path().filename().string();
    CHECK(known);
    ++corpora;
  }
  CHECK(corpora == fuzz_targets().size());
}

TEST_CASE("the corpora run through their targets, whole, truncated and with flipped bytes", "[fuzz]") {
  Random random("fuzz replay");
  for (const FuzzTarget& target : fuzz_targets()) {
    int files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             source_dir() / "tests/fuzz/corpus" / std::string(target.name))) {
      if (!entry.is_regular_file()) continue;
      INFO(entry.path());
      const std::string bytes = read_file(entry.path());
      CHECK_NOTHROW(run_fuzz_target(target, bytes));
      for (int round = repeats(20, 1000); round > 0 && !bytes.empty(); --round) {
        const auto last = static_cast<int64_t>(bytes.size()) - 1;
        std::string broken = bytes.substr(0, bytes.size() - static_cast<size_t>(random.integer(0, last) / 2));
        const auto at = static_cast<size_t>(random.integer(0, static_cast<int64_t>(broken.size()) - 1));
        broken[at] = static_cast<char>(random.bits());
        CHECK_NOTHROW(run_fuzz_target(target, broken));
      }
      ++files;
    }
    INFO(target.name);
    CHECK(files > 0);
  }
}

TEST_CASE("strange files are refused with a reason or read", "[fuzz]") {
  int files = 0;
  for (const FuzzTarget& target : fuzz_targets())
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             source_dir() / "tests/fuzz/corpus" / std::string(target.name))) {
      const std::string folder = entry.path().parent_path().filename().string();
      if (!entry.is_regular_file() || (folder != "read" && !folder.starts_with("refused"))) continue;
      INFO(entry.path());
      const std::string bytes = read_file(entry.path());
      if (folder == "read")
        CHECK_NOTHROW(target.read(bytes));
      else
        CHECK(fails(ErrorCode::input, {}, [&] { target.read(bytes); }));
      ++files;
    }
  CHECK(files > 300);
}

}  // namespace hewn::test
