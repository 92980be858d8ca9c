// hewn bench, plan, info.

#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("kernels are checked before they are timed") {
  if (left_out()) return;
  const auto r = hewn(
      {"bench", "kernels", "--op=softmax", "--shape=7x65", "--threads=1,2", "-r", "2", "--json", "--ladder"});
  CHECK(r.exit_code == 0);
  for (const char* key : {"op", "shape", "dtype", "threads", "isa", "rung", "best_ms", "median_ms", "gflops",
                          "gbps", "roof_percent"})
    CHECK(contains(r.out, "\"" + std::string(key) + "\": "));
  CHECK(contains(r.out, "\"rung\": \"reference\""));
  const auto two = hewn({"bench", "kernels", "--op=softmax.forward", "--shape=7x65,3x9", "-r1", "--csv"});
  CHECK(two.exit_code == 0);
  CHECK(contains(two.out, "softmax.forward,7x65,"));
  CHECK(contains(two.out, "softmax.forward,3x9,"));
}

TEST_CASE("training and sampling are timed") {
  const auto train = hewn({"bench", "train", "--vocab_size=20", "--n_layer=1", "--n_embd=16",
                           "--batch_size=2", "--threads=1", "-r2", "--json"});
  CHECK(train.exit_code == 0);
  for (const char* key : {"\"ms_per_step\"", "\"tokens_per_s\"", "\"peak_bytes\""})
    CHECK(contains(train.out, key));
  CHECK(!contains(train.out, "mfu"));  // of GPUs alone, whose peaks are known
  const auto sample =
      hewn({"bench", "sample", "--n_layer=1", "--n_embd=16", "--max_new_tokens=10", "-r2", "--json"});
  CHECK(contains(sample.out, "\"tokens_per_s\""));
  CHECK(contains(hewn({"bench", "sample", "--n_layer=1", "--n_embd=16", "--max_new_tokens=10"}).out,
                 "tokens/s"));
}

TEST_CASE("prompts are timed by themselves, and several texts together") {
  if (left_out()) return;
  const auto timed = [](std::vector<std::string> more) {
    std::vector<std::string> words{"bench", "sample", "--n_layer=1", "--n_embd=16", "-r2"};
    words.insert(words.end(), more.begin(), more.end());
    return hewn(words);
  };
  const auto both = nlohmann::json::parse(
      timed({"--prompt_tokens=40", "--max_new_tokens=5", "--batch_size=3", "--json"}).out)[0];
  CHECK(both.at("batch_size") == 3);
  CHECK(both.at("prompt_tokens") == 40);
  const double prompt = both.at("prompt_ms").get<double>(), token = both.at("ms_per_token").get<double>();
  CHECK(both.at("prompt_tokens_per_s").get<double>() == Approx(3 * 40 / prompt * 1e3));
  CHECK(both.at("tokens_per_s").get<double>() == Approx(3 / token * 1e3));
  // The median of the whole lies between the smallest and the largest sum of the parts, which are two each.
  CHECK(both.at("best_ms").get<double>() < 3 * (prompt + 4 * token));
  CHECK(!both.contains("ms_of_a_token"));
  const auto alone = timed({"--prompt_tokens=40", "--max_new_tokens=1"});
  CHECK(contains(alone.out, "prompt "));
  CHECK(!contains(alone.out, "per token"));
  CHECK(contains(timed({"--max_new_tokens=5", "--batch_size=3"}).out,
                 "ms per token of each text (5 tokens, 3 texts"));
  CHECK_FAILS(timed({"--prompt_tokens=65"}), 2,
              "--prompt_tokens: prompt_tokens = 65, but the context has block_size = 64");
}

TEST_CASE("a classifier is planned and timed without data") {
  if (left_out()) return;
  const auto with = [](std::vector<std::string> words) {
    for (const char* key : {"--vocab_size=500", "--n_labels=3", "--n_embd=16", "--batch_size=2", "--json"})
      words.emplace_back(key);
    const ProcessResult r = hewn(words);
    INFO(words.front() << ", after " << (r.timed_out ? "too long" : "its end") << ": " << r.err);
    REQUIRE(r.exit_code == 0);
    return nlohmann::json::parse(r.out);
  };
  const auto all = with({"plan"}), head = with({"plan", "--train=head"});
  CHECK(all.at("parts").at("head") == 3 * 16);
  CHECK(head.at("trained_parameters") == 3 * 16);
  CHECK(head.at("flops_per_token").get<double>() < 0.4 * all.at("flops_per_token").get<double>());
  CHECK(with({"bench", "train", "-r1"}).at(0).at("ms_per_step") > 0);
}

TEST_CASE("plan prints parameters, memory, the minimum time and the largest batch") {
  const auto r = hewn({"plan", "--vocab_size=65", "--json"});
  CHECK(r.exit_code == 0);
  for (const char* key : {"\"parameters\": ", "\"flops_per_token\"", "\"peak_bytes\"",
                          "\"floor_ms_per_step\"", "\"largest_batch_size\""})
    CHECK(contains(r.out, key));
  CHECK(contains(hewn({"plan", "--vocab_size=65"}).out, "at peak"));
  CHECK_FAILS(hewn({"plan", "--vocab_size=65", "--n_head=3"}), 2, "n_head");
}

TEST_CASE("plan --ops lists the kernels of a step, whose costs add up to the plan's") {
  const std::vector<std::string> run = {"plan", "--vocab_size=65", "--dtype=bf16", "--device=cuda",
                                        "--gpu=h100"};
  auto with = [&](const std::string& option) {
    auto arguments = run;
    arguments.insert(arguments.end(), {"--ops", option});
    return hewn(arguments).out;
  };
  const auto plan = nlohmann::json::parse(with("--json"));
  double flops = 0, floor_ms = 0, before = 1e300;
  int64_t layernorms = 0;
  for (const auto& op : plan.at("ops")) {
    flops += op.at("flops").get<double>();
    floor_ms += op.at("floor_ms").get<double>();
    CHECK(op.at("floor_ms") <= before);
    before = op.at("floor_ms");
    if (op.at("op") == "layernorm.forward") layernorms += op.at("calls").get<int64_t>();
    CHECK(op.at("rung").get<std::string>().starts_with("cuda"));
    CHECK(op.at("shape") != "");
  }
  CHECK(layernorms == 2 * 4 + 1);  // two per block of the default model, and the last
  CHECK(flops == Approx(plan.at("flops_per_token").get<double>() * plan.at("tokens_per_step").get<double>()));
  CHECK(floor_ms == Approx(plan.at("floor_ms_per_step").get<double>()));
  const std::string text = with("--quiet");
  CHECK(contains(text, "attention.backward"));
  CHECK(contains(text, "\ntotal "));
  CHECK(!nlohmann::json::parse(hewn({"plan", "--vocab_size=65", "--json"}).out).contains("ops"));
}

TEST_CASE("info describes this machine, runs and files") {
  const auto machine = hewn({"info"});
  CHECK(contains(machine.out, "softmax.forward"));
  CHECK(contains(hewn({"info", "--json"}).out, "\"kernels\""));
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  CHECK(contains(hewn({"info", (dir / "run").string()}).out, "step-000020"));
  CHECK(contains(hewn({"info", (dir / "run/checkpoints/best").string()}).out, "n_embd"));
  CHECK(contains(hewn({"info", (dir / "run/checkpoints/last/model.safetensors").string()}).out,
                 "transformer.wte.weight"));
  CHECK(contains(hewn({"info", (dir / "run/tokenizer.json").string()}).out, "char"));
  REQUIRE(
      hewn({"data", "prepare", (dir / "text.txt").string(), "--out_dir=" + (dir / "d").string()}).exit_code ==
      0);
  CHECK(contains(hewn({"info", (dir / "d/train.bin").string()}).out, "tokens"));
  CHECK_FAILS(hewn({"info", (dir / "none").string()}), 3, "none");
  CHECK_FAILS(hewn({"info", (dir / "text.txt").string()}), 3, "text.txt");
}

}  // namespace hewn::test
