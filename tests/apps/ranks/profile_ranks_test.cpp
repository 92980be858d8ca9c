// hewn train --profile by several processes.

#include "apps/ranks/profile_ranks.h"

#include "tests/apps/ranks/train_on.h"

namespace hewn::test {

TEST_CASE("a profile of several processes shows them side by side and changes no bits", "[ranks]") {
  if (left_out()) return;
  const TempDir one, two;
  REQUIRE(hewn(train_on(one, 1)).exit_code == 0);
  const ProcessResult r = hewn(train_on(two, 2, {"--profile"}));
  CHECK_FAILS(r, 0, "waiting for other ranks");
  CHECK(contains(r.err, "rank 0"));
  CHECK(contains(r.err, "rank 1"));
  CHECK(last_bits(one / "run") == last_bits(two / "run"));
  const auto profile = nlohmann::json::parse(read_file(two / "run/profile.json"));
  REQUIRE(profile["ranks"].size() == 2);
  for (const auto& rank : profile["ranks"]) {
    CHECK(rank["ms_per_step"].get<double>() >= rank["waited_ms"].get<double>());
    CHECK(rank["bytes_sent"].get<int64_t>() > 0);
    CHECK(rank["kernels"].size() > 10);
  }
  CHECK(profile["ranks"][0]["ms_per_step"] == profile["ms_per_step"]);
  const TempDir short_run;
  CHECK_FAILS(hewn(train_on(short_run, 2, {"--profile", "--max_iters=2"})), 0, "run at least three");
}

TEST_CASE("a profile of many processes shows the fastest, the median and the slowest") {
  nlohmann::ordered_json ranks = nlohmann::ordered_json::array();
  for (int rank = 0; rank < 9; ++rank) {
    nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
    if (rank > 0) kernels.push_back({{"op", "matmul"}, {"rung", "simd"}, {"ms", 4.0 + rank}});
    ranks.push_back({{"host", "node"},
                     {"ms_per_step", 20.0},
                     {"waited_ms", 8.0 - rank},
                     {"bytes_sent", 1},
                     {"kernels", kernels}});
  }
  const std::string table = cli::rank_profile_table(ranks);
  INFO(table);
  CHECK(contains(table, "fastest"));
  CHECK(contains(table, "12.000"));  // of matmul
  CHECK(contains(table, "8.000"));
  CHECK(contains(table, "step"));
  CHECK_FALSE(contains(table, "rank 0"));
  ranks.erase(8);
  CHECK(contains(cli::rank_profile_table(ranks), "rank 7"));
}

}  // namespace hewn::test
