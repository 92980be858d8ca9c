// Architectures other than the transformer, from the command line: every command that works with a run works with theirs.

#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

ProcessResult works(std::vector<std::string> arguments) {
  const ProcessResult r = hewn(std::move(arguments));
  INFO(r.err);
  CHECK(r.exit_code == 0);
  return r;
}

}  // namespace

TEST_CASE("recurrent networks are trained, resumed, sampled and described like any run", "[arch]") {
  if (left_out()) return;
  for (const char* arch : {"rnn", "lstm"}) {
    INFO(arch);
    const TempDir dir;
    const std::string run = (dir / "run").string(), key = std::string("--arch=") + arch;
    works(small_train(dir, {key, "--n_layer=2", "--dropout=0.1"}));
    works(small_resume(dir, {"--max_iters=30"}));
    const Json info = Json::parse(works({"info", run, "--json"}).out);
    CHECK(info["last"]["step"] == 30);
    CHECK(info["last"]["model"]["arch"] == arch);
    CHECK(Json::parse(works({"eval", run, "--json"}).out)["loss"].get<double>() < 3.2);
    works({"sample", run, "--start=the", "--max_new_tokens=40", "--seed=1"});
    works({"verify", run});
    const std::string text = "--dataset=" + (dir / "text.txt").string();
    const std::vector<std::string> small{
        key, text, "--n_layer=2", "--n_embd=16", "--block_size=16", "--max_iters=6"};
    std::vector<std::string> verify{"verify", "--resume", "--threads=1,3"};
    verify.insert(verify.end(), small.begin(), small.end());
    CHECK(contains(works(verify).out, "same bits"));
    std::vector<std::string> plan{"plan", "--json"};
    plan.insert(plan.end(), small.begin(), small.end());
    const Json planned = Json::parse(works(plan).out);
    CHECK(planned["parts"].contains("layers"));
    for (const char* format : {"hf", "gguf", "llama2c"})
      CHECK_FAILS(hewn({"export", run, std::string("--format=") + format, "--out=" + (dir / "out").string()}),
                  2, std::string("arch = ") + arch);
    // The context can grow, since no parameter depends on it.
    works({"train", "--init_from=" + run, "--block_size=24", text, "--max_iters=2",
           "--out_dir=" + (dir / "longer").string()});
  }
}

TEST_CASE("n-grams are counted once; the run is like any other", "[arch]") {
  if (left_out()) return;
  const TempDir dir;
  const std::string run = (dir / "run").string();
  const ProcessResult trained = works(small_train(dir, {"--arch=ngram", "--order=4"}));
  CHECK(contains(trained.err, "counts the training data once"));
  CHECK(contains(trained.err, "no effect: max_iters"));
  const Json info = Json::parse(works({"info", run, "--json"}).out);
  CHECK(info["last"]["model"]["order"] == 4);
  CHECK(info["last"]["ngrams"].size() == 4);
  CHECK(info["last"]["tokens_seen"].get<int64_t>() > 1000);
  CHECK_FALSE(info["last"].contains("parameters"));
  CHECK(Json::parse(works({"eval", run, "--json"}).out)["loss"].get<double>() < 1);
  CHECK(contains(works({"sample", run, "--start=the cat s", "--max_new_tokens=20", "--temperature=0"}).out,
                 "the cat sa"));
  works({"sample", run, "--start=the", "--beam=3", "--max_new_tokens=20"});
  CHECK(contains(works({"verify", run}).out, "intact"));
  const std::string text = "--dataset=" + (dir / "text.txt").string();
  CHECK(contains(works({"verify", "--resume", "--threads=1,3", "--arch=ngram", text, "--block_size=16"}).out,
                 "same bits"));
  // Resumed, there is nothing left to do, and nothing changes.
  const std::string before = read_file(dir / "run" / "checkpoints" / "last" / "model.safetensors");
  works(small_resume(dir));
  CHECK(read_file(dir / "run" / "checkpoints" / "last" / "model.safetensors") == before);
  const Json plan = Json::parse(works({"plan", "--arch=ngram", "--order=4", text, "--json"}).out);
  CHECK(plan["most_bytes"].get<double>() > static_cast<double>(before.size()));
  CHECK_FAILS(hewn({"export", run, "--format=hf", "--out=" + (dir / "out").string()}), 2, "arch = ngram");
  CHECK_FAILS(hewn({"train", "--init_from=" + run, text, "--out_dir=" + (dir / "next").string()}), 2,
              "leave init_from out");
  CHECK_FAILS(hewn({"verify", "--devices=cpu,cpu", "--arch=ngram", text}), 2, "counted");
  CHECK_FAILS(hewn({"bench", "train", "--arch=ngram", text}), 2, "counting");
}

}  // namespace hewn::test
