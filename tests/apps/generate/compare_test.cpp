// hewn sample --compare: one prompt by every method.

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "model/generation/sampling.h"
#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("compare: prints every method's text, its log probability and its repetition", "[compare]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  const auto sampled = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"sample", run, "--start=the ", "--max_new_tokens=30"});
    const ProcessResult r = hewn(more);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return r.out;
  };
  const auto list = nlohmann::json::parse(sampled({"--compare", "--json"}));
  std::set<std::string> methods;
  for (const auto& row : list) {
    const std::string method = row["method"], text = row["text"].get<std::string>().substr(4);
    methods.insert(method.substr(0, method.find('=')));
    INFO(method);
    // Tokens are characters here, so distinctness can be counted in the text.
    CHECK(row["tokens"] == text.size());
    const std::set<char> ones(text.begin(), text.end());
    std::set<std::string> twos;
    for (size_t i = 0; i + 1 < text.size(); ++i) twos.insert(text.substr(i, 2));
    const auto n = static_cast<double>(text.size());
    CHECK(std::abs(row["distinct_1"].get<double>() - static_cast<double>(ones.size()) / n) <= 1e-9);
    CHECK(std::abs(row["distinct_2"].get<double>() - static_cast<double>(twos.size()) / (n - 1)) <= 1e-9);
    CHECK(std::abs(row["log_probability_per_token"].get<double>() * n -
                   row["log_probability"].get<double>()) <= 1e-9);
  }
  std::set<std::string> expected{"greedy", "beam"};
  for (const SamplingMethod& method : sampling_methods) expected.emplace(method.key.name);
  CHECK(methods == expected);
  // The first row against the greedy text and its log probabilities, printed another way.
  CHECK(list[0]["method"] == "greedy");
  CHECK(list[0]["text"] == nlohmann::json::parse(sampled({"--temperature=0", "--json"}))[0]);
  const std::string records = sampled({"--temperature=0", "--logprobs"});
  double log_probability = 0;
  for (size_t at = 0; at < records.size(); at = records.find('\n', at) + 1)
    log_probability +=
        nlohmann::json::parse(records.substr(at, records.find('\n', at) - at))["logprob"].get<double>();
  CHECK(std::abs(list[0]["log_probability"].get<double>() - log_probability) <= 1e-9);
  // So with the beam's.
  const auto beam = nlohmann::json::parse(sampled({"--beam=4", "--json"}))[0];
  CHECK(list[1]["text"] == beam["text"]);
  CHECK(std::abs(list[1]["log_probability"].get<double>() - beam["log_probability"].get<double>()) <= 1e-4);

  const std::string table = sampled({"--compare", "--top_k=3", "--stop=."});
  for (const char* part :
       {"method", "distinct-2", "greedy", "beam=4", "top_k=3 at temperature=0.8", "top_p=0.9"})
    CHECK(contains(table, part));
  CHECK(std::count(table.begin(), table.end(), '\n') == std::ssize(sampling_methods) + 5);
  for (size_t at = table.find('"'); at != table.npos; at = table.find('"', table.find('\n', at)))
    CHECK(table.find('.', at) > table.find('\n', at));
  CHECK_FAILS(hewn({"sample", run, "--compare", "--num_samples=2"}), 2, "one text per method");
}

}  // namespace hewn::test
