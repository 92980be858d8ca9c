// hewn eval: a run's validation data or any text, as numbers or token by token.

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

std::vector<Json> records(const std::string& lines) {
  std::vector<Json> found;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = lines.find('\n', at);
    found.push_back(Json::parse(lines.substr(at, end - at)));
    at = end + 1;
  }
  return found;
}

}  // namespace

TEST_CASE("eval scores every token of any text", "[eval]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string(), file = (dir / "new.txt").string();
  const std::string text = "the bird sat by the sea. a dog sang to the bee.\n";
  write_file(file, text);
  const auto evaluated = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", run, "--val=" + file});
    const ProcessResult r = hewn(more);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return r;
  };
  const Json whole = Json::parse(evaluated({"--json"}).out);
  CHECK(whole["tokens"] == text.size() / 16 * 16 - (text.size() % 16 == 0 ? 16 : 0));
  const Json sliding = Json::parse(evaluated({"--json", "--stride=4"}).out);
  CHECK(sliding["tokens"] == text.size() - 1);
  for (const char* key : {"loss", "perplexity", "bits_per_byte", "accuracy", "checkpoint"})
    CHECK(sliding.contains(key));
  const double loss = sliding["loss"];
  CHECK(std::abs(std::exp(loss) - sliding["perplexity"].get<double>()) <= 1e-9 * std::exp(loss));
  CHECK(std::abs(loss / std::log(2.0) - sliding["bits_per_byte"].get<double>()) <= 1e-9);  // a byte a token

  const ProcessResult lines = evaluated({"--per_token", "--stride=4"});
  CHECK(contains(lines.err, "nats per token"));
  std::string back = text.substr(0, 1);
  double nats = 0;
  int likeliest = 0;
  for (const Json& record : records(lines.out)) {
    back += record["text"].get<std::string>();
    nats -= record["logprob"].get<double>();
    likeliest += record["likeliest"].get<bool>();
    CHECK(record["token"].is_number_integer());
  }
  CHECK(back == text);
  const double n = sliding["tokens"];
  CHECK(std::abs(nats / n - loss) <= 1e-9);
  CHECK(std::abs(likeliest / n - sliding["accuracy"].get<double>()) <= 1e-9);
  CHECK(contains(evaluated({}).out, "accuracy"));

  CHECK_FAILS(hewn({"eval", run, "--per_token", "--json"}), 2, "give one of them");
  CHECK_FAILS(hewn({"eval", run, "--stride=17"}), 2, "1 to 16");
  CHECK_FAILS(hewn({"eval", run, "--val=" + (dir / "missing").string()}), 3, "missing");
  write_file(file, "the bee");
  const Json few = Json::parse(evaluated({"--json"}).out);  // shorter than a window
  CHECK(few["tokens"] == 6);
  CHECK(few["loss"] == Json::parse(evaluated({"--json", "--stride=16"}).out)["loss"]);
  write_file(file, "Z");
  CHECK_FAILS(hewn({"eval", run, "--val=" + file}), 3, "Z");
}

TEST_CASE("eval of tales notes that stride has no effect on documents", "[eval]") {
  if (left_out()) return;
  const TempDir dir;
  const std::string run = (dir / "run").string();
  REQUIRE(hewn({"train", "--out_dir=" + run, "--dataset=tales", "--n_layer=1", "--n_embd=8", "--n_head=1",
                "--max_iters=1", "--batch_size=1"})
              .exit_code == 0);
  const auto r = hewn({"eval", run, "--stride=8"});
  CHECK_FAILS(r, 0, "stride has no effect");
  CHECK(r.out == hewn({"eval", run}).out);
}

}  // namespace hewn::test
