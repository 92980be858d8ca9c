// hewn bench train with several processes.

#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

ProcessResult bench_train(const std::vector<std::string>& more) {
  std::vector<std::string> words{"bench",       "train",          "--vocab_size=20", "--n_layer=2",
                                 "--n_embd=64", "--batch_size=2", "--block_size=16", "-r2"};
  words.insert(words.end(), more.begin(), more.end());
  return hewn(words);
}

}  // namespace

TEST_CASE("bench train compares numbers of processes", "[ranks]") {
  if (left_out()) return;
  const ProcessResult r = bench_train({"--ranks=1,2,4", "--threads=1", "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const auto rows = nlohmann::json::parse(r.out);
  REQUIRE(rows.size() == 3);
  const auto plan =
      hewn({"plan", "--vocab_size=20", "--n_layer=2", "--n_embd=64", "--block_size=16", "--json"});
  const double parameters = nlohmann::json::parse(plan.out).at("parameters");
  CHECK(!rows[0].contains("bytes_sent"));
  CHECK(rows[0].at("efficiency_percent") == 100);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const double ranks = row.at("ranks");
    CHECK(ranks == 1 << i);
    CHECK(row.at("tokens_per_s") > 0);
    CHECK(row.at("efficiency_percent") > 0);
    if (i == 0) continue;
    const double least = 2 * 4 * parameters * (ranks - 1) / ranks, sent = row.at("bytes_sent");
    CHECK(sent >= 0.9 * least);  // a rank may own a block less than another
    CHECK(sent <= 1.1 * least);
    CHECK(row.at("communication_ms") > 0);
    CHECK(row.at("exposed_ms") > 0);
    CHECK(row.at("slowest_ms") >= 0);
    CHECK(row.at("hidden_percent") >= 0);
    CHECK(row.at("hidden_percent") <= 100);
  }
  const ProcessResult table = bench_train({"--ranks=2"});
  INFO(table.err);
  CHECK(table.exit_code == 0);
  CHECK(contains(table.out, "communication ms"));
  CHECK(contains(table.err, "rank 1"));
}

TEST_CASE("bench train refuses processes that cannot divide the work, before it times any", "[ranks]") {
  CHECK_FAILS(bench_train({"--ranks=0"}), 2, "--ranks: '0' is not a whole number from 1 to 1024");
  CHECK_FAILS(bench_train({"--ranks=1,3"}), 2, "ranks = 3; expected a power of two, such as 2");
  const ProcessResult odd = bench_train({"--ranks=1,2", "--gradient_accumulation_steps=3"});
  CHECK_FAILS(odd, 2, "gradient_accumulation_steps = 3 micro-steps cannot be divided among 2 ranks");
  CHECK(!contains(odd.err, "timing"));
  const ProcessResult groups =
      bench_train({"--ranks=1,4", "--gradient_accumulation_steps=8", "--grad_shards=2"});
  CHECK_FAILS(groups, 2, "grad_shards = 2 groups of micro-steps cannot be divided among 4 ranks");
  CHECK_FAILS(bench_train({"--ranks=2", "--hosts=/no/such/file"}), 3, "/no/such/file");
}

TEST_CASE("bench train with one process is what it is without the key", "[ranks]") {
  const ProcessResult r = bench_train({"--ranks=1", "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const auto rows = nlohmann::json::parse(r.out);
  CHECK(rows.size() == 1);
  CHECK(rows.at(0).at("ranks") == 1);
  CHECK(!rows.at(0).contains("efficiency_percent"));
}

}  // namespace hewn::test
