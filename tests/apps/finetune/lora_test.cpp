// Training of some parameters and of adapters from the command line, and everything that reads such a run.

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/io/checksum.h"
#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A trained run, dir/run, and how adapters of it are trained into dir/tuned.
std::vector<std::string> tune(const TempDir& dir, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"train",
                                        "--init_from=" + (dir / "run").string(),
                                        "--dataset=" + (dir / "text.txt").string(),
                                        "--out_dir=" + (dir / "tuned").string(),
                                        "--train=lora",
                                        "--lora_rank=2",
                                        "--learning_rate=0.01",
                                        "--batch_size=4",
                                        "--max_iters=20",
                                        "--threads=1",
                                        "--eval_interval=10",
                                        "--eval_iters=2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

double loss_of(const std::string& run, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"eval", run, "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto r = hewn(arguments);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out)["loss"];
}

std::string last(const fs::path& run) { return (run / "checkpoints/last").string(); }

}  // namespace

TEST_CASE("adapters are trained, resumed, used and merged") {
  const TempDir dir;
  const std::string base = (dir / "run").string(), tuned = (dir / "tuned").string(),
                    merged = (dir / "merged").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn(tune(dir)), 0, " train (lora)");
  for (const char* name :
       {"adapter_model.safetensors", "adapter_config.json", "optimizer.safetensors", "state.json"})
    CHECK(fs::exists(last(tuned) + "/" + name));
  CHECK(!fs::exists(last(tuned) + "/model.safetensors"));
  CHECK(json::parse(read_file(last(tuned) + "/adapter_config.json"))["target_modules"] ==
        json{"c_attn", "c_fc", "c_proj"});
  CHECK(loss_of(tuned) < loss_of(base));

  // 10 + 10 steps have the bits of 20.
  CHECK_FAILS(
      hewn(tune(dir, {"--max_iters=10", "--lr_decay_iters=20", "--out_dir=" + (dir / "halves").string()})), 0,
      "");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + (dir / "halves").string(), "--max_iters=20",
                    "--threads=2"}),
              0, "resume");
  for (const char* name : {"/adapter_model.safetensors", "/optimizer.safetensors"})
    CHECK(read_file(last(tuned) + name) == read_file(last(dir / "halves") + name));
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--train=all"}), 2,
              "a resumed run cannot change it");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--lora_rank=4"}), 2,
              "lora_rank = 4");

  // All that reads a run.
  CHECK(hewn({"sample", tuned, "--max_new_tokens=5"}).exit_code == 0);
  CHECK(hewn({"chat", tuned, "--max_new_tokens=5"}, {.input = "the\n"}).exit_code == 0);
  CHECK_FAILS(hewn({"verify", tuned}), 0, "");
  const json info = json::parse(hewn({"info", tuned, "--json"}).out)["last"];
  CHECK(info["base"]["path"].get<std::string>().starts_with(base));
  CHECK(info["adapter"]["parameters"] == 2 * (16 + 48 + 16 + 16 + 16 + 64 + 64 + 16));
  CHECK_FAILS(hewn({"export", tuned, "--format=safetensors", "--out=" + (dir / "x.safetensors").string()}), 0,
              "wrote");
  const auto compared = hewn({"verify", tuned, "--merged"});
  CHECK_FAILS(compared, 0, "");
  for (const char* what : {"merged: log prob", "hf: log prob", "safetensors: log prob", "llama2c: cannot"})
    CHECK(contains(compared.out, what));
  CHECK_FAILS(hewn({"verify", base, "--merged"}), 2, "has no adapter");

  // Merged: the same model, and a run like any other.
  CHECK_FAILS(hewn({"merge", tuned, "--out=" + merged}), 0, "next: hewn sample");
  CHECK(loss_of(merged) == Approx(loss_of(tuned)).epsilon(1e-6));
  CHECK(loss_of(base, {"--adapter=" + tuned}) == Approx(loss_of(tuned)).epsilon(1e-6));
  CHECK(loss_of(base, {"--adapter=" + tuned + ":0"}) == Approx(loss_of(base)).epsilon(1e-6));
  CHECK(loss_of(base, {"--adapter=" + tuned + ":0.25", "--adapter=" + tuned + ":0.75"}) ==
        Approx(loss_of(tuned)).epsilon(1e-6));
  CHECK(read_file(dir / "merged/checkpoints/last/model.safetensors").size() > 1000);
  CHECK_FAILS(hewn({"train", "--init_from=" + merged, "--dataset=" + (dir / "text.txt").string(),
                    "--max_iters=1", "--out_dir=" + (dir / "more").string(), "--eval_iters=1"}),
              0, "");
  CHECK_FAILS(hewn({"merge", base, "--out=" + merged}), 2, "no adapter to merge");
  CHECK_FAILS(hewn({"merge", tuned}), 2, "--out=RUN");
  CHECK_FAILS(hewn({"eval", base, "--adapter=" + base}), 3, "not an adapter");
  CHECK_FAILS(hewn({"eval", base, "--adapter=" + tuned + ":x"}), 2, "no number after the colon");
  CHECK_FAILS(hewn({"eval", merged, "--adapter=" + tuned}), 3, "is an adapter of");
}

TEST_CASE("verify --merged ends with status 5 if log probabilities differ, and NaN is never equal") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  REQUIRE(hewn(tune(dir, {"--max_iters=1"})).exit_code == 0);
  const fs::path checkpoint = last(dir / "tuned");
  std::string adapter = read_file(checkpoint / "adapter_model.safetensors");
  adapter.replace(adapter.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));  // the last value becomes NaN
  write_file(checkpoint / "adapter_model.safetensors", adapter);
  CHECK_FAILS(hewn({"verify", (dir / "tuned").string(), "--merged"}), 3, "adapter_model.safetensors");
  CHECK_FAILS(hewn({"info", checkpoint.string()}), 3, "adapter_model.safetensors has changed");
  make_old_run(dir / "tuned", [](std::string&) {});  // whose MANIFEST has no checksum of its own
  std::string manifest = read_file(checkpoint / "MANIFEST");
  const size_t line = manifest.rfind('\n', manifest.find("adapter_model.safetensors")) + 1;
  write_file(checkpoint / "MANIFEST", manifest.replace(line, 16, to_hex(checksum(adapter))));
  const auto verified = hewn({"verify", (dir / "tuned").string(), "--merged"});
  INFO(verified.out << verified.err);
  CHECK(verified.exit_code == 5);
  CHECK(contains(verified.out, "merged: log probabilities differ by at most inf, more than 0.0001"));
}

TEST_CASE("info names the configuration of an adapter that is not JSON") {
  const TempDir dir;
  write_file(dir / "adapter_config.json", "{");
  CHECK_FAILS(hewn({"info", dir.path().string()}), 3,
              "while reading " + (dir / "adapter_config.json").string());
}

TEST_CASE("a base model that has moved is found with --base, and other weights are refused") {
  if (left_out()) return;
  const TempDir dir, other;
  const std::string tuned = (dir / "tuned").string(), moved = (dir / "moved").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn(tune(dir)), 0, "");
  const double loss = loss_of(tuned);
  fs::rename(dir / "run", moved);
  CHECK_FAILS(hewn({"eval", tuned}), 3, "--base=RUN");
  CHECK(loss_of(tuned, {"--base=" + moved}) == loss);
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--max_iters=22"}), 3, "--base=RUN");
  CHECK_FAILS(
      hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--max_iters=22", "--base=" + moved}), 0,
      "");
  CHECK(loss_of(tuned) != loss);  // which was found without --base
  CHECK_FAILS(hewn(small_train(other, {"--seed=5"})), 0, "");
  CHECK_FAILS(hewn({"eval", tuned, "--base=" + (other / "run").string()}), 3, "is not the base model");
  CHECK_FAILS(
      hewn({"merge", tuned, "--out=" + (dir / "merged").string(), "--base=" + (other / "run").string()}), 3,
      "is not the base model");
  CHECK(!fs::exists(dir / "merged"));
}

TEST_CASE("eval --against merges an adapter into the first model only") {
  const TempDir dir;
  const std::string base = (dir / "run").string(), tuned = (dir / "tuned").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn(tune(dir)), 0, "");
  const auto compared = hewn({"eval", base, "--against=" + base, "--adapter=" + tuned, "--json"});
  CHECK_FAILS(compared, 0, "");
  const json perplexity = json::parse(compared.out).at("perplexity");
  CHECK(perplexity.at("before") == Approx(std::exp(loss_of(base))));
  CHECK(perplexity.at("after") == Approx(std::exp(loss_of(tuned))));
}

TEST_CASE("the head or some blocks are trained and resumed; wrong words are refused") {
  if (left_out()) return;
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--train=last:1", "--tie=false"})), 0, " train (last:1)");
  CHECK_FAILS(hewn(small_resume(dir, {"--train=head"})), 2, "a resumed run cannot change it");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=22"})), 0, "resume");
  CHECK_FAILS(hewn({"verify", "--resume", "--max_iters=4", "--train=last:1", "--n_layer=2", "--n_embd=16",
                    "--n_head=2", "--block_size=16", "--dataset=" + (dir / "text.txt").string()}),
              0, "");
  CHECK_FAILS(hewn({"verify", "--resume", "--threads=1,2", "--max_iters=4", "--train=lora",
                    "--lora_dropout=0.1", "--n_layer=2", "--n_embd=16", "--n_head=2", "--block_size=16",
                    "--dataset=" + (dir / "text.txt").string()}),
              0, "");
  const std::string out = "--out_dir=" + (dir / "wrong").string();
  CHECK_FAILS(hewn(small_train(dir, {"--train=tail", out})), 2, "train = tail is not one of all");
  CHECK_FAILS(hewn(small_train(dir, {"--train=last:2", out})), 2, "the model has 1 blocks");
  CHECK_FAILS(hewn(small_train(dir, {"--train=lora", out})), 2, "--init_from=RUN");
  CHECK_FAILS(hewn(small_train(dir, {"--lora_rank=4", out})), 2, "no effect with train = all");
  CHECK(!fs::exists(dir / "wrong"));
  const json plan = json::parse(hewn({"plan", "--json", "--vocab_size=50", "--n_layer=2", "--n_embd=16",
                                      "--train=lora", "--lora_rank=2"})
                                    .out);
  CHECK(plan["trained_parameters"] == plan["parts"]["adapters"]);
}

}  // namespace hewn::test
