// hewn judge against an endpoint that is slow, refuses, hangs, lies, or answers something else; and against a run.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/file.h"
#include "tests/apps/judge/server.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::ordered_json;

/// Three responses in dir/responses.json.
std::string write_responses(const TempDir& dir) {
  Json rows = Json::array();
  for (const char* word : {"first", "second", "third"})
    rows.push_back({{"instruction", "the " + std::string(word)},
                    {"input", "a cat"},
                    {"output", "the mat"},
                    {"response", std::string(word) + " dog"}});
  const auto file = dir / "responses.json";
  write_file(file, rows.dump());
  return file.string();
}

/// `hewn judge` with short waits.
std::vector<std::string> judging(const TempDir& dir, const std::string& url,
                                 std::vector<std::string> more = {}) {
  std::vector<std::string> words{"judge",
                                 write_responses(dir),
                                 "--url=" + url,
                                 "--model=m",
                                 "--retry_wait=0.01",
                                 "--retries=2",
                                 "--timeout=20",
                                 "--scores=" + (dir / "scores.jsonl").string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Without a proxy of the caller's.
ProcessResult judged(const TempDir& dir, const std::string& url, std::vector<std::string> more = {}) {
  return hewn(judging(dir, url, std::move(more)),
              {.env = {{"no_proxy", "*"}, {"HEWN_API_KEY", "the-secret"}}});
}

size_t scores_in(const TempDir& dir) {
  if (!std::filesystem::exists(dir / "scores.jsonl")) return 0;
  const std::string text = read_file(dir / "scores.jsonl");
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Whether endpoints can be asked; otherwise the test is skipped.
bool has_http() {
  const TempDir dir;
  const auto r = judged(dir, "http://127.0.0.1:1");
  if (!contains(r.err, "requests need libcurl")) return true;
  CHECK(r.exit_code == 1);
  skip("judge: libcurl is not installed");
  return false;
}

}  // namespace

TEST_CASE("an endpoint of either form is asked, and the scores are kept") {
  if (!has_http()) return;
  for (const bool ollama : {false, true}) {
    const TempDir dir;
    const char* replies[] = {"85/100", "I would say eighty", "no idea"};
    const Server server([&](size_t n, const std::string&) { return Server::says(replies[n % 3], ollama); });
    const auto r = judged(dir, server.url(ollama ? "/api/chat" : "/v1"), {"--json"});
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    const Json result = Json::parse(r.out);
    CHECK(result["rows"] == 3);
    CHECK(result["scored"] == 2);
    CHECK(result["judged"] == 3);
    CHECK(result["mean"] == 82.5);
    CHECK(result["median"] == 82.5);
    CHECK(contains(r.err, "row 3 has no score: the reply holds no number"));
    REQUIRE(server.requests().size() == 3);
    const std::string request = server.requests()[1];
    CHECK(contains(request, ollama ? "POST /api/chat HTTP" : "POST /v1/chat/completions HTTP"));
    CHECK(contains(request, "Authorization: Bearer the-secret"));
    const Json body = Json::parse(request.substr(request.find("\r\n\r\n")));
    CHECK(body["model"] == "m");
    const std::string prompt = body["messages"][0]["content"];
    CHECK(contains(prompt,
                   "Instruction: the second\na cat\n\nReference answer: the mat\n\nResponse: second dog"));
    const std::string scores = read_file(dir / "scores.jsonl");
    CHECK(contains(scores, "\"row\":1,"));
    CHECK(contains(scores, "\"score\":80.0,\"reply\":\"I would say eighty\""));
    CHECK(contains(scores, "\"score\":null,\"reason\":\"the reply holds no number\""));
    CHECK(!contains(scores + r.out + r.err, "the-secret"));
    // Called again, nothing is asked, and the result is the same.
    const auto again = judged(dir, server.url(ollama ? "/api/chat" : "/v1"), {"--json"});
    CHECK(Json::parse(again.out)["mean"] == 82.5);
    CHECK(Json::parse(again.out)["judged"] == 0);
    CHECK(server.requests().size() == 3);
    CHECK(!contains(again.err, "an earlier version"));
    // Scores that an earlier version read from replies stay, and a note counts those that would differ now.
    std::string older = scores;
    older.replace(older.find("\"reply\":\"85/100\""), 16, "\"reply\":\"8.6/10\"");
    write_file(dir / "scores.jsonl", older);
    const auto kept = judged(dir, server.url(ollama ? "/api/chat" : "/v1"), {"--json"});
    CHECK(Json::parse(kept.out)["mean"] == 82.5);
    CHECK(contains(kept.err, "note: 1 of the scores in"));
    CHECK(server.requests().size() == 3);
    // Another question is asked anew.
    CHECK(judged(dir, server.url("/v1"), {"--template=rate {response}", "--api=openai"}).exit_code ==
          (ollama ? 1 : 0));
    CHECK(contains(server.requests().back(), "rate "));
  }
}

TEST_CASE("failures of an endpoint are retried, within bounds") {
  if (!has_http()) return;
  const std::string whole = Server::says("70");
  const std::pair<const char*, std::string> failures[] = {
      {"status 500", Server::http(500, "<html>oops</html>")},
      {"status 503", Server::http(503, "")},
      {"status 429", Server::http(429, "{\"error\":\"slow down\"}", "Retry-After: 0\r\n")},
      {"status 408", Server::http(408, "")},
      {"not complete JSON", Server::http(200, "{\"choices\":[{\"mess")},
      {"", whole.substr(0, whole.size() - 20)},  // the connection ends early
      {"", ""},
  };
  for (const auto& kind : failures) {
    const auto& reason = kind.first;
    const auto& failure = kind.second;
    INFO(failure.substr(0, 60));
    {
      const TempDir dir;
      const Server server([&](size_t n, const std::string&) { return n < 2 ? failure : whole; });
      const auto r = judged(dir, server.url());
      INFO(r.err);
      CHECK(r.exit_code == 0);
      CHECK(contains(r.out, "score   70.00 of 100"));
      CHECK(contains(r.err, "retry   in "));
      CHECK(contains(r.err, reason));
      CHECK(server.requests().size() == 5);
    }
    const TempDir dir;
    const Server server([&](size_t, const std::string&) { return failure; });
    const auto r = judged(dir, server.url());
    INFO(r.err);
    CHECK(r.exit_code == 1);
    CHECK(contains(r.err, "(3 attempts)"));
    CHECK(contains(r.err, "judging row 1"));
    CHECK(server.requests().size() == 3);
    CHECK(scores_in(dir) == 0);
  }
}

TEST_CASE("answers that no retry would improve end the judging at once") {
  if (!has_http()) return;
  const std::pair<const char*, std::string> answers[] = {
      {"answers with HTML", Server::http(200, "<!doctype html><html><body>Welcome</body></html>")},
      {"status 404: the endpoint reports an error: no such model",
       Server::http(404, "{\"error\":\"no such model\"}")},
      {"status 401", Server::http(401, "{\"error\":{\"message\":\"wrong key\"}}")},
      {"it redirects to http://elsewhere.example/x",
       Server::http(302, "", "Location: http://elsewhere.example/x?secret=1\r\n")},
      {"HTTP/0.9", "no http at all\r\n\r\n"},
      {"larger than 1 MiB", Server::http(200, std::string(3 << 20, ' '))},
      {"has no message in the form of openai", Server::says("85", true)},
  };
  for (const auto& kind : answers) {
    const auto& reason = kind.first;
    const auto& answer = kind.second;
    const TempDir dir;
    const Server server([&](size_t, const std::string&) { return answer; });
    const auto r = judged(dir, server.url());
    INFO(r.err);
    CHECK(r.exit_code == 1);
    CHECK(contains(r.err, reason));
    CHECK(!contains(r.err, "secret"));
    CHECK(server.requests().size() == 1);
  }
}

TEST_CASE("an endpoint that hangs or refuses is given up in time") {
  if (!has_http()) return;
  const TempDir dir;
  const Server* self = nullptr;
  const Server server([&](size_t, const std::string&) {
    while (!self->stops()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return std::string();
  });
  self = &server;
  CHECK_FAILS(judged(dir, server.url(), {"--timeout=0.2", "--retries=1"}), 1,
              "did not answer within 0.2 seconds");
  const auto refused = judged(dir, "http://127.0.0.1:1", {"--retry_wait=0.1"});
  CHECK_FAILS(refused, 1, "(3 attempts)");
  for (const char* growing : {"retry   in 0.1 s: ", "retry   in 0.2 s: "})
    CHECK(contains(refused.err, growing));
  CHECK_FAILS(judged(dir, "http://nowhere.invalid", {"--retries=0"}), 1, "http://nowhere.invalid/v1");
}

TEST_CASE("judging continues after a kill and after Ctrl-C") {
  if (!has_http()) return;
  for (const int signal : {SIGKILL, SIGINT}) {
    const TempDir dir;
    std::atomic<bool> hang = true;
    const Server* self = nullptr;
    const Server server([&](size_t n, const std::string&) {
      while (n >= 2 && hang && !self->stops()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return Server::says("60");
    });
    self = &server;
    auto words = judging(dir, server.url());
    words.insert(words.begin(), hewn_program().string());
    Process process(words, {.env = {{"no_proxy", "*"}}});
    for (int i = 0; i < 2000 && server.requests().size() < 3; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    process.send(signal);
    const auto stopped = process.finish();
    INFO(stopped.err);
    if (signal == SIGINT) {
      CHECK(stopped.exit_code == 130);
      CHECK(contains(stopped.err, "stopped after 2 of 3 rows"));
    }
    CHECK(scores_in(dir) == 2);
    hang = false;
    write_file(dir / "scores.jsonl", read_file(dir / "scores.jsonl") + "{\"row\":3,\"ke");  // half of a line
    const auto r = judged(dir, server.url());
    INFO(r.err);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.out, "3 of 3 scored"));
    CHECK(scores_in(dir) == 3);
    CHECK(server.requests().size() == 4);
  }
}

TEST_CASE("a local run judges by likelihood, without a network") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=60"})).exit_code == 0);
  const std::string file = (dir / "r.jsonl").string(), scores = "--scores=" + (dir / "scores.jsonl").string();
  const auto row = [](const std::string& response) {
    return Json{{"instruction", "the cat sat"}, {"response", response}}.dump() + "\n";
  };
  write_file(file, row("on the mat") + row("bbbbbbbbbb") + row("") + row(std::string(100, 't')));
  const auto r = hewn({"judge", file, "--run=" + (dir / "run").string(), scores, "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  CHECK(Json::parse(r.out)["scored"] == 3);
  CHECK(contains(r.err, "row 3 has no score: the response is empty"));
  std::istringstream lines(read_file(dir / "scores.jsonl"));
  std::vector<Json> found;
  for (std::string line; std::getline(lines, line);) found.push_back(Json::parse(line)["score"]);
  REQUIRE(found.size() == 4);
  CHECK(found[0].get<double>() > found[1].get<double>());
  CHECK(found[0].get<double>() < 100);
  CHECK(found[1].get<double>() > 0);
  CHECK_FAILS(hewn({"judge", file, "--run=" + (dir / "none").string(), scores}), 3, "none");
}

TEST_CASE("judge refuses calls that make no sense") {
  const TempDir dir;
  const std::string file = write_responses(dir), scores = "--scores=" + (dir / "scores.jsonl").string();
  write_file(dir / "empty.json", "");
  CHECK_FAILS(hewn({"judge"}), 2, "give one file of responses");
  CHECK_FAILS(hewn({"judge", (dir / "empty.json").string(), scores, "--run=r"}), 3, "empty.json");
  CHECK_FAILS(hewn({"judge", file, scores}), 2, "give a judge");
  CHECK_FAILS(hewn({"judge", file, scores, "--url=http://h", "--run=r"}), 2, "give a judge");
  CHECK_FAILS(hewn({"judge", file, scores, "--url=http://h"}), 2, "needs the name of a model");
  CHECK_FAILS(hewn({"judge", file, scores, "--url=h", "--model=m"}), 2, "expected http://HOST:PORT");
  CHECK_FAILS(hewn({"judge", file, scores, "--url=http://h?key=secret", "--model=m"}), 2,
              "url = 'http://h' contains a query");
  CHECK_FAILS(
      hewn({"judge", file, scores, "--url=http://h", "--model=m"}, {.env = {{"HEWN_API_KEY", "a\nb"}}}), 2,
      "HEWN_API_KEY: the key contains a line end");
  CHECK_FAILS(hewn({"judge", file, scores, "--url=http://h", "--model=m", "--api=opneai"}), 2,
              "did you mean 'openai'?");
  CHECK_FAILS(hewn({"judge", (dir / "none.json").string(), scores, "--run=r"}), 3, "none.json");
  write_file(dir / "scores.jsonl", "{\"row\":1}\n");
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  CHECK_FAILS(hewn({"judge", file, scores, "--run=" + (dir / "run").string()}), 3,
              "not a score: key 'score' not found\n  while reading " + (dir / "scores.jsonl:1").string());
  const Descriptor lock = lock_file((dir / "scores.jsonl").string(), "");
  CHECK_FAILS(
      hewn({"judge", file, scores, "--run=" + (dir / "run").string()}), 1,
      "scores.jsonl is in use by another `hewn judge`; wait for it to end, or choose another --scores");
}

}  // namespace hewn::test
