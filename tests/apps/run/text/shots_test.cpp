// hewn sample --shots: examples in the prompt, an answer out of it.

#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("shots: only the answer is printed, the same as for the prompt written by hand", "[shots]") {
  const TempDir dir;
  std::string content;  // questions and their answers, in any order
  const std::string parts[] = {"Q: ab\nA: cd\n\n", "Q: ef\nA: gh\n\n", "Input: Output: gk {}\n"};
  for (int i = 0; i < 900; ++i) content += parts[i * i / 7 % 5 * 3 / 5];
  write_file(dir / "text.txt", content);
  const std::string run = (dir / "run").string(), shots = (dir / "shots.jsonl").string();
  REQUIRE(hewn({"train", "--dataset=" + (dir / "text.txt").string(), "--out_dir=" + run, "--n_layer=1",
                "--n_head=2", "--n_embd=32", "--block_size=64", "--max_iters=150", "--learning_rate=1e-2"})
              .exit_code == 0);
  write_file(
      shots,
      "{\"input\": \"ab\", \"output\": \"cd\"}\n\n{\"input\": \"ef\", \"output\": \"gh\", \"x\": 1}\r\n");
  const auto sampled = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"sample", run, "--temperature=0", "--max_new_tokens=20", "--json"});
    const ProcessResult r = hewn(more);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return nlohmann::json::parse(r.out);
  };
  const std::string question = "--template=Q: {input}\\nA: {output}\\n\\n";
  write_file(dir / "asked.txt", "ab\nef\n");
  const auto answers =
      sampled({"--shots=" + shots, question, "--start=LINES:" + (dir / "asked.txt").string()});
  REQUIRE(answers.size() == 2);
  CHECK(answers[0] == "cd");  // the model has learnt its text by heart
  CHECK(answers[1] == "gh");
  const auto by_hand = [&](const std::string& prompt) {
    const std::string text = sampled({"--start=" + prompt, "--stop=\\n"})[0].get<std::string>();
    const std::string answer = text.substr(prompt.size());
    return answer.substr(std::min(answer.find_first_not_of(' '), answer.size()));
  };
  CHECK(answers[0] == by_hand("Q: ab\nA: cd\n\nQ: ef\nA: gh\n\nQ: ab\nA:"));
  CHECK(sampled({question, "--start=ef"})[0] == by_hand("Q: ef\nA:"));
  CHECK(sampled({"--shots=" + shots, "--start=ef"})[0] ==
        by_hand("Input: ab\nOutput: cd\n\nInput: ef\nOutput: gh\n\nInput: ef\nOutput:"));
  CHECK(sampled({question, "--start=ef", "--stop=h"})[0] == "g");
  CHECK(hewn({"sample", run, "--temperature=0", question, "--start=ef"}).out == "gh\n");

  const auto refused = [&](const std::string& line) {
    write_file(shots, line);
    return hewn({"sample", run, "--shots=" + shots, "--start=ab"});
  };
  CHECK_FAILS(refused("\n{\"input\": \"ab\"}"), 3, "shots.jsonl:2 is not an example");
  CHECK_FAILS(refused("[1]"), 3, "shots.jsonl:1 is not an example");
  CHECK_FAILS(refused("{\"input\": 1, \"output\": 2}"), 3, "is not an example");
  CHECK_FAILS(hewn({"sample", run, question}), 2, "require an input");
  CHECK_FAILS(hewn({"sample", run, "--template={output}{input}", "--start=ab"}), 2, "expected {input}");
  CHECK_FAILS(hewn({"sample", run, "--shots=" + run + "/none", "--start=ab"}), 3, "none");
}

}  // namespace hewn::test
