// Results of a sweep and their ranking.

#include "train/sweep/results.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn::test {
namespace {

SweepResult result_of(const std::string& layers, uint64_t seed, std::optional<double> loss) {
  SweepResult r;
  r.name = "n_layer=" + layers + ",seed=" + std::to_string(seed);
  r.grid = {{"n_layer", layers}};
  r.seed = seed;
  r.parameters = 1000;
  r.flops = 2e9;
  r.steps = 20;
  r.tokens = 640;
  r.seconds = 2;
  r.best_val_loss = loss;
  r.best_step = 10;
  return r;
}

}  // namespace

TEST_CASE("a result is read as it was written") {
  SweepResult r = result_of("2", 7, 1.25);
  r.val_loss = 1.5;
  r.loss = 1.375;
  r.bits_per_byte = 2.5;
  r.floor = 1.0625;
  r.grad_norms = {{"wte", 0.5}, {"h.0", 1e-20}, {"h.1", 0.25}};
  r.weights_bytes = 4096;
  r.weights_checksum = "0123456789abcdef";
  r.data_hash = "fedcba9876543210";
  const std::string line = to_json(r);
  CHECK(line.find('\n') == line.npos);
  CHECK(to_json(sweep_result_from_json(line)) == line);
  const SweepResult same = sweep_result_from_json(line);
  CHECK(same.grid == r.grid);
  CHECK(same.loss == r.loss);
  CHECK(same.grad_norms == r.grad_norms);
  CHECK(same.best_step == 10);
  CHECK(same.tokens_per_s() == 320);
  CHECK(SweepResult{.tokens = 640}.tokens_per_s() == 0);
  r.loss = std::numeric_limits<double>::quiet_NaN();
  CHECK(!sweep_result_from_json(to_json(r)).loss);
  CHECK(sweep_result_from_json(to_json(r)).ranked_loss() == 1.25);
  std::string huge = line;
  huge.replace(huge.find("\"steps\":20"), 10, "\"steps\":1e300");
  CHECK_THROWS_AS(sweep_result_from_json(huge), Error);
  for (const char* key : {"seed", "parameters", "steps", "tokens", "best_step", "weights_bytes"}) {
    std::string part = line;
    const size_t at = part.find(join('"', key, "\":"));
    REQUIRE(at != part.npos);
    part.insert(part.find_first_of(",}", at), ".5");
    CHECK(fails(ErrorCode::input, {"not a result of a sweep", join('"', key, "\" is not a whole number")},
                [&] { sweep_result_from_json(part); }));
  }
  for (const char* wrong : {"", "{", "{}", "[]", "null", R"({"run":1})", R"({"run":"a","grid":[1]})"})
    CHECK_THROWS_AS(sweep_result_from_json(wrong), Error);
}

TEST_CASE("mean and deviation") {
  CHECK(mean_deviation({3}).mean == 3);
  CHECK(!mean_deviation({3}).deviation);
  const MeanDeviation two = mean_deviation({1, 2, 3, 6});
  CHECK(two.mean == 3);
  CHECK(std::fabs(*two.deviation - std::sqrt(14.0 / 3)) <= 1e-15);
}

TEST_CASE("combinations are ranked by their mean loss over seeds") {
  const auto ranking = rank({result_of("2", 1, 2.0), result_of("4", 1, 1.0), result_of("8", 1, std::nullopt),
                             result_of("2", 2, 3.0), result_of("4", 2, 1.5)});
  REQUIRE(ranking.size() == 3);
  CHECK(ranking[0].grid[0].second == "4");
  CHECK(ranking[0].runs == 2);
  CHECK(ranking[0].loss->mean == 1.25);
  CHECK(std::fabs(*ranking[0].loss->deviation - std::sqrt(0.125)) <= 1e-15);
  CHECK(ranking[0].flops == 2e9);
  CHECK(ranking[0].tokens_per_s == 320);
  CHECK(ranking[1].loss->mean == 2.5);
  CHECK(ranking[2].grid[0].second == "8");
  CHECK(!ranking[2].loss);
  CHECK(rank({}).empty());
}

TEST_CASE("gradient norms of blocks are averaged over seeds that all have them") {
  std::vector<SweepResult> runs{result_of("2", 1, 2.0), result_of("2", 2, 3.0)};
  runs[0].grad_norms = {{"wte", 9}, {"h.0", 1}, {"h.1", 4}, {"ln_f", 9}};
  CHECK(rank(runs)[0].block_norms.empty());
  runs[1].grad_norms = {{"wte", 9}, {"h.0", 3}, {"h.1", 5}, {"ln_f", 9}};
  CHECK(rank(runs)[0].block_norms == std::vector<double>{2, 4.5});
}

}  // namespace hewn::test
