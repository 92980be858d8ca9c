// Models of other programs are used as they are, without an import; the number type to compute in.

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A run, and what `hewn export` made of it.
class ExportedRun {
 public:
  explicit ExportedRun(const std::vector<std::string>& keys = {}) {
    REQUIRE(hewn(small_train(dir_, keys)).exit_code == 0);
    for (const char* format : {"hf", "gguf", "safetensors"}) {
      fs::create_directory(dir_ / ("as-" + std::string(format)));
      const auto done = hewn({"export", run(), "--format=" + std::string(format), "--out=" + file(format)});
      INFO(done.err);
      REQUIRE(done.exit_code == 0);
    }
    fs::copy(dir_ / "run/tokenizer.json", dir_ / "as-safetensors/tokenizer.json");
  }
  std::string run() const { return (dir_ / "run").string(); }
  std::string text() const { return (dir_ / "text.txt").string(); }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  /// The exported file or directory of a format.
  std::string file(const std::string& format) const {
    return path("as-" + format + "/model" + (format == "hf" ? "" : "." + format));
  }
  std::vector<std::string> files() const { return {file("hf"), file("gguf"), file("safetensors")}; }

 private:
  TempDir dir_;
};

ProcessResult done(std::vector<std::string> arguments, const std::string& input = "") {
  ProcessResult r = hewn(std::move(arguments), {.input = input});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return r;
}

/// The log probabilities of the tokens that follow a start.
std::vector<double> log_probabilities_by(const std::string& model, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"sample",          model,       "--start=the c", "--max_new_tokens=6",
                                    "--temperature=0", "--logprobs"};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<double> values;
  std::istringstream lines(done(words).out);
  for (std::string line; std::getline(lines, line);) values.push_back(Json::parse(line).at("logprob"));
  return values;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("model files: sample, chat, eval, verify and export accept them without import") {
  if (left_out()) return;
  const ExportedRun e;
  const std::vector<std::string> greedy = {"--start=the cat", "--temperature=0", "--max_new_tokens=9"};
  const auto sampled = [&](const std::string& model) {
    std::vector<std::string> words = {"sample", model};
    words.insert(words.end(), greedy.begin(), greedy.end());
    return done(words).out;
  };
  const auto loss = [&](const std::string& model) {
    return Json::parse(done({"eval", model, "--val=" + e.text(), "--json"}).out).at("loss").get<double>();
  };
  for (const std::string& model : e.files()) {
    INFO(model);
    CHECK(sampled(model) == sampled(e.run()));
    CHECK(std::abs(loss(model) - loss(e.run())) < 1e-5);
    CHECK(done({"chat", model, "--temperature=0"}, "the cat\n").out ==
          done({"chat", e.run(), "--temperature=0"}, "the cat\n").out);
    CHECK(contains(done({"verify", model}).out, "every parameter is present"));
    CHECK_FAILS(hewn({"eval", model}), 2, "--dataset=WHAT");
    CHECK(contains(done({"eval", model, "--dataset=" + e.text()}).out, "nats per token"));
    fs::remove(e.path("again.gguf"));
    CHECK(contains(done({"export", model, "--format=gguf", "--out=" + e.path("again.gguf")}).err, "wrote "));
    CHECK(read_file(e.path("again.gguf")) == read_file(e.file("gguf")));
  }
  fs::remove(fs::path(e.file("safetensors")).parent_path() / "tokenizer.json");
  CHECK_FAILS(hewn({"sample", e.file("safetensors")}), 3,
              "there is no tokenizer.json beside it, so its tokens cannot be shown as text");
  const std::string whole = read_file(e.file("gguf"));
  write_file(e.file("gguf"), whole.substr(0, whole.size() - 100));
  CHECK_FAILS(hewn({"sample", e.file("gguf")}), 3, "model.gguf");
}

TEST_CASE("model files: training can start from them") {
  if (left_out()) return;
  const ExportedRun e;
  for (const std::string& model : e.files()) {
    INFO(model);
    const std::string more = e.path("more");
    fs::remove_all(more);
    const auto trained = hewn({"train", "--init_from=" + model, "--dataset=" + e.text(), "--out_dir=" + more,
                               "--max_iters=2", "--batch_size=2", "--threads=1", "--sample_interval=2"});
    INFO(trained.err);
    CHECK(trained.exit_code == 0);
    const auto last = [](const std::string& run) {
      return Json::parse(done({"info", run, "--json"}).out).at("last");
    };
    for (const char* key : {"n_layer", "n_head", "n_embd", "block_size", "vocab_size"})
      CHECK(last(more).at("model").at(key) == last(e.run()).at("model").at(key));
    CHECK(fs::exists(fs::path(more) / "samples/step-000000.txt"));
    // The first checkpoint is the model itself.
    const auto val_loss = [&](const std::string& of) {
      return Json::parse(done({"eval", of, "--val=" + e.text(), "--json"}).out).at("loss").get<double>();
    };
    CHECK(std::abs(val_loss(more + "/checkpoints/step-000000") - val_loss(model)) < 1e-5);
    CHECK_FAILS(hewn({"train", "--init_from=" + model, "--dataset=" + e.text(), "--out_dir=" + e.path("w"),
                      "--tokenizer=word"}),
                2, "its weights belong to those tokens");
  }
}

TEST_CASE("model files: for a name on huggingface.co the error lists the files to fetch") {
  const TempDir dir;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"import", "openai-community/gpt2", "--out=x"},
        {"sample", "openai-community/gpt2"},
        {"eval", "gpt2-xl"},
        {"train", "--init_from=gpt2"}}) {
    const auto r = hewn(words, {.directory = dir.path().string()});
    CHECK(r.exit_code == 3);
    for (const char* part :
         {"config.json", "model.safetensors", "tokenizer.json", "merges.txt", "downloads nothing"})
      CHECK(contains(r.err, part));
  }
  CHECK(!contains(hewn({"sample", "out"}, {.directory = dir.path().string()}).err, "downloads"));
}

TEST_CASE("model files: nanoGPT's exact GELU is exported to GGUF with --act=gelu and a measured warning") {
  const TempDir dir;
  const std::string model = (source_dir() / "tests/files/torch/ckpt.pt").string(),
                    out = (dir / "m.gguf").string();
  CHECK_FAILS(hewn({"export", model, "--format=gguf", "--out=" + out}), 2, "--act=gelu");
  CHECK_FAILS(hewn({"export", model, "--format=gguf", "--act=gelu", "--out=" + out}), 0,
              "random tokens the logits differ by at most ");
  CHECK(contains(hewn({"info", out}).out, "general.architecture  gpt2\n"));
}

TEST_CASE("dtype: runs and model files are computed in the requested type") {
  if (left_out()) return;
  const ExportedRun e({"--max_iters=60"});
  const std::vector<double> usual = log_probabilities_by(e.run(), {});
  CHECK(log_probabilities_by(e.run(), {"--dtype=f32"}) == usual);
  for (const std::string& model : {e.run(), e.file("gguf"), e.file("hf")}) {
    INFO(model);
    const std::vector<double> wide = log_probabilities_by(model, {"--dtype=f64"}),
                              narrow = log_probabilities_by(model, {"--dtype=bf16"});
    CHECK(largest_difference(wide, usual) < 1e-5);
    CHECK(largest_difference(narrow, usual) > 1e-5);
    CHECK(largest_difference(narrow, usual) < 0.05);
    const auto loss = [&](const std::string& dtype) {
      return Json::parse(done({"eval", model, "--val=" + e.text(), "--json", "--dtype=" + dtype}).out)
          .at("loss")
          .get<double>();
    };
    const double exact = loss("f64");
    CHECK(std::abs(loss("f32") - exact) < 1e-5);
    CHECK(loss("bf16") != loss("f32"));
    CHECK(std::abs(loss("bf16") - exact) < 0.005 * exact);
    CHECK(done({"chat", model, "--dtype=bf16", "--temperature=0", "--max_new_tokens=5"}, "the\n").out.size() >
          1);
  }
  CHECK_FAILS(hewn({"sample", e.run(), "--dtype=f16"}), 2, "not one of f32, f64 or bf16");
}

TEST_CASE("a dataset that is a table or JSON is recognised") {
  const TempDir dir;
  std::string table, lines;
  for (int i = 0; i < 60; ++i) {
    table += "good\tthe cat sat on the mat and the dog ran in the fog\n";
    lines += "{\"label\": 1, \"text\": \"the cat sat on the mat\"}\n";
  }
  write_file(dir / "films", table);  // judged by its content: the name says nothing
  write_file(dir / "lines.txt", lines);
  const auto dry = [&](const std::string& name, const std::string& more = "--dry_run") {
    return hewn({"train", "--dataset=" + (dir / name).string(), "--out_dir=" + (dir / "run").string(), more,
                 "--dry_run"});
  };
  CHECK_FAILS(dry("films"), 0, "films looks like a table of 2 columns");
  CHECK_FAILS(dry("lines.txt"), 0, "looks like JSON Lines with the keys label, text");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "films").string(), "--out_dir=" + (dir / "data").string()}), 0,
              "cut -f2 ");
  write_file(dir / "plain.txt", std::string(small_text) + small_text + small_text + small_text + small_text +
                                    small_text + small_text + small_text);
  CHECK(!contains(dry("plain.txt", "--block_size=16").err, "looks like"));
  CHECK_FAILS(dry("plain.txt", "--val=" + (dir / "lines.txt").string()), 0, "looks like JSON Lines");
}

TEST_CASE("a pipe in place of a file of a model is refused, as its writer might never come") {
  const TempDir dir;
  fs::create_directory(dir / "model");
  REQUIRE(::mkfifo((dir / "model/config.json").c_str(), 0600) == 0);
  for (const char* command : {"info", "sample"})
    CHECK_FAILS(hewn({command, (dir / "model").string()}, {.timeout = 20}), 3, "config.json: is a pipe");
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  for (const char* file : {"config.toml", "tokenizer.json", "checkpoints/last/state.json"}) {
    INFO(file);
    fs::rename(dir / "run" / file, dir / "aside");
    REQUIRE(::mkfifo((dir / "run" / file).c_str(), 0600) == 0);
    CHECK_FAILS(hewn({"sample", (dir / "run").string()}, {.timeout = 20}), 3, "");
    fs::rename(dir / "aside", dir / "run" / file);
  }
}

}  // namespace hewn::test
