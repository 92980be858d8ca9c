// hewn plan --ranks: what training with others costs a process.

#include "apps/ranks/plan_ranks.h"

#include "tests/apps/ranks/train_on.h"

namespace hewn::test {
namespace {

ProcessResult plan(std::vector<std::string> more) {
  more.insert(more.begin(), {"plan", "--vocab_size=64", "--n_layer=4", "--n_head=2", "--n_embd=128",
                             "--block_size=16", "--batch_size=2"});
  return hewn(more);
}

}  // namespace

TEST_CASE("a plan for several processes counts what each holds and sends") {
  const auto whole = nlohmann::json::parse(plan({"--gradient_accumulation_steps=8", "--json"}).out);
  CHECK(!whole.contains("ranks"));
  const auto part = nlohmann::json::parse(
      plan({"--gradient_accumulation_steps=8", "--json", "--ranks=4", "--network=0.001"}).out);
  const auto& ranks = part["ranks"];
  CHECK(ranks["count"] == 4);
  CHECK(part["tokens_per_step"] == whole["tokens_per_step"]);
  // Three quarters of the gradient, as much of the values, and some numbers besides.
  const double least = 2 * 0.75 * 4 * whole["parameters"].get<double>();
  CHECK(ranks["bytes_sent_per_step"].get<double>() >= 0.97 * least);
  CHECK(ranks["bytes_sent_per_step"].get<double>() < 1.03 * least);
  CHECK(ranks["network_ms_per_step"].get<double>() ==
        Approx(ranks["bytes_sent_per_step"].get<double>() * 8 / 1e6 * 1e3));
  CHECK(ranks["peak_bytes_otherwise"].get<int64_t>() > part["peak_bytes"].get<int64_t>());
  CHECK(ranks["network_ms_hidden"].get<double>() <= ranks["network_ms_per_step"].get<double>() / 2);
  CHECK(ranks["hidden_from_micro_steps"].get<int64_t>() % 4 == 0);
  const std::string text = plan({"--gradient_accumulation_steps=8", "--ranks=4", "--network=10"}).out;
  CHECK(contains(text, "ranks       4, each sends "));
  CHECK(contains(text, "network     at 10 Gbit/s "));
}

TEST_CASE("a plan in bf16 sends matrices as bf16 copies") {
  const auto planned = [](const std::vector<std::string>& more) {
    return nlohmann::json::parse(
        plan(with({"--gradient_accumulation_steps=8", "--ranks=4", "--network=0.001", "--json"}, more)).out);
  };
  const auto f32 = planned({}), bf16 = planned({"--dtype=bf16"});
  const double parameters = f32["parameters"], embeddings = (64 + 16) * 128;
  const double saved =
      f32["ranks"]["bytes_sent_per_step"].get<double>() - bf16["ranks"]["bytes_sent_per_step"].get<double>();
  // All ranks together save this; the one that is planned owns all embeddings of the only bucket, which saves nothing.
  CHECK(saved == Approx(0.75 * 2 * (parameters - embeddings)).epsilon(0.06));
}

TEST_CASE(
    "a plan hides gradients beside the backward pass, and values beside the forward pass if they can be") {
  const auto hidden_part = [](const std::vector<std::string>& more) {
    const auto ranks = nlohmann::json::parse(
        plan(with({"--gradient_accumulation_steps=8", "--ranks=4", "--network=1000000", "--json"}, more))
            .out)["ranks"];
    return ranks["network_ms_hidden"].get<double>() / ranks["network_ms_per_step"].get<double>();
  };
  CHECK(hidden_part({}) == Approx(1));
  for (const auto& more : {std::vector<std::string>{"--shard_optimizer=false"},
                           {"--dtype=bf16", "--stochastic_rounding=true"},
                           {"--device=cuda", "--gpu=h100"}}) {
    INFO(more[0]);
    CHECK(hidden_part(more) > 0.4);
    CHECK(hidden_part(more) < 0.7);
  }
  const auto says = [](const std::vector<std::string>& more) {
    return contains(plan(with({"--gradient_accumulation_steps=8", "--ranks=4", "--network=10"}, more)).out,
                    " and the next forward pass\n");
  };
  CHECK(says({}));
  CHECK(!says({"--device=cuda", "--gpu=h100"}));
}

TEST_CASE("a plan for several GPUs counts what each holds and sends") {
  const auto planned = [](const std::vector<std::string>& more) {
    return nlohmann::json::parse(
        plan(with({"--gradient_accumulation_steps=8", "--ranks=4", "--json"}, more)).out);
  };
  const auto on_gpus = planned({"--device=cuda", "--gpu=h100"});
  CHECK(on_gpus["ranks"]["count"] == 4);
  CHECK(on_gpus["ranks"]["bytes_sent_per_step"] == planned({})["ranks"]["bytes_sent_per_step"]);
}

TEST_CASE("a plan for GPUs that NVLink joins has the bandwidth of their data sheet") {
  const auto words = [](const std::string& gpu, const std::vector<std::string>& more) {
    return with({"--gradient_accumulation_steps=8", "--ranks=4", "--device=cuda", "--gpu=" + gpu}, more);
  };
  for (const auto& [gpu, bytes_per_s] : {std::pair{"a100", 300e9}, {"h100", 450e9}, {"h200", 450e9}}) {
    INFO(gpu);
    const auto ranks = nlohmann::json::parse(plan(words(gpu, {"--network=nvlink", "--json"})).out)["ranks"];
    CHECK(ranks["network_link"] == "nvlink");
    CHECK(ranks["network_bytes_per_second"] == bytes_per_s);
    CHECK(ranks["network_ms_per_step"].get<double>() ==
          Approx(ranks["bytes_sent_per_step"].get<double>() / bytes_per_s * 1e3));
  }
  CHECK(contains(
      plan(words("a100", {"--network=nvlink"})).out,
      "network     at 2400 Gbit/s (nvlink between the GPUs of one host, 300 GB/s in each direction) "));
  // The same bandwidth as a number names no link.
  const auto by_number =
      nlohmann::json::parse(plan(words("a100", {"--network=2400", "--json"})).out)["ranks"];
  CHECK(by_number["network_bytes_per_second"] == 300e9);
  CHECK(!by_number.contains("network_link"));
}

TEST_CASE("a plan for several processes refuses links that it does not know") {
  const auto refused = [](const std::vector<std::string>& more, const char* error) {
    CHECK_FAILS(plan(with({"--gradient_accumulation_steps=2", "--ranks=2"}, more)), 2, error);
  };
  refused({"--network=nvlink"}, "--network: nvlink connects GPUs; plan for a GPU with --device=cuda");
  for (const char* gpu : {"3090", "4090"})
    refused({"--device=cuda", "--gpu=rtx" + std::string(gpu), "--network=nvlink"},
            "NVLink connects at most two GPUs of type NVIDIA GeForce RTX ");
  refused({"--network=infiniband"}, "'infiniband' is neither a number nor a known link; give Gbit/s");
  refused({"--network="}, "'' is neither a number nor a known link");
  refused({"--network=nvlnk"}, "did you mean 'nvlink'?");
  refused({"--network=10 Gbit/s"}, "'10 Gbit/s' is neither a number nor a known link");
  for (const char* number : {"-1", "1e7"})
    refused({"--network=" + std::string(number)}, "is out of range; give 0 to 1000000 Gbit/s, or nvlink");
}

TEST_CASE("a plan for several processes refuses what they what they would refuse") {
  CHECK_FAILS(plan({"--ranks=3"}), 2, "--ranks: ranks = 3; expected a power of two, such as 2");
  CHECK_FAILS(plan({"--ranks=2"}), 2, "cannot be divided among 2 ranks; give a multiple of 2");
  CHECK_FAILS(plan({"--ranks=4", "--gradient_accumulation_steps=8", "--grad_shards=2"}), 2,
              "give a multiple of 4, or at most 2 ranks");
  CHECK_FAILS(plan({"--network=10"}), 2, "give their number as --ranks=N");
  CHECK_FAILS(plan({"--ranks=0"}), 2, "ranks");
}

}  // namespace hewn::test
