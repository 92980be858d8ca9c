// hewn trace RUN: the tape of a model, named by its parts, whatever file the model comes from.

#include <cmath>
#include <map>
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

TEST_CASE("trace: an unfolded model has simple operations and the same gradients", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  for (const std::vector<std::string>& keys :
       {std::vector<std::string>{"--bias=true"},
        {"--pos=none", "--norm=rmsnorm", "--act=swiglu", "--tie=false", "--n_kv_head=1", "--window=5"}}) {
    std::vector<std::string> training = keys;
    training.push_back("--force");
    CHECK_FAILS(hewn(small_train(dir, training)), 0, "");
    const json fused = trace_of({run, "--dtype=f64"}), unfolded = trace_of({run, "--dtype=f64", "--unfold"});
    CHECK(unfolded["nodes"].size() > 2 * fused["nodes"].size());
    for (const json& node : unfolded["nodes"])
      for (const char* operation :
           {"linear", "layernorm", "rmsnorm", "softmax", "embedding", "gelu", "attention"}) {
        INFO(node["op"]);
        CHECK_FALSE(contains(node["op"], operation));
      }
    CHECK(std::abs(unfolded["loss"].get<double>() - fused["loss"].get<double>()) < 1e-12);
    std::map<std::string, double> deviations;
    for (const json& leaf : fused["leaves"]) deviations[leaf["name"]] = leaf["grad"]["std"];
    for (const json& leaf : unfolded["leaves"]) {
      INFO(leaf["name"]);
      REQUIRE(deviations.contains(leaf["name"]));
      CHECK(std::abs(leaf["grad"]["std"].get<double>() / deviations[leaf["name"]] - 1) < 1e-9);
    }
    CHECK_FAILS(hewn({"trace", run, "--text=the", "--unfold", "--dtype=bf16"}), 2, "compute in f32 or f64");
  }
}

TEST_CASE("trace: two tapes beside each other", "[trace]") {
  const TempDir dir, second, words;
  const std::string run = (dir / "run").string(), other = (second / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn(small_train(second, {"--seed=7"})), 0, "");
  const json same = trace_of({run, "--diff=" + run}), f64 = trace_of({run, "--diff=f64"}),
             bf16 = trace_of({run, "--diff=bf16"}), apart = trace_of({run, "--diff=" + other});
  CHECK(same["nodes"].size() == trace_of({run})["nodes"].size());
  double in_f64 = 0, in_bf16 = 0;
  for (const char* kind : {"nodes", "leaves"})
    for (size_t i = 0; i < same[kind].size(); ++i) {
      CHECK(same[kind][i]["value"] == 0);
      CHECK(same[kind][i]["grad"] == 0);
      in_f64 = std::max(in_f64, f64[kind][i]["grad"].get<double>());
      in_bf16 = std::max(in_bf16, bf16[kind][i]["grad"].get<double>());
    }
  CHECK((in_f64 > 1e-9 && in_f64 < 1e-4));
  CHECK((in_bf16 > 1e-4 && in_bf16 < 0.2));
  CHECK(f64["first"] == "");
  CHECK(contains(apart["first"], "embed embedding, its value"));
  CHECK(apart["other_loss"] != apart["loss"]);
  const json parted = trace_of({run, "--diff=" + run, "--unfold"});
  CHECK(parted["parted"] == "");

  CHECK(contains(hewn({"trace", run, "--text=the", "--diff=f64"}).out, "all differences are below 0.001"));
  CHECK_FAILS(hewn(small_train(words, {"--tokenizer=word", "--n_layer=2"})), 0, "");
  CHECK_FAILS(hewn({"trace", run, "--text=the cat", "--diff=" + (words / "run").string()}), 2,
              "encode this text differently");
  CHECK_FAILS(hewn({"trace", run, "--text=the", "--diff=nowhere"}), 3, "nowhere");
  CHECK_FAILS(hewn({"trace", run, "--text=the", "--diff=f64", "--node=#1[0]"}), 2, "diff and node");
  CHECK_FAILS(hewn({"trace", run, "--text=the", "--diff=f64", "--dot"}), 2, "diff and dot");
  CHECK_FAILS(hewn({"trace", "--expr=2*w", "w=1", "--diff=f64"}), 2, "belongs to the trace of a model");
}

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
  CHECK_FAILS(hewn({"trace", run}), 2, "no text was given; add --prompt");
  CHECK_FAILS(hewn({"trace", run, "--text="}), 2, "no text was given");
  CHECK_FAILS(hewn({"trace", run, "--text=t"}), 2, "the text has 1 token; expected 2 to");
  CHECK_FAILS(hewn({"trace", run, "--text=" + std::string(5000, 't')}), 2, "the text has 5000 tokens");
  CHECK_FAILS(hewn({"trace", run, "--text=\xe2\x82\xac\xe2\x82\xac"}), 3, "");
  const std::string counts = (dir / "counts").string();
  CHECK_FAILS(
      hewn({"train", "--dataset=" + (dir / "text.txt").string(), "--arch=ngram", "--out_dir=" + counts}), 0,
      "");
  CHECK_FAILS(hewn({"trace", counts, "--text=the"}), 2, "counts n-grams: it has no gradients to trace");
  CHECK_FAILS(hewn({"trace", (dir / "none").string(), "--text=the"}), 3, "none");
  CHECK_FAILS(hewn({"trace", "--expr=w*w", "w=1", "--text=the"}), 2, "prompt belongs to the trace of a model");
}

TEST_CASE("trace: the kernels of every node, and all of them in the tree", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  const json trace = trace_of({run, "--roof"});
  CHECK(trace["launches"].empty());
  int launches = 0;
  for (const json& node : trace["nodes"])
    for (const json& launch : node["launches"]) {
      ++launches;
      CHECK(launch["ms"] > 0);
      CHECK(launch["roof_percent"] > 0);
      CHECK((launch["phase"] == "forward" || launch["phase"] == "backward"));
    }
  CHECK(launches > 20);
  const auto tree = hewn({"trace", run, "--text=the cat sat"});
  CHECK(contains(tree.out, "std of gradient"));
  CHECK(contains(tree.out, "  ms\n"));
  CHECK(contains(tree.out, "\nall kernels "));
}

TEST_CASE("trace: a model with random weights, from a configuration", "[trace]") {
  const TempDir dir;
  const std::string config = (dir / "small.toml").string(), run = (dir / "run").string();
  write_file(config, "out_dir = \"" + run + "\"\nn_layer = 1\nn_head = 2\nn_embd = 16\nblock_size = 16\n");
  const auto bytes = hewn({"trace", config, "--text=the cat sat", "--json"});
  REQUIRE(bytes.exit_code == 0);
  CHECK(
      contains(bytes.err,
               "note: the weights are random, since no run was given; the tokens are the bytes of the text"));
  const json trace = json::parse(bytes.out);
  CHECK(trace["tokens"][0] == json({{"id", 't'}, {"text", "t"}}));
  CHECK(std::abs(trace["loss"].get<double>() - std::log(256.0)) < 0.3);
  const auto few = hewn({"trace", config, "--text=the cat sat", "--vocab_size=50", "--json"});
  CHECK(contains(few.err, "the bytes of the text modulo 50"));
  CHECK(json::parse(few.out)["tokens"][0]["id"] == 't' % 50);
  // Keys of a model need no configuration, and the seed draws the weights.
  const auto loss = [&](const char* seed) {
    return json::parse(hewn({"trace", "--n_layer=1", "--n_head=1", "--n_embd=8", "--tokenizer=byte",
                             "--text=ab", "--json", seed})
                           .out)["loss"];
  };
  CHECK(loss("--seed=1") == loss("--seed=1"));
  CHECK(loss("--seed=1") != loss("--seed=2"));

  CHECK_FAILS(hewn({"trace", config}), 2, "no text was given");
  CHECK_FAILS(hewn({"trace", config, "--text=t"}), 2, "the text has 1 token");
  CHECK_FAILS(hewn({"trace", config, "--text=" + std::string(18, 't')}), 2, "the text has 18 tokens");
  CHECK_FAILS(hewn({"trace", config, "--text=the", "--tokenizer=none.json"}), 3, "none.json");
  CHECK_FAILS(hewn({"trace", config, "--text=the", "--arch=ngram"}), 2, "have no gradients to trace");
  CHECK_FAILS(hewn({"trace", config, "--text=the", "--n_embd=65536", "--n_layer=1000"}), 4,
              "choose a smaller model");
  CHECK_FAILS(hewn({"trace", config, "--expr=w*w", "w=1"}), 2, "n_layer belongs to the trace of a model");

  // The tokenizer, and then the run, of that configuration.
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  const auto chars = hewn({"trace", config, "--out_dir=" + (dir / "none").string(), "--text=the cat"});
  CHECK(chars.exit_code == 3);
  const auto own =
      hewn({"trace", "--n_embd=8", "--n_head=1", "--tokenizer=" + run, "--text=the cat", "--json"});
  CHECK(own.err == "note: the weights are random, since no run was given\n");
  CHECK(json::parse(own.out)["tokens"][0]["id"] != 't');
  CHECK(hewn({"trace", "--n_embd=8", "--n_head=1", "--dataset=" + run, "--text=the cat", "--json"})
            .out.find(own.out.substr(0, own.out.find("\"nodes\""))) == 0);
  const auto trained = hewn({"trace", config, "--text=the cat"});
  CHECK(trained.exit_code == 0);
  CHECK(trained.err == "");
  CHECK_FAILS(hewn({"trace", run, "--text=the cat", "--n_layer=3"}), 2,
              "--n_layer describes a model, but " + run);
}

TEST_CASE("trace: one value of a model and the sum that made it", "[trace]") {
  const TempDir dir;
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir, {"--attention=batched"})), 0, "");
  const auto value = [&](const std::string& node) {
    return trace_of({run, "--dtype=f64", "--node=" + node});
  };
  for (const char* node :
       {"h.0.ln_1.layernorm[0,2,5]", "h.0.attn.c_attn.linear[2,5]", "h.0.attn.c_proj.linear[3,1]",
        "h.0.mlp.c_proj.linear[3,1]", "embed.embedding[4,2]"}) {
    INFO(node);
    const json origin = value(node);
    CHECK(origin["grad"].is_number());
    CHECK(std::abs(origin["sum"]["total"].get<double>() - origin["value"].get<double>()) < 1e-12);
    double shown = origin["sum"]["rest"];
    for (const json& term : origin["sum"]["terms"]) shown += term["value"].get<double>();
    CHECK(std::abs(shown - origin["value"].get<double>()) < 1e-12);
    CHECK((origin["sum"]["more"] > 0) == (origin["op"] == "linear"));
  }
  const json softmax = value("h.0.attn.causal_softmax[1,2,1]");
  CHECK(std::abs(softmax["operands"][2]["value"].get<double>() / softmax["sum"]["total"].get<double>() -
                 softmax["value"].get<double>()) < 1e-12);
  CHECK(softmax["sum"]["terms"].size() == 3);
  CHECK(value("h.0.attn.causal_softmax[1,2,3]")["note"] == "query 2 does not attend to key 3");
  CHECK(value("#0[1,2]")["scope"] == "embed");

  const auto text = hewn({"trace", run, "--text=the cat sat", "--node=h.0.mlp.c_proj.linear[3,1]"});
  CHECK(text.exit_code == 0);
  for (const char* part : {"h.0.mlp.c_proj.linear, [1, 10, 16]", "weight  ", "residual[0,3,1]",
                           "x[0,3,0] weight[0,1]", " more ", "gradient", "total"}) {
    INFO(part);
    CHECK(contains(text.out, part));
  }
  const auto fails = [&](const std::string& node) {
    return hewn({"trace", run, "--text=the cat sat", "--node=" + node});
  };
  CHECK_FAILS(fails("h.0.ln_1.layernrm[0,1]"), 2, "did you mean 'h.0.ln_1.layernorm'?");
  CHECK_FAILS(fails("h.0.ln_1.layernorm[0,99]"), 2,
              "whose shape is [1, 10, 16]; give the place in each dimension, counted from 0");
  CHECK_FAILS(fails("h.0.ln_1.layernorm[0,-1]"), 2, "whose shape is [1, 10, 16]");
  CHECK_FAILS(fails("h.0.ln_1.layernorm[1,0,0,0]"), 2, "whose shape is [1, 10, 16]");
  CHECK_FAILS(fails("h.0.ln_1.layernorm"), 2, "whose shape is [1, 10, 16]");
  CHECK_FAILS(fails("#999[0]"), 2, "there is no node #999; the nodes are #0 to #");
  CHECK_FAILS(fails("#one[0]"), 2, "there is no node #one");
  for (const char* word : {"[0]", "h.0[0", "h.0[0,]", "h.0[a]", "h.0[0]]"})
    CHECK_FAILS(fails(word), 2, "is not an element of a node");
}

TEST_CASE("trace: the backward pass of a model, step by step", "[trace]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  const auto r = hewn({"trace", (dir / "run").string(), "--text=the cat sat", "--step"});
  CHECK(r.exit_code == 0);
  CHECK(contains(r.out, "gradient of transformer.wte.weight  set; now [19, 16], mean "));
  CHECK(contains(r.out, "gradient of transformer.wte.weight  added; now [19, 16], mean "));
  CHECK(contains(r.out, "the gradients of the leaves\n"));
}

}  // namespace hewn::test
