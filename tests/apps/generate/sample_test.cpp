// hewn sample: starts from anywhere, many at a time, whole characters, and where a text ends.

#include <csignal>
#include <nlohmann/json.hpp>

#include "model/tokenizer/utf8.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

/// `hewn sample` of the run in `dir`, which must succeed.
std::string sampled(const TempDir& dir, std::vector<std::string> more, const std::string& input = "") {
  more.insert(more.begin(), {"sample", (dir / "run").string()});
  const ProcessResult r = hewn(more, {.input = input});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return r.out;
}

}  // namespace

TEST_CASE("sample says with -v how fast it wrote", "[cli]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  const auto verbose =
      hewn({"sample", run, "--start=the cat", "--max_new_tokens=5", "--num_samples=1", "-v"});
  CHECK_FAILS(verbose, 0, "wrote 5 tokens, ");
  CHECK(contains(verbose.err, "% of the speed of memory"));
  CHECK(contains(verbose.err, "after 7 tokens of prompts, "));
  CHECK_FALSE(contains(hewn({"sample", run, "--max_new_tokens=5"}).err, "wrote"));
}

TEST_CASE("sample: a text in a batch is the same as when generated alone", "[sample]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string lines = (dir / "starts.txt").string();
  const std::vector<std::string> starts = {"a",    "the bird in the tree by the sea.", "the\n", "dog", "a b",
                                           "cat s"};
  std::string content;
  for (const std::string& start : starts) content += start == "the\n" ? "the\\n\n\n" : start + "\r\n";
  write_file(lines, content);
  for (const std::string batch : {"1", "2", "8"}) {
    const Json together = Json::parse(sampled(dir, {"--start=LINES:" + lines, "--json", "--max_new_tokens=40",
                                                    "--num_samples=2", "--batch_size=" + batch}));
    REQUIRE(together.size() == 12);
    for (size_t i = 0; i < starts.size(); ++i) {
      const Json alone = Json::parse(
          sampled(dir, {"--start=" + starts[i], "--json", "--max_new_tokens=40", "--num_samples=2"}));
      CHECK(together[2 * i] == alone[0]);
      CHECK(together[2 * i + 1] == alone[1]);
    }
  }
  const std::string text =
      sampled(dir, {"--start=LINES:-", "--max_new_tokens=9", "--temperature=0"}, "a\ndog\n");
  CHECK(text == sampled(dir, {"--start=a", "--max_new_tokens=9", "--temperature=0"}) + "---------------\n" +
                    sampled(dir, {"--start=dog", "--max_new_tokens=9", "--temperature=0"}));
  const std::string records =
      sampled(dir, {"--start=LINES:-", "--max_new_tokens=2", "--logprobs"}, "a\ndog\n");
  CHECK(contains(records, "\"sample\":0"));
  CHECK(contains(records, "\"sample\":1"));
  CHECK(records.find("\"sample\":1") > records.rfind("\"sample\":0"));
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn({"sample", run, "--start=LINES:" + lines, "--beam=2"}), 2, "one prompt, not 6");
  CHECK_FAILS(hewn({"sample", run, "--start=LINES:-"}, {.input = "\n\n"}), 2, "prompt is empty");
  CHECK_FAILS(hewn({"sample", run, "--start=FILE:" + run + "/none"}), 3, "none");
}

TEST_CASE("sample: a note says when a text exceeds the context", "[sample]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string(), note = "exceeded the context of 16 tokens";
  CHECK_FAILS(hewn({"sample", run, "--start=the cat", "--max_new_tokens=20"}), 0, note);
  CHECK_FAILS(hewn({"sample", run, "--start=the cat sat on the mat", "--max_new_tokens=2"}), 0, note);
  CHECK(hewn({"sample", run, "--start=the cat", "--max_new_tokens=9"}).err == "");
}

TEST_CASE("sample: only whole characters are printed, whatever bytes are drawn", "[sample]") {
  const TempDir dir;
  const std::string text = (dir / "wide.txt").string(), run = (dir / "run").string();
  std::string content;
  for (int i = 0; i < 60; ++i) content += "☺ é € 𝄞 ";
  write_file(text, content);
  REQUIRE(hewn({"train", "--dataset=" + text, "--out_dir=" + run, "--tokenizer=byte", "--n_layer=1",
                "--n_head=1", "--n_embd=16", "--block_size=16", "--batch_size=4", "--max_iters=30"})
              .exit_code == 0);
  for (const std::string temperature : {"0.5", "1", "10"}) {
    const std::string out = sampled(
        dir, {"--start=é", "--max_new_tokens=300", "--temperature=" + temperature, "--num_samples=3"});
    CHECK(valid_utf8_prefix(out) == out.size());
  }
  // Every piece that reaches the reader is whole, not only their sum.
  Process process({hewn_program().string(), "sample", run, "--start=é", "--max_new_tokens=100000000"});
  REQUIRE(process.wait_for("é"));
  process.send(SIGINT);
  const ProcessResult r = process.finish();
  CHECK(r.exit_code == 130);
  CHECK(valid_utf8_prefix(r.out) == r.out.size());
  CHECK(r.out.ends_with('\n'));
}

TEST_CASE("sample: a special token ends the text, by default or with --stop", "[sample]") {
  const TempDir dir;
  const std::string text = (dir / "text.txt").string(), run = (dir / "run").string(),
                    tokenizer = (dir / "pairs.json").string();
  std::string content;
  for (int i = 0; i < 40; ++i) content += small_text;
  write_file(text, content);
  REQUIRE(hewn({"tokenizer", "train", text, "--tokenizer=bpe", "--vocab_size=270", "--out=" + tokenizer})
              .exit_code == 0);
  REQUIRE(hewn({"train", "--dataset=" + text, "--out_dir=" + run, "--tokenizer=" + tokenizer, "--n_layer=1",
                "--n_head=1", "--n_embd=8", "--block_size=16", "--batch_size=4", "--max_iters=0"})
              .exit_code == 0);
  // A model that knows nothing draws each token once in 270, so one of many texts ends early. Its record is
  // missing.
  const std::string records =
      sampled(dir, {"--logprobs", "--num_samples=40", "--max_new_tokens=60", "--temperature=1"});
  const auto lines = std::count(records.begin(), records.end(), '\n');
  CHECK(lines < 40 * 60);
  for (size_t at = 0; at < records.size(); at = records.find('\n', at) + 1)
    CHECK(records.compare(at, 12, "{\"token\":269") != 0);
  CHECK(contains(sampled(dir, {"--start=<|endoftext|>", "--max_new_tokens=2"}), "<|endoftext|>"));
}

TEST_CASE("a draft leaves the likeliest text as it is, and must have the same tokens") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=100", "--learning_rate=1e-2"})).exit_code == 0);
  const std::string run = (dir / "run").string(), small = (dir / "small").string(),
                    other = (dir / "other").string();
  for (const auto& [out, key] : {std::pair(small, "--n_embd=8"), {other, "--tokenizer=byte"}})
    REQUIRE(hewn(small_train(dir, {key, "--out_dir=" + out})).exit_code == 0);
  const std::vector<std::string> plain{"sample",         run, "--start=the cat", "--max_new_tokens=60", "-v",
                                       "--temperature=0"};
  const std::string expected = hewn(plain).out;
  for (const std::string& draft : {small, run, std::string("prompt")}) {
    auto with = plain;
    with.push_back("--draft=" + draft);
    const ProcessResult r = hewn(with);
    INFO(r.err);
    CHECK(r.exit_code == 0);
    CHECK(r.out == expected);
    CHECK(contains(r.err, " proposed tokens\n"));
  }
  const auto drawn = [&](const std::string& draft) {
    return hewn({"sample", run, "--num_samples=3", "--draft=" + draft, "--max_new_tokens=30", "--seed=4"})
        .out;
  };
  CHECK(!drawn(small).empty());
  CHECK(drawn(small) == drawn(small));
  const ProcessResult talk = hewn({"chat", run, "--draft=prompt", "--temperature=0"}, {.input = "the cat\n"});
  CHECK(talk.out == hewn({"chat", run, "--temperature=0"}, {.input = "the cat\n"}).out);
  CHECK_FAILS(hewn({"sample", run, "--draft=" + other}), 2, "does not have the tokens of");
  CHECK_FAILS(hewn({"sample", run, "--draft=" + (dir / "none").string()}), 3, "none does not exist");
  CHECK_FAILS(hewn({"sample", run, "--draft=prompt", "--beam=3"}), 2, "does not apply to beam search");
  CHECK_FAILS(hewn({"sample", run, "--draft=prompt", "--compare"}), 2, "does not apply to a comparison");
}

}  // namespace hewn::test
