// hewn quantize: a run becomes a small file, which other commands take like a run.

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

/// A run whose matrices have rows that blocks of 32 divide.
ProcessResult train_wide(const TempDir& dir) {
  return hewn(small_train(dir, {"--n_embd=32", "--mlp_width=64"}));
}

}  // namespace

TEST_CASE("a quantised run is sampled, evaluated, examined and imported by its name", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), file = (dir / "small.gguf").string();
  const auto made = hewn({"quantize", run, "--format=q8_0", "--out=" + file});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK(contains(made.out, "q8_0"));
  CHECK(contains(made.out, "wrote " + file));
  CHECK(contains(hewn({"info", file}).out, "q8_0 ["));
  const auto text = hewn({"sample", file, "--num_samples=1", "--max_new_tokens=20", "--temperature=0"});
  CHECK(text.exit_code == 0);
  CHECK_FALSE(text.out.empty());
  const auto loss = [&](const std::string& model) {
    const auto evaluated = hewn({"eval", model, "--dataset=" + (dir / "text.txt").string(), "--json"});
    INFO(evaluated.err);
    REQUIRE(evaluated.exit_code == 0);
    return nlohmann::json::parse(evaluated.out).at("loss").get<double>();
  };
  CHECK(loss(file) == Approx(loss(run)).epsilon(0.01));
  CHECK(loss(file) != loss(run));
  CHECK(hewn({"import", file, "--out=" + (dir / "back").string()}).exit_code == 0);
  CHECK(loss((dir / "back").string()) == Approx(loss(file)).epsilon(0.01));
  const auto timed = hewn({"bench", "sample", file, "--max_new_tokens=2", "--json", "-v"});
  REQUIRE(timed.exit_code == 0);
  CHECK(contains(timed.err, " ms to make it text"));
  const auto token = nlohmann::json::parse(timed.out)[0].at("ms_of_a_token");
  for (const char* part : {"kernels", "drawing", "tokenizer"}) CHECK(token.at(part) > 0);
}

TEST_CASE("a GGUF file has the tokenizer of its run, of whichever kind", "[cli]") {
  for (const char* kind : {"char", "byte", "word", "regex"}) {
    INFO(kind);
    const TempDir dir;
    REQUIRE(hewn(small_train(dir, {"--n_embd=32", "--mlp_width=64", "--max_iters=1",
                                   "--tokenizer=" + std::string(kind)}))
                .exit_code == 0);
    const std::string run = (dir / "run").string(), small = (dir / "small.gguf").string(),
                      whole = (dir / "whole.gguf").string();
    CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", "--out=" + small}), 0, "next: hewn sample " + small);
    CHECK(hewn({"export", run, "--format=gguf", "--out=" + whole}).exit_code == 0);
    const auto text = [&](const std::string& model) {
      return hewn({"sample", model, "--start=t", "--max_new_tokens=6", "--temperature=0", "--threads=1"}).out;
    };
    CHECK_FALSE(text(run).empty());
    CHECK(text(whole) == text(run));
    CHECK_FALSE(text(small).empty());
    CHECK_FAILS(hewn({"chat", small, "--max_new_tokens=2"}, {.input = "t\n"}), 0, "");
    const auto compared = hewn({"eval", small, "--against=" + run, "--json"});
    INFO(compared.err);
    REQUIRE(compared.exit_code == 0);
    CHECK(nlohmann::json::parse(compared.out).at("kl").at("mean") < 0.01);
    CHECK(contains(hewn({"info", small}).out, "hewn.tokenizer  the JSON of a tokenizer\n"));
  }
}

TEST_CASE("info says which formats are widened", "[cli]") {
  const auto about = hewn({"info", (source_dir() / "tests/files/blocks.gguf").string()});
  REQUIRE(about.exit_code == 0);
  for (const char* format : {"q4_1", "q5_1", "q2_k", "q3_k"})
    CHECK(contains(about.out, std::string(format) + "  1 tensor"));
  for (const char* line : {"q3_k  1 tensor, 220 B, widened to bf16 when opened\n", "q4_k  1 tensor, 288 B\n"})
    CHECK(contains(about.out, line));
}

TEST_CASE("eval --against compares a quantised model with the run it was made from", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), file = (dir / "small.gguf").string();
  REQUIRE(hewn({"quantize", run, "--format=q4_0", "--out=" + file}).exit_code == 0);
  const auto compared = hewn({"eval", file, "--against=" + run, "--json"});  // on the run's own text
  INFO(compared.err);
  REQUIRE(compared.exit_code == 0);
  const auto json = nlohmann::json::parse(compared.out);
  const double before = json.at("perplexity").at("before"), after = json.at("perplexity").at("after");
  CHECK(after / before == Approx(json.at("perplexity").at("ratio").get<double>()));
  CHECK(json.at("perplexity").at("interval")[0] <= after / before);
  CHECK(json.at("perplexity").at("interval")[1] >= after / before);
  CHECK(json.at("kl").at("mean") > 0);
  CHECK(json.at("kl").at("mean") < 0.1);
  CHECK(json.at("same_top") > 0.5);
  const auto text = hewn({"eval", file, "--against=" + run});
  CHECK(contains(text.out, "KL divergence"));
  CHECK_FAILS(hewn({"eval", file, "--against=" + run, "--per_token"}), 2, "per_token");
  CHECK_FAILS(hewn({"eval", file, "--against=" + (dir / "none").string()}), 3, "none");
}

TEST_CASE("quantize prints sizes and errors as JSON", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string file = (dir / "small.gguf").string();
  const auto made = hewn({"quantize", (dir / "run").string(), "--format=q4_0", "--out=" + file, "--json",
                          "--keep=*attn_qkv*", "--tensor=blk.0.ffn_*=q8_0"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const auto json = nlohmann::json::parse(made.out);
  CHECK(json.at("format") == "q4_0");
  CHECK_FALSE(json.contains("target_bits"));
  CHECK(json.at("bytes") == std::filesystem::file_size(file));
  CHECK(json.at("bits_per_weight") > 4.5);
  for (const auto& tensor : json.at("tensors")) {
    const std::string name = tensor.at("name"), format = tensor.at("format");
    INFO(name);
    if (name.find("attn_qkv.weight") != name.npos) CHECK(format == "bf16");
    if (name.starts_with("blk.0.ffn_up.weight")) CHECK(format == "q8_0");
    CHECK(tensor.at("rmse") <= tensor.at("max_error"));
  }
}

TEST_CASE("quantize says once for all matrices with the same rows that blocks do not divide them", "[cli]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--n_embd=32", "--mlp_width=64", "--n_layer=2"})).exit_code == 0);
  const auto made = hewn({"quantize", (dir / "run").string(), "--format=q4_k_s", "--tensor=*ffn_up*=q8_0",
                          "--out=" + (dir / "small.gguf").string()});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK(contains(made.err,
                 "2 matrices with rows of 32 values are q8_0 instead of q5_k, whose blocks have 256: "
                 "blk.0.attn_qkv.weight, blk.1.attn_qkv.weight\n"));
  CHECK(contains(made.err,
                 "2 matrices with rows of 32 values are q5_0 instead of q4_k, whose blocks have 256: "
                 "blk.0.attn_output.weight, blk.1.attn_output.weight\n"));
}

TEST_CASE("quantize measures what a format costs on a text, and all formats beside each other", "[cli]") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), val = "--val=" + (dir / "text.txt").string();
  const auto one =
      hewn({"quantize", run, "--format=q8_0", "--out=" + (dir / "one.gguf").string(), val, "--json"});
  INFO(one.err);
  REQUIRE(one.exit_code == 0);
  const auto cost = nlohmann::json::parse(one.out);
  CHECK(cost.at("ms_per_token") > 0);
  CHECK(cost.at("bandwidth_percent") > 0);
  const auto all = hewn({"quantize", run, "--ladder", val, "--json"});
  REQUIRE(all.exit_code == 0);
  const auto formats = nlohmann::json::parse(all.out).at("formats");
  REQUIRE(formats.size() == 8);
  std::map<std::string, nlohmann::json> by_name;
  for (const auto& format : formats) by_name[format.at("format")] = format;
  CHECK(by_name.at("q8_0").at("kl").at("mean") == cost.at("kl").at("mean"));
  CHECK(by_name.at("bf16").at("kl").at("mean") < by_name.at("q4_0").at("kl").at("mean"));
  CHECK(by_name.at("q4_0").at("bytes") < by_name.at("q8_0").at("bytes"));
  CHECK(contains(hewn({"quantize", run, "--ladder", val}).out, "ms/token"));
  CHECK_FAILS(hewn({"quantize", run, "--ladder"}), 2, "add --val=FILE");
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", "--out=" + (dir / "two.gguf").string(),
                    "--val=" + (dir / "none.txt").string()}),
              3, "none.txt");
  CHECK_FALSE(std::filesystem::exists(dir / "two.gguf"));
}

TEST_CASE("quantize weighs errors by what a text makes each matrix read", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), text = (dir / "text.txt").string();
  const auto plain = (dir / "plain.gguf").string(), weighed = (dir / "weighed.gguf").string();
  REQUIRE(hewn({"quantize", run, "--format=q4_0", "--out=" + plain}).exit_code == 0);
  const std::vector<std::string> calibrated = {
      "quantize", run, "--format=q4_0", "--out=" + weighed, "--calibrate=" + text, "--force"};
  REQUIRE(hewn(calibrated).exit_code == 0);
  const std::string once = read_file(weighed);
  CHECK((once != read_file(plain)));
  REQUIRE(hewn(calibrated).exit_code == 0);
  CHECK((read_file(weighed) == once));
  write_file(dir / "short.txt", "the cat");
  CHECK_FAILS(hewn({"quantize", run, "--format=q4_0", "--out=" + (dir / "none.gguf").string(),
                    "--calibrate=" + (dir / "short.txt").string()}),
              3, "fewer than the 17 of a whole window");
  CHECK_FAILS(hewn({"quantize", run, "--format=q4_0", "--out=" + (dir / "none.gguf").string(),
                    "--calibrate=" + (dir / "absent.txt").string()}),
              3, "absent.txt");
  CHECK_FALSE(std::filesystem::exists(dir / "none.gguf"));
}

TEST_CASE("quantize makes up for errors of columns by those that follow", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), file = (dir / "small.gguf").string();
  const std::string text = "--calibrate=" + (dir / "text.txt").string();
  std::vector<std::string> words = {"quantize", run,       "--format=q4_0", "--tensor=*=q4_0",
                                    text,       "--force", "--out=" + file};
  REQUIRE(hewn(words).exit_code == 0);
  const std::string alone = read_file(file);
  words.push_back("--second_order");
  REQUIRE(hewn(words).exit_code == 0);
  const std::string together = read_file(file);
  CHECK((together != alone));
  CHECK(together.size() == alone.size());
  words.push_back("--threads=1");
  const auto whole = hewn(words);
  REQUIRE(whole.exit_code == 0);
  CHECK((read_file(file) == together));
  CHECK_FALSE(contains(whole.err, "does not apply to"));
  // In two windows of 16 tokens, every matrix reads 32 rows, and the end of the MLP has 64 columns.
  write_file(dir / "short.txt", "the cat sat on the mat and the dog ran");
  words[4] = "--calibrate=" + (dir / "short.txt").string();
  const std::string note =
      "second_order does not apply to 1 matrix, which have fewer input rows in the text than columns: "
      "blk.0.ffn_down.weight (32 of 64); give more text, or more calibrate_tokens";
  CHECK(contains(hewn(words).err, note));
  words.push_back("--json");
  CHECK(nlohmann::json::parse(hewn(words).out).at("notes").back() == note);
  words.insert(words.begin() + 2, "--tensor=*ffn_down*=bf16");  // no blocks
  CHECK_FALSE(contains(hewn(words).out, "does not apply to"));
  CHECK(hewn({"eval", file, "--against=" + run}).exit_code == 0);
  CHECK_FAILS(hewn({"quantize", run, "--format=q4_0", "--out=" + file, "--second_order"}), 2,
              "requires a text; add --calibrate=FILE");
  CHECK_FAILS(hewn({"quantize", run, "--format=dynamic_q8", text, "--out=" + file, "--force"}), 2,
              "does not apply to dynamic_q8");
}

TEST_CASE("quantize chooses formats for a number of bits a weight", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), file = (dir / "small.gguf").string();
  const std::string text = "--calibrate=" + (dir / "text.txt").string();
  std::map<double, double> divergences;
  for (const double bits : {8.0, 10.0, 14.0}) {
    const auto made = hewn({"quantize", run, "--target_bits=" + std::to_string(bits), text, "--out=" + file,
                            "--force", "--json", "--val=" + (dir / "text.txt").string()});
    INFO(made.err);
    REQUIRE(made.exit_code == 0);
    const auto json = nlohmann::json::parse(made.out);
    CHECK(json.at("format") == "mixed");
    CHECK(json.at("target_bits") == bits);
    CHECK(json.at("bits_per_weight") <= bits);
    CHECK(json.at("bits_per_weight") > bits - 2);
    CHECK(contains(json.at("notes").dump(), "with a predicted divergence of "));
    divergences[bits] = json.at("kl").at("mean");
  }
  CHECK(divergences[8] > divergences[10]);
  CHECK(divergences[10] > divergences[14]);
  const auto kept = hewn({"quantize", run, "--target_bits=14", "--tensor=*ffn_up*=q4_0", text,
                          "--out=" + file, "--force", "--json"});
  const auto mixed = nlohmann::json::parse(kept.out);
  for (const auto& tensor : mixed.at("tensors"))
    if (contains(tensor.at("name").get<std::string>(), "ffn_up.weight")) CHECK(tensor.at("format") == "q4_0");
  CHECK_FAILS(hewn({"quantize", run, "--target_bits=1", text, "--out=" + file, "--force"}), 2,
              "the smallest formats take");
  CHECK_FAILS(hewn({"quantize", run, "--target_bits=8", "--out=" + file, "--force"}), 2,
              "add --calibrate=FILE");
  CHECK_FAILS(hewn({"quantize", run, "--target_bits=8", "--format=q8_0", text, "--out=" + file}), 2,
              "chooses the formats");
}

TEST_CASE("quantize refuses what it cannot do, with the reason", "[cli]") {
  const TempDir dir;
  REQUIRE(train_wide(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), out = "--out=" + (dir / "small.gguf").string();
  CHECK_FAILS(hewn({"quantize", run, out}), 2, "no format was given");
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0"}), 2, "no output path was given");
  CHECK_FAILS(hewn({"quantize", run, "--format=iq2_xs", out}), 2, "iq2_xs");
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", "--tensor=q4_0", out}), 2,
              "'q4_0' is not PATTERN=FORMAT");
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", "--tensor=*=q9", out}), 2, "\"q9\" is not a format");
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", "--keep=nothing", out}), 2, "matches no matrix");
  CHECK_FAILS(hewn({"quantize", (dir / "none").string(), "--format=q8_0", out}), 3, "none");
  CHECK_FALSE(std::filesystem::exists(dir / "small.gguf"));
  CHECK(hewn({"quantize", run, "--format=q8_0", out}).exit_code == 0);
  CHECK_FAILS(hewn({"quantize", run, "--format=q8_0", out}), 2, "already exists");
  CHECK(hewn({"quantize", run, "--format=q8_0", out, "--force"}).exit_code == 0);
}

}  // namespace hewn::test
