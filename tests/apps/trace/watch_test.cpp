// hewn trace --watch: one weight through training.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using nlohmann::json;

const std::string weight = "transformer.h.0.mlp.c_fc.weight";

json watched(const std::string& what, const std::string& element, int iters,
             std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"trace", what, "--watch=" + element, "--iters=" + std::to_string(iters),
                                     "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto r = hewn(arguments);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out);
}

}  // namespace

TEST_CASE("watch: each step of the lesson model is AdamW's", "[trace]") {
  const json seen = watched("lesson", weight + "[3,7]", 30, {"--dtype=f64"});
  CHECK(seen["parameter"] == weight);
  CHECK(seen["index"] == json({3, 7}));
  REQUIRE(seen["steps"].size() == 30);
  double m = 0, v = 0, value = seen["steps"][0]["value"];
  for (size_t t = 0; t < 30; ++t) {
    const json& step = seen["steps"][t];
    INFO(step);
    const double lr = step["learning_rate"], norm = step["grad_norm"];
    const double g = std::min(1.0, 1.0 / (norm + 1e-6)) * step["grad"].get<double>(),
                 n = static_cast<double>(t + 1);
    m = 0.9 * m + 0.1 * g;
    v = 0.99 * v + 0.01 * g * g;
    const double mean = m / (1 - std::pow(0.9, n)), root = std::sqrt(v / (1 - std::pow(0.99, n)));
    const double next = value * (1 - lr * 0.1) - lr * mean / (root + 1e-8);
    CHECK(step["step"] == t);
    CHECK(std::abs(step["value"].get<double>() - value) <= 1e-12);
    CHECK(std::abs(step["m"].get<double>() - m) <= 1e-9 * std::abs(m));
    CHECK(std::abs(step["v"].get<double>() - v) <= 1e-9 * v);
    CHECK(std::abs(step["next"].get<double>() - next) <= 1e-9);
    value = step["next"];
  }
  const auto table = hewn({"trace", "lesson", "--watch=" + weight + "[3,7]", "--iters=2"});
  CHECK(table.exit_code == 0);
  for (const char* part : {"step", "gradient", "moment m", "moment v", "update"})
    CHECK(contains(table.out, part));
}

TEST_CASE("watch: a run goes on as if it were resumed, and is not changed", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir, {"--max_iters=20", "--keep=5"})), 0, "");
  const json on = watched(run + "/checkpoints/step-000010", weight + "[2,5]", 10);
  CHECK(on["steps"].front()["step"] == 10);
  const json end = watched(run, weight + "[2,5]", 1);
  CHECK(end["steps"][0]["step"] == 20);
  CHECK(end["steps"][0]["value"] == on["steps"].back()["next"]);
  CHECK(watched(run, weight + "[2,5]", 1) == end);

  // A configuration begins: the gradient at step 0 is that of the untrained model.
  write_file(dir / "config.toml", "dataset = \"" + (dir / "text.txt").string() +
                                      "\"\nout_dir = \"nowhere\"\nn_layer = 1\nn_head = 2\nn_embd = 16\n"
                                      "block_size = 16\nbatch_size = 4\nlearning_rate = 0.0\nmin_lr = 0.0\n");
  const json begun = watched((dir / "config.toml").string(), weight + "[2,5]", 2);
  CHECK(begun["steps"][0]["step"] == 0);
  CHECK(begun["steps"][0]["value"] == begun["steps"][1]["value"]);
  CHECK(begun["steps"][0]["grad"] != 0);
}

TEST_CASE("watch: errors name the parameter, the place and the way out", "[trace]") {
  const TempDir dir;
  CHECK_FAILS(hewn({"trace", "lesson", "--watch=transformer.h.0.mlp.c_fx.weight[3,7]"}), 2,
              "did you mean 'transformer.h.0.mlp.c_fc.weight'?");
  CHECK_FAILS(hewn({"trace", "lesson", "--watch=" + weight + "[16,7]"}), 2, "whose shape is [16, 64]");
  CHECK_FAILS(hewn({"trace", "lesson", "--watch=" + weight + "[1]"}), 2, "place in each dimension");
  CHECK_FAILS(hewn({"trace", "lesson", "--watch=" + weight + "[1,x]"}), 2,
              "is not an element of a parameter");
  CHECK_FAILS(hewn({"trace", "lesson", "--watch=" + weight + "[1,2]", "--dot"}), 2, "give one of them");
  CHECK_FAILS(hewn({"trace", "--expr=y = w*w", "w=2", "--watch=w"}), 2, "belongs to the trace of a model");
  const std::string file = (source_dir() / "configs/lesson/lesson.safetensors").string();
  CHECK_FAILS(hewn({"trace", file, "--watch=" + weight + "[1,2]"}), 2, "without training data");
}

TEST_CASE("trace: the update of the lesson model is the first step of AdamW", "[trace]") {
  const auto r = hewn({"trace", "lesson", "--json", "--dtype=f64"});
  REQUIRE(r.exit_code == 0);
  const json trace = json::parse(r.out), update = trace["update"];
  const double clip = update["clip_factor"];
  CHECK(std::abs(clip - std::min(1.0, 1.0 / update["grad_norm"].get<double>())) <= 1e-6);
  for (const json& leaf : trace["leaves"]) {
    INFO(leaf["name"]);
    const double mean = leaf["grad"]["mean"], m = leaf["m"]["mean"], most = leaf["m"]["max"];
    CHECK(std::abs(m - 0.1 * clip * mean) <= 1e-9 * std::max(std::abs(m), std::abs(most)));
    CHECK(leaf["v"]["min"] >= 0);
    CHECK(leaf["updated"].contains("data"));
    CHECK(leaf["updated"]["mean"] != leaf["value"]["mean"]);
  }
}

TEST_CASE("trace: the sum behind a number has the weights of the pass, not the updated ones", "[trace]") {
  const auto r = hewn({"trace", "lesson", "--node=h.0.mlp.c_fc.linear[0,3,5]", "--dtype=f64", "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const json node = json::parse(r.out);
  CHECK(std::abs(node["sum"]["total"].get<double>() - node["value"].get<double>()) <= 1e-12);
}

}  // namespace hewn::test
