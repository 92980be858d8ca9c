// Every file of the corpora through its target: seeds that show a reader's formats, and whatever was found to
// break one.

#include <filesystem>

#include "tests/fuzz/target.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
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
    for (const auto& entry :
         std::filesystem::directory_iterator(source_dir() / "tests/fuzz/corpus" / std::string(target.name))) {
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

}  // namespace hewn::test
