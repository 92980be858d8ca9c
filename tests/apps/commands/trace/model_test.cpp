// hewn trace RUN: the tape of a model, named by its parts, whatever file the model comes from.

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;

json trace_of(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"trace", "--text=the cat sat", "--json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto r = hewn(words);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out);
}

}  // namespace

TEST_CASE("trace: a run, in every number type, and its export", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string(), file = (dir / "model.gguf").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  const json f64 = trace_of({run, "--dtype=f64"});
  CHECK(f64["tokens"].size() == std::string("the cat sat").size());
  CHECK(f64["tokens"][0]["text"] == "t");
  std::set<std::string> scopes;
  for (const json& node : f64["nodes"]) scopes.insert(node["scope"]);
  for (const char* scope :
       {"embed", "h.0.ln_1", "h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.mlp.c_fc", "ln_f", "head"})
    CHECK(scopes.contains(scope));
  CHECK(f64["nodes"].back()["value"]["mean"] == f64["loss"]);
  CHECK(f64["nodes"].front()["inputs"].back()["constant"] == "tokens");
  for (const json& leaf : f64["leaves"]) {
    CHECK(leaf["dtype"] == "f64");
    CHECK(leaf["grad"].is_object());
    CHECK(!leaf["consumers"].empty());
  }
  CHECK(std::abs(trace_of({run})["loss"].get<double>() - f64["loss"].get<double>()) < 1e-5);
  CHECK(std::abs(trace_of({run, "--dtype=bf16"})["loss"].get<double>() - f64["loss"].get<double>()) < 2e-2);

  CHECK_FAILS(hewn({"export", run, "--format=gguf", "--out=" + file, "--act=gelu"}), 0, "");
  CHECK(std::abs(trace_of({file, "--dtype=f64"})["loss"].get<double>() - f64["loss"].get<double>()) < 1e-3);

  const auto tree = hewn({"trace", run, "--text=the cat sat"});
  CHECK(tree.exit_code == 0);
  CHECK(contains(tree.out, "\nh.0\n"));
  CHECK(contains(tree.out, "nats per token over 10 tokens"));
  CHECK(contains(hewn({"trace", run, "--text=the cat sat", "--dot"}).out,
                 "\"leaf transformer.wte.weight\" -> \"node 0\";"));
}

TEST_CASE("trace: mistakes around a run are explained", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn({"trace", run}), 2, "no text was given; add --text");
  CHECK_FAILS(hewn({"trace", run, "--text="}), 2, "no text was given");
  CHECK_FAILS(hewn({"trace", run, "--text=t"}), 2, "the text has 1 token; it needs at least 2");
  CHECK_FAILS(hewn({"trace", run, "--text=" + std::string(5000, 't')}), 2, "the text has 5000 tokens");
  CHECK_FAILS(hewn({"trace", run, "--text=\xe2\x82\xac\xe2\x82\xac"}), 3, "");
  const std::string counts = (dir / "counts").string();
  CHECK_FAILS(
      hewn({"train", "--dataset=" + (dir / "text.txt").string(), "--arch=ngram", "--out_dir=" + counts}), 0,
      "");
  CHECK_FAILS(hewn({"trace", counts, "--text=the"}), 2, "counts n-grams: it has no gradients to trace");
  CHECK_FAILS(hewn({"trace", (dir / "none").string(), "--text=the"}), 3, "none");
  CHECK_FAILS(hewn({"trace", "--expr=w*w", "w=1", "--text=the"}), 2, "text belongs to the trace of a model");
}

}  // namespace hewn::test
