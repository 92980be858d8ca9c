// hewn import: another program's model becomes a run that every command takes.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"
#include "tests/support/random.h"
#include "tests/support/stories.h"
#include "tests/support/write_safetensors.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A directory as transformers writes it: a small Llama with random weights, its tokenizer the small one in
/// tests/files.
class LlamaDirectory {
 public:
  LlamaDirectory() {
    const int64_t C = 8, V = 560;
    add("model.embed_tokens.weight", {V, C});
    for (const char* name : {"input_layernorm", "post_attention_layernorm"}) add(layer(name), {C});
    for (const char* name : {"self_attn.q_proj", "self_attn.o_proj"}) add(layer(name), {C, C});
    for (const char* name : {"self_attn.k_proj", "self_attn.v_proj"}) add(layer(name), {4, C});
    for (const char* name : {"mlp.gate_proj", "mlp.up_proj"}) add(layer(name), {6, C});
    add(layer("mlp.down_proj"), {C, 6});
    add("model.norm.weight", {C});
    add("lm_head.weight", {V, C});
    fs::create_directory(path());
    write();
    fs::copy(source_dir() / "tests/files/llama-tokenizer/tokenizer.json",
             fs::path(path()) / "tokenizer.json");
  }

  std::string path() const { return (dir_ / "model").string(); }
  std::string file(const std::string& name) const { return (dir_ / name).string(); }
  void write() const {
    const json config{{"model_type", "llama"},    {"vocab_size", 560},      {"max_position_embeddings", 32},
                      {"num_hidden_layers", 1},   {"hidden_size", 8},       {"num_attention_heads", 2},
                      {"num_key_value_heads", 1}, {"intermediate_size", 6}, {"rms_norm_eps", 1e-6},
                      {"rope_theta", 5e5}};
    write_file(fs::path(path()) / "config.json", config.dump());
    std::vector<TensorEntry> entries;
    for (size_t i = 0; i < names_.size(); ++i)
      entries.push_back({.name = names_[i],
                         .dtype = DType::f32,
                         .shape = shapes_[i],
                         .data = values_[i].data(),
                         .bytes = 4 * values_[i].size()});
    write_safetensors(path() + "/model.safetensors", entries);
  }
  void drop_last() { names_.pop_back(), shapes_.pop_back(), values_.pop_back(), write(); }

 private:
  static std::string layer(const std::string& name) { return "model.layers.0." + name + ".weight"; }
  void add(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t n = 1;
    for (const int64_t size : shape) n *= size;
    names_.push_back(name);
    shapes_.push_back(shape);
    values_.push_back(random_.normals<float>(n, 0.5));
  }
  TempDir dir_;
  Random random_{"llama directory"};
  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<std::vector<float>> values_;
};

}  // namespace

TEST_CASE("an imported model is a run: it can be sampled, evaluated, verified, described and trained") {
  const LlamaDirectory llama;
  const std::string run = llama.file("run");
  const auto imported = hewn({"import", llama.path(), "--out=" + run});
  INFO(imported.err);
  REQUIRE(imported.exit_code == 0);
  for (const char* said :
       {"Hugging Face, llama", "1 layers of width 8", "9,320", "sentencepiece, 559 tokens"})
    CHECK_THAT(imported.out, Catch::Contains(said));

  const auto info = hewn({"info", run, "--json"});
  const json model = json::parse(info.out).at("last").at("model");
  CHECK(model.at("norm_eps") == 1e-6);
  CHECK(model.at("rope_theta") == 5e5);
  CHECK(hewn({"verify", run}).exit_code == 0);
  const std::vector<std::string> greedy = {"sample", run, "--start=the war", "--temperature=0",
                                           "--max_new_tokens=8"};
  const auto text = hewn(greedy);
  CHECK(text.exit_code == 0);
  CHECK(text.out.starts_with("the war"));

  std::string words;
  for (int i = 0; i < 60; ++i) words += "the prince said what he thought\n";
  write_file(llama.file("text.txt"), words);
  CHECK_FAILS(hewn({"eval", run}), 2, "--dataset=WHAT");
  const auto scored = hewn({"eval", run, "--val=" + llama.file("text.txt"), "--json"});
  INFO(scored.err);
  CHECK(json::parse(scored.out).at("loss").get<double>() > 1);

  CHECK_FAILS(
      hewn({"train", "--init_from=resume", "--out_dir=" + run, "--dataset=" + llama.file("text.txt")}), 3,
      "contains only weights");
  const std::string more = llama.file("more");
  CHECK_FAILS(hewn({"train", "--init_from=" + run, "--out_dir=" + more, "--dataset=" + llama.file("text.txt"),
                    "--max_iters=2", "--batch_size=2", "--threads=1"}),
              0, "done after step 2");
  const json trained = json::parse(hewn({"info", more, "--json"}).out).at("last").at("model");
  CHECK(trained == model);
}

TEST_CASE("import: cropping, importing again, JSON output") {
  const LlamaDirectory llama;
  const std::string run = llama.file("run");
  const auto imported =
      hewn({"import", llama.path(), "--out", run, "--block-size=16", "--dtype=bf16", "--json"});
  INFO(imported.err);
  const json said = json::parse(imported.out);
  CHECK(said.at("model").at("block_size") == 16);
  CHECK(said.at("parameters") == 9320);
  CHECK_THAT(read_file(fs::path(run) / "config.toml"), Catch::Contains("dtype = \"bf16\""));
  CHECK_FAILS(hewn({"import", llama.path(), "--out=" + run}), 2,
              "out " + run +
                  " is not empty; start over with --force (which renames it), or choose "
                  "another --out\n");
  CHECK_FAILS(hewn({"import", llama.path(), "--out=" + run, "--force"}), 0, "next:");
  CHECK(fs::exists(run + ".1/config.toml"));
  CHECK(hewn({"sample", run + ".1", "--start=so", "--max_new_tokens=4"}).exit_code == 0);
  fs::remove(fs::path(llama.path()) / "tokenizer.json");
  CHECK_THAT(hewn({"import", llama.path(), "--out=" + run, "--force"}).out,
             Catch::Contains("none: the directory has neither"));
}

TEST_CASE("a failed import reports the reason and leaves no files") {
  LlamaDirectory llama;
  const std::string run = llama.file("run");
  const auto refused = [&](std::vector<std::string> arguments, int status, const std::string& why) {
    CHECK_FAILS(hewn(std::move(arguments)), status, why);
    CHECK(!fs::exists(run));
  };
  refused({"import"}, 2, "expected one model");
  refused({"import", llama.path()}, 2, "no output run was given");
  refused({"import", llama.file("nothing"), "--out=" + run}, 3, "no such file");
  refused({"import", llama.path(), "--out=" + run, "--block_size=33"}, 2, "longer than the model's 32");
  refused({"import", llama.path(), "--out=" + run, "--tokenizer=" + llama.file("no.json")}, 3, "no.json");
  write_file(llama.file("noise.bin"), std::string(200, 'x'));
  refused({"import", llama.file("noise.bin"), "--out=" + run}, 3, "noise.bin");
  write_file(llama.file("noise.txt"), "text");
  refused({"import", llama.file("noise.txt"), "--out=" + run}, 3, "not a model in a known format");
  llama.drop_last();
  refused({"import", llama.path(), "--out=" + run}, 3, "missing: lm_head.weight");
}

TEST_CASE("a model of llama2.c writes the texts that other programs write with it") {
  for (const Stories& stories : stories()) {
    const TempDir dir;
    const std::string run = (dir / "run").string();
    CHECK_FAILS(hewn({"import", stories.model.string(), "--out=" + run}), 0, "next:");
    for (const json& expected : stories.all()) {
      const auto prompt = expected.at("prompt").get<std::string>();
      if (prompt.empty()) continue;  // texts without one keep the space before their first word
      const auto count = expected.at("tokens").size() - expected.at("prompt_tokens").size();
      CHECK(hewn({"sample", run, "--start=" + prompt, "--temperature=0",
                  "--max_new_tokens=" + std::to_string(count)})
                .out == expected.at("text").get<std::string>() + "\n");
    }
  }
}

}  // namespace hewn::test
