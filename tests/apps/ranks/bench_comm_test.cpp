// hewn bench comm.

#include <nlohmann/json.hpp>
#include <set>

#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("bench comm times each collective of each size and number of processes", "[ranks]") {
  if (left_out()) return;
  const ProcessResult r =
      hewn({"bench", "comm", "--ranks=2,4", "--mb=1,3", "--bucket_mb=1", "-r2", "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const auto rows = nlohmann::json::parse(r.out);
  CHECK(rows.size() == 2 * 2 * 3);
  std::set<std::string> seen;
  for (const auto& row : rows) {
    const std::string op = row.at("op");
    const double ranks = row.at("ranks"), mb = row.at("mb");
    seen.insert(op + row.at("shape").get<std::string>());
    const double seconds = row.at("best_ms").get<double>() * 1e-3, algbw = row.at("algbw_gbps");
    CHECK(seconds > 0);
    CHECK(row.at("median_ms") >= row.at("best_ms"));
    CHECK(algbw == Approx(mb * 1048576 * 1e-9 / seconds));
    CHECK(row.at("busbw_gbps").get<double>() ==
          Approx(algbw * (op == "all_reduce" ? 2 : 1) * (ranks - 1) / ranks));
  }
  CHECK(seen.size() == rows.size());
  const ProcessResult table = hewn({"bench", "comm", "--mb=1", "-r1"});
  INFO(table.err);
  CHECK(table.exit_code == 0);
  CHECK(contains(table.out, "bus GB/s"));
  CHECK(contains(table.out, "reduce_scatter"));
  CHECK(contains(table.err, "rank 1"));
}

TEST_CASE("bench comm refuses what it cannot time", "[ranks]") {
  const auto comm = [](const std::string& option) { return hewn({"bench", "comm", option, "-r1"}); };
  CHECK_FAILS(comm("--mb=0"), 2, "--mb: '0' is not a whole number from 1 to 4096");
  CHECK_FAILS(comm("--mb=4097"), 2, "'4097' is not a whole number");
  CHECK_FAILS(comm("--mb=1,,2"), 2, "'' is not a whole number");
  CHECK_FAILS(comm("--ranks=two"), 2, "--ranks: 'two' is not a whole number");
  CHECK_FAILS(comm("--ranks=1"), 2, "a single process sends nothing; give powers of two, at least 2");
  CHECK_FAILS(comm("--ranks=2,3"), 2, "ranks = 3; expected a power of two, such as 2");
  CHECK_FAILS(comm("--bucket_mb=0"), 2, "bucket_mb = 0 is out of range");
  CHECK_FAILS(comm("--repeat=0"), 2, "repeat = 0 is out of range");
  CHECK_FAILS(comm("--rank_timeout=0"), 2, "rank_timeout = 0 is out of range");
  CHECK_FAILS(hewn({"bench", "comm", "out"}), 2, "'out' is neither a CONFIG.toml nor a key");
  const TempDir dir;
  write_file(dir / "hosts", "127.0.0.1 1\n");
  CHECK_FAILS(comm("--hosts=" + (dir / "hosts").string()), 2, "has 1 slot; give fewer ranks, or more slots");
}

}  // namespace hewn::test
