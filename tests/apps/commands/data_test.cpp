// hewn data prepare, stats, corpus.

#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("text is prepared and described") {
  const TempDir dir;
  const std::string text = (dir / "tales.txt").string(), made = (dir / "made").string();
  write_file(text, hewn({"data", "corpus", "--tales=60"}).out);
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made}), 0, "hewn train --dataset=" + made);
  const auto of_text = hewn({"data", "stats", text, "--json"}),
             of_made = hewn({"data", "stats", made, "--json"});
  CHECK(contains(of_text.out, "\"documents\": 60"));
  CHECK(contains(of_made.out, "\"documents\": 60"));
  CHECK(contains(of_text.out, "\"lines\": 60"));
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made}), 1, "exists already");
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made, "--force"}), 0, "next:");
}

TEST_CASE("bad data has status 3 and is named") {
  const TempDir dir;
  const std::string out = "--out_dir=" + (dir / "out").string();
  write_file(dir / "empty.txt", "");
  write_file(dir / "bytes.txt", "abc\xff\xfe");
  CHECK_FAILS(hewn({"data", "prepare"}), 2, "which text?");
  CHECK_FAILS(hewn({"data", "stats"}), 2, "of what?");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "none.txt").string(), out}), 3, "none.txt");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "empty.txt").string(), out}), 3, "empty.txt");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "bytes.txt").string(), out}), 3, "bytes.txt");
  CHECK_FAILS(hewn({"data", "stats", dir.path().string()}), 3, dir.path().string());
  CHECK_FALSE(std::filesystem::exists(dir / "out/train.bin"));
}

}  // namespace hewn::test
