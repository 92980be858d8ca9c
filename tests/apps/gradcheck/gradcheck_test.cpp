// hewn gradcheck: a model's gradients against slopes of its loss, and classic mistakes.

#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;

const std::vector<std::string> small_model{"gradcheck",      "--n_layer=1",    "--n_head=2", "--n_embd=8",
                                           "--block_size=4", "--vocab_size=7", "--entries=3"};

ProcessResult check(std::vector<std::string> more) {
  more.insert(more.begin(), small_model.begin(), small_model.end());
  return hewn(more);
}

}  // namespace

TEST_CASE("gradcheck: a configuration and a run, as text and JSON") {
  const auto r = check({});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  for (const char* part :
       {"transformer.h.0.attn.c_attn.weight", "all together, in a random direction: error ", "right"})
    CHECK(contains(r.out, part));
  CHECK_FALSE(contains(r.out, "WRONG"));

  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir, {"--bias=true"})), 0, "");
  for (const char* vs : {"f32", "bf16"}) {
    const auto of_run =
        hewn({"gradcheck", run, "--text=the cat", "--entries=2", "--json", std::string("--vs=") + vs});
    INFO(of_run.err);
    REQUIRE(of_run.exit_code == 0);
    const json result = json::parse(of_run.out);
    CHECK(result["right"] == true);
    CHECK(result["places"].empty());
    double farthest = 0;
    for (const json& p : result["parameters"]) {
      CHECK(p["right"] == true);
      CHECK(p["entries"] == 2);
      farthest = std::max(farthest, p["vs"].get<double>());
    }
    const bool f32 = std::string(vs) == "f32";
    CHECK(farthest > (f32 ? 1e-9 : 1e-4));
    CHECK(farthest < (f32 ? 1e-3 : 0.5));
  }
}

TEST_CASE("gradcheck: without time, directions and a first entry, and it says what was not looked at") {
  const auto r = check({"--seconds=0"});
  CHECK(r.exit_code == 0);
  CHECK(contains(r.out, " parameters had no entry looked at within 0.0 s"));
  CHECK(contains(r.out, "see --seconds"));
}

TEST_CASE("gradcheck: a mistake that is made on purpose is noticed and explained") {
  const auto r = check({"--break=transposed-dW,no-scale,no-add@h.0", "--attention=batched"});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  for (const char* part : {"the matrix is transposed", "no-scale: the factor 1/sqrt(D)",
                           "kernels/linear/op.cpp", "loss: after 100 steps of training", "no-add@h.0"})
    CHECK(contains(r.out, part));
  const auto other = check({"--break=stale-mask", "--json"});
  REQUIRE(other.exit_code == 0);
  CHECK(json::parse(other.out)["mistakes"][0]["changes"] == 0);
  CHECK(contains(check({"--break=stale-mask"}).out, "no place for it in this model; it needs dropout > 0"));
}

TEST_CASE("gradcheck: who notices a mistake is measured") {
  const auto r =
      check({"--break=transposed-dW,no-scale,no-add,sum-for-mean", "--attention=batched", "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const json mistakes = json::parse(r.out)["mistakes"];
  const json &transposed = mistakes[0], &scale = mistakes[1], &add = mistakes[2], &sum = mistakes[3];
  for (const json& mistake : mistakes) {
    INFO(mistake.dump());
    CHECK(mistake["noticed"] == true);
    CHECK(mistake["wrong_by_entry"].get<int>() > 0);
    CHECK(mistake["wrong_by_direction"] == true);
    CHECK(mistake["from_rungs"].get<double>() < 1e-9);  // the same mistake with other kernels
  }
  // The gradients of [24, 8], [32, 8] and [8, 32] matrices, but not that of [8, 8].
  CHECK(transposed["changes"] == 4);
  CHECK(transposed["misshapen"] == 3);
  CHECK(transposed["from_composed"].get<double>() > 1e-3);  // composed of matmul, which is right
  CHECK(scale["from_composed"].get<double>() > 1e-3);
  CHECK(scale["misshapen"] == 0);
  CHECK(add["misshapen"] == 0);
  CHECK(sum["misshapen"] == 0);
}

TEST_CASE("gradcheck: the composed form has the same mistakes where nothing is taken apart") {
  const auto r = check({"--break=not-cleared", "--json"});
  REQUIRE(r.exit_code == 0);
  CHECK(json::parse(r.out)["mistakes"][0]["from_composed"].get<double>() < 1e-9);
}

TEST_CASE("gradcheck: tables fit the terminal; --wide prints all columns") {
  const ProcessOptions terminal{.env = {{"TERM", "xterm"}}, .terminal = true};
  for (const std::string mode : {"--seed=1", "--break=sum-for-mean"}) {
    std::vector<std::string> words = small_model;
    words.push_back(mode);
    const std::string fitted = hewn(words, terminal).out;
    INFO(fitted);
    const size_t table = fitted.find(mode == "--seed=1" ? "parameter " : "mistake ");
    REQUIRE(table != fitted.npos);
    CHECK(fitted.find("\r\n", table) - table <= 80);
    if (mode == "--seed=1") CHECK(contains(fitted, "omitted to fit the width: entries, worst entry"));
    words.emplace_back("--wide");
    CHECK_FALSE(contains(hewn(words, terminal).out, "omitted"));
  }
}

TEST_CASE("gradcheck: bad input is explained") {
  CHECK_FAILS(check({"--break=no-ad"}), 2, "there is no mistake 'no-ad'; did you mean 'no-add'?");
  CHECK_FAILS(check({"--arch=ngram"}), 2, "have no gradients to check");
  CHECK_FAILS(check({"--text=a"}), 2, "text needs the tokenizer of a RUN");
  CHECK_FAILS(check({"nowhere"}), 2, "'nowhere' is neither a run, a model file, a CONFIG.toml nor a key");
  CHECK_FAILS(check({"--break=all", "--vs=f32"}), 2, "leave out vs or break");
  CHECK_FAILS(check({"--break=all", "--recompute"}), 2, "leave out recompute");
  CHECK_FAILS(check({"--n_layer=2000", "--n_embd=16384"}), 4, "choose a smaller model");
  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn({"gradcheck", run, "--n_embd=32"}), 2, "n_embd = 32, but");
  CHECK_FAILS(hewn({"gradcheck", run, "--text=a"}), 2, "the text has 1 token; expected 2 to 17");
  CHECK_FAILS(hewn({"gradcheck", run, "--text=the cat sat on the mat"}), 2, "expected 2 to 17");
  CHECK_FAILS(hewn({"gradcheck", run, run}), 2, "two runs were given");
}

}  // namespace hewn::test
