// The talks of files, divided into sides.

#include "train/tasks/instruct_data.h"

#include <map>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {

TEST_CASE("instruct data: is divided by seed, and other files replace its parts") {
  const test::TempDir dir;
  std::string rows;
  for (int i = 0; i < 20; ++i) rows += join("{\"q\": \"Q", i, "\", \"a\": \"A", i, "\"}\n");
  test::write_file(dir / "rows.jsonl", rows);
  test::write_file(dir / "more.csv", "q,a\nQ,\"A\nB\"\nR,C\n");
  const DataFiles options{.data = (dir / "rows.jsonl").string(), .val = "", .test = ""};
  const ChatTemplate chat = find_template("plain");
  const InstructData data = open_instruct_data(options, chat);
  CHECK(data.train.size() == 14);
  CHECK(data.val.size() == 2);
  CHECK(data.test.size() == 4);
  CHECK(data.columns == TalkColumns{{"prompt", "q"}, {"answer", "a"}});
  std::set<std::string> answers;
  for (const auto* side : {&data.train, &data.val, &data.test})
    for (const Talk& talk : *side) {
      answers.insert(talk.answer());
      CHECK(talk.instruction == join("Q", talk.line - 1));
    }
  CHECK(answers.size() == 20);
  CHECK(open_instruct_data(options, chat).hash == data.hash);

  DataFiles other = options;
  other.test = (dir / "more.csv").string();
  const InstructData replaced = open_instruct_data(other, chat);
  CHECK(replaced.test.size() == 2);
  CHECK(replaced.test[1].line == 4);
  CHECK(replaced.train.size() + replaced.val.size() == 20);
  CHECK(replaced.hash != data.hash);
  other = options;
  other.seed = 2;
  CHECK(open_instruct_data(other, chat).hash != data.hash);
  other.columns = {{"prompt", "q"}, {"answer", "answer"}};
  CHECK(test::fails(ErrorCode::usage, {"rows.jsonl: has no column answer; its columns are q, a"},
                    [&] { open_instruct_data(other, chat); }));
}

TEST_CASE("instruct data: rows with the same prompt and input are on one side") {
  const test::TempDir dir;
  std::string rows = "instruction,input,output\n";
  for (int i = 0; i < 60; ++i) rows += join("Say it.,word ", i % 20, ",answer ", i, "\n");
  test::write_file(dir / "rows.csv", rows);
  test::write_file(dir / "test.csv", "instruction,input,output\nSay it.,word 3,x\nSay it,word 3,x\n");
  DataFiles options{.data = (dir / "rows.csv").string(), .val = "", .test = ""};
  const ChatTemplate chat = find_template("alpaca");
  const InstructData data = open_instruct_data(options, chat);
  CHECK(data.test.size() == 12);
  CHECK(data.val.size() == 6);
  std::map<std::string, std::set<const void*>> sides;
  for (const auto* side : {&data.train, &data.val, &data.test})
    for (const Talk& talk : *side) sides[talk.input].insert(side);
  CHECK(sides.size() == 20);
  for (const auto& [input, on] : sides) CHECK(on.size() == 1);
  REQUIRE(data.notes.size() == 1);
  CHECK(data.notes[0].starts_with("40 rows repeat the prompt of another row; "));

  options.split_version = rows_apart;
  const InstructData apart = open_instruct_data(options, chat);
  CHECK(apart.hash != data.hash);
  CHECK(apart.notes.size() == 2);  // of the validation and of the test
  options.test = (dir / "test.csv").string();
  CHECK(open_instruct_data(options, chat).notes.back().starts_with("1 of 2 test rows has the same prompt"));
}

}  // namespace hewn
