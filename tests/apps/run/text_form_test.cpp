// How texts begin and end: every command feeds a model text in the form of its training.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

/// What `hewn` prints, which must succeed.
std::string printed(const std::vector<std::string>& arguments) {
  const ProcessResult r = hewn(arguments);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return r.out;
}

/// `hewn train` of a tiny model on 60 tales, or on `dataset`; the run is dir/run, the tales are dir/tales.txt.
ProcessResult train_tales(const TempDir& dir, std::string dataset = "") {
  if (dataset.empty()) {
    dataset = (dir / "tales.txt").string();
    write_file(dataset, printed({"data", "corpus", "--tales=60", "--seed=1"}));
  }
  return hewn({"train", "--dataset=" + dataset, "--out_dir=" + (dir / "run").string(), "--n_layer=1",
               "--n_head=1", "--n_embd=8", "--batch_size=2", "--max_iters=4", "--warmup_iters=1",
               "--learning_rate=0.01", "--threads=1", "--eval_interval=4", "--eval_iters=1"});
}

/// The last lines of a text.
std::string last_lines(const std::string& text, int lines) {
  size_t at = text.size() - 1;
  for (; lines > 0; --lines) at = text.rfind('\n', at - 1);
  return text.substr(at + 1);
}

double loss_of(const std::vector<std::string>& arguments) {
  return Json::parse(printed(arguments)).at("loss").get<double>();
}

}  // namespace

TEST_CASE("a model of tales reads each text after a line end, and writes up to the next", "[texts]") {
  const TempDir dir;
  REQUIRE(train_tales(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), val = (dir / "val.txt").string();
  // Its own validation documents, as a text, have the loss that they have as its data.
  write_file(val, last_lines(read_file(dir / "tales.txt"), 6));
  CHECK(loss_of({"eval", run, "--json"}) == loss_of({"eval", run, "--json", "--val=" + val}));
  CHECK(contains(printed({"eval", run, "--val=" + val}), "lower bound"));
  const std::string tokens = printed({"eval", run, "--val=" + val, "--per_token", "-q"});
  CHECK(std::count(tokens.begin(), tokens.end(), '\n') == std::ssize(read_file(val)));
  // The line end before a text is not added twice.
  const auto records = [&](const std::string& start) {
    return printed({"sample", run, "--start=" + start, "--max_new_tokens=3", "--logprobs"});
  };
  CHECK(records("Tilo") == records("\nTilo"));
  const std::string one = printed({"sample", run}), some = printed({"sample", run, "--documents=3"}),
                    both = printed({"sample", run, "--num_samples=2"});
  CHECK(std::count(one.begin(), one.end(), '\n') == 1);
  CHECK(std::count(some.begin(), some.end(), '\n') == 3);
  CHECK(some.starts_with(one));
  CHECK(both.starts_with(one + "---------------\n"));
  CHECK(Json::parse(printed({"info", run, "--json"})).at("texts") ==
        Json{{"begin", "\n"}, {"ends", {"\n"}}, {"own_windows", true}});
  // A document that is longer than a window is scored in several, each of which begins like a text.
  write_file(val, std::string(500, 'a'));
  CHECK(Json::parse(printed({"eval", run, "--val=" + val, "--json"})).at("tokens") == 500);
  CHECK(contains(printed({"trace", run, "--text=Tilo"}), "over 4 tokens"));
}

TEST_CASE("a model of Llama's tokenizer scores and continues each text after its first token", "[texts]") {
  const TempDir dir;
  const std::string run = (dir / "run").string(), pieces = (dir / "tok.bin").string(),
                    val = (dir / "val.txt").string();
  write_file(pieces, llama2c_tokenizer());
  REQUIRE(hewn(small_train(dir, {"--tokenizer=" + pieces})).exit_code == 0);
  CHECK(contains(read_file(dir / "run/texts.json"), R"("begin":1,"ends":[2,1],"own_windows":false)"));
  write_file(val, "abc");  // four tokens, of which the first is a blank
  const auto scored = [&] {
    return Json::parse(printed({"eval", run, "--val=" + val, "--json"})).at("tokens").get<int>();
  };
  CHECK(scored() == 4);
  write_file(val, std::string(100, 'a'));  // more than the context of 16
  CHECK(scored() == 101);
  // What a prompt is continued with has the probability that it has in a text.
  const Json next = Json::parse(
      printed({"sample", run, "--start=a", "--temperature=0", "--max_new_tokens=1", "--logprobs"}));
  write_file(val, "a" + next.at("text").get<std::string>());
  const Json last = Json::parse(last_lines(printed({"eval", run, "--val=" + val, "--per_token", "-q"}), 1));
  CHECK(last.at("token") == next.at("token"));
  CHECK(std::abs(last.at("logprob").get<double>() - next.at("logprob").get<double>()) <= 1e-5);
}

TEST_CASE("the marker between documents in a text begins and ends the texts of a model", "[texts]") {
  const TempDir dir;
  const std::string text = (dir / "marked.txt").string(), run = (dir / "run").string(),
                    data = (dir / "data").string();
  std::string documents;
  for (int i = 0; i < 60; ++i) documents += "ab " + std::to_string(i) + ".<|endoftext|>";
  write_file(text, documents);
  const std::vector<std::string> small{
      "--n_layer=1", "--n_head=1",    "--n_embd=8",       "--block_size=16", "--batch_size=2",
      "--threads=1", "--max_iters=2", "--warmup_iters=1", "--eval_iters=1",  "--out_dir=" + run};
  const auto train = [&](std::vector<std::string> more) {
    more.insert(more.begin(), "train");
    more.insert(more.end(), small.begin(), small.end());
    return hewn(more);
  };
  const std::string pairs = "--tokenizer=bpe", few = "--vocab_size=260";
  const ProcessResult made = hewn({"data", "prepare", text, pairs, few, "--out_dir=" + data});
  CHECK(contains(made.err, "<|endoftext|> as token 259 (60 times); <|endoftext|> separates documents"));
  const std::string form = R"("begin":259,"ends":[259],"own_windows":false)";
  CHECK(contains(read_file(dir / "data/texts.json"), form));
  CHECK(contains(read_file(dir / "data/MANIFEST"), "texts.json"));
  REQUIRE(train({"--dataset=" + data}).exit_code == 0);
  CHECK(contains(read_file(dir / "run/texts.json"), form));
  const double own = loss_of({"eval", run, "--json"});
  std::filesystem::remove_all(run);
  // The same from the text itself, whose validation part has, as a text, the loss that it has as data.
  const ProcessResult trained = train({"--dataset=" + text, pairs, few});
  REQUIRE(trained.exit_code == 0);
  CHECK(contains(trained.err, "<|endoftext|> separates documents"));
  CHECK(contains(read_file(dir / "run/texts.json"), form));
  CHECK(loss_of({"eval", run, "--json"}) == own);
  write_file(dir / "val.txt", documents.substr(documents.size() * 9 / 10));
  const std::string val = "--val=" + (dir / "val.txt").string();
  CHECK(loss_of({"eval", run, "--json", val}) == own);
  CHECK(loss_of({"eval", run, "--json", val, "--special=text"}) != own);
  // A run of an earlier version read the marker as text, and goes on so.
  std::filesystem::remove_all(run);
  REQUIRE(train({"--dataset=" + text, pairs, few, "--special=text"}).exit_code == 0);
  make_old_run(run, [](std::string& config) {
    const size_t at = config.find("special = ");
    config.erase(at, config.find('\n', at) + 1 - at);
  });
  CHECK(hewn({"train", "--init_from=resume", "--out_dir=" + run, "--max_iters=3"}).exit_code == 0);
  CHECK(contains(read_file(dir / "run/config.toml"), "special = \"text\""));
  // Characters spell the marker.
  std::filesystem::remove_all(run);
  CHECK(contains(train({"--dataset=" + text}).err, "which the char tokenizer encodes as several tokens"));
  CHECK_FAILS(
      hewn({"tokenizer", "train", text, "--type=bpe", few, "--special=refuse", "--out=" + run + ".json"}), 3,
      "special token <|endoftext|> at byte 5");
}

TEST_CASE("a run of an earlier version knows the form of its texts from its data", "[texts]") {
  const TempDir dir;
  const std::string data = (dir / "data").string(), run = (dir / "run").string();
  for (const bool prepared : {false, true}) {
    REQUIRE(train_tales(dir, prepared ? data : "").exit_code == 0);
    if (!prepared) printed({"data", "prepare", (dir / "tales.txt").string(), "--out_dir=" + data});
    const std::string text = printed({"sample", run, "--start=Tilo"});
    make_old_run(run, [&](std::string& config) {
      const std::string named = "dataset = \"" + (dir / "tales.txt").string() + "\"";
      if (!prepared) config.replace(config.find(named), named.size(), "dataset = \"tales\"");
    });
    std::filesystem::remove(dir / "run/texts.json");
    CHECK(printed({"sample", run, "--start=Tilo"}) == text);
    if (prepared) std::filesystem::remove_all(data);
    CHECK(contains(printed({"info", run, "--json"}), prepared ? R"("begin": null)" : R"("begin": "\n")"));
    std::filesystem::remove_all(run);
  }
}

TEST_CASE("texts.json belongs to the run's checkpoints", "[texts]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn({"sample", run, "--documents=2"}), 2, "no token ends a text of");
  CHECK_FAILS(hewn({"sample", run, "--documents=2", "--beam=2"}), 2, "does not apply to beam search");
  std::string form = read_file(dir / "run/texts.json");
  CHECK(form == R"({"format":"hewn-texts","version":1,"begin":null,"ends":[],"own_windows":false})"
                "\n");
  write_file(dir / "run/texts.json", form + " ");
  CHECK_FAILS(hewn({"sample", run}), 3, "texts.json has changed since the run saved");
  std::filesystem::remove(dir / "run/texts.json");
  CHECK_FAILS(hewn({"sample", run}), 3, "texts.json");
}

TEST_CASE("a run begun from one of tales has the form of its own data", "[texts]") {
  const TempDir dir;
  REQUIRE(train_tales(dir).exit_code == 0);
  const std::string run = (dir / "run").string(), text = (dir / "text.txt").string(),
                    next = (dir / "next").string(), rows = (dir / "rows.csv").string();
  write_file(text, std::string(2000, 'a') + std::string(2000, 'b'));
  printed({"train", "--init_from=" + run, "--dataset=" + text, "--out_dir=" + next, "--max_iters=2",
           "--warmup_iters=1", "--batch_size=1", "--threads=1"});
  CHECK(contains(read_file(dir / "next/texts.json"), R"("begin":null,"ends":[],"own_windows":false)"));
  std::string table = "text,label\n";
  for (int i = 0; i < 20; ++i) table += i % 2 == 0 ? "good,yes\n" : "bad,no\n";
  write_file(rows, table);
  std::filesystem::remove_all(next);
  printed({"finetune", "classify", "--init_from=" + run, "--data=" + rows, "--out_dir=" + next,
           "--max_iters=2", "--threads=1"});
  CHECK(contains(read_file(dir / "next/texts.json"), R"("begin":0,"ends":[],"own_windows":false)"));
}

}  // namespace hewn::test
