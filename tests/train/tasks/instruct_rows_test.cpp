// Rows of tables as talks, talks as training rows.

#include "train/tasks/instruct_rows.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using test::fails;

Talk talk_of(const std::string& text, const TalkColumns& given = {}) {
  const Table table("t", text);
  return read_talk(table, 0, find_talk_columns(table, given), find_template("alpaca"));
}

test::Failure refused_talk(const std::string& text, std::initializer_list<std::string> parts) {
  return fails(ErrorCode::input, parts, [&] { talk_of(text); });
}

}  // namespace

TEST_CASE("talks: Alpaca, messages and any two columns") {
  const Talk alpaca = talk_of(R"([{"instruction": "Sort.", "input": "3 1", "output": "1 3"}])");
  CHECK(alpaca.messages.size() == 2);
  CHECK(alpaca.messages[0].content == "Sort.\n\n### Input:\n3 1");
  CHECK(alpaca.answer() == "1 3");
  CHECK(alpaca.instruction == "Sort.");
  CHECK(alpaca.input == "3 1");
  CHECK(talk_of(R"({"instruction": "Sort.", "input": null, "output": "x"})").messages[0].content == "Sort.");
  CHECK(talk_of(R"({"instruction": "Sort.", "output": 7})").answer() == "7");
  const Talk messages = talk_of(
      R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]})");
  CHECK(messages.messages.size() == 3);
  CHECK(messages.prompt().size() == 2);
  CHECK(messages.instruction == "Q");
  const Talk unasked =
      talk_of(R"({"messages": [{"role": "system", "content": "S"}, {"role": "assistant", "content": "A"}]})");
  CHECK(unasked.instruction.empty());
  CHECK(unasked.answer() == "A");
  const Table missing("t",
                      "{\"instruction\": \"a\", \"input\": \"x\", \"output\": \"b\"}\n"
                      "{\"instruction\": \"c\", \"output\": \"d\"}");
  CHECK(read_talk(missing, 1, find_talk_columns(missing, {}), find_template("plain")).input.empty());
  CHECK(find_talk_columns(Table("t", "instruction,reply\nQ,A\n"), {}) ==
        TalkColumns{{"prompt", "instruction"}, {"answer", "reply"}});
  CHECK(talk_of("question,reply\nQ,A\n").answer() == "A");
  CHECK(talk_of("a,b,c\nx,Q,A\ny,R,B\n", {{"prompt", "2"}, {"answer", "c"}}).instruction == "Q");
}

TEST_CASE("talks: wrong rows are refused with their place") {
  CHECK(fails(ErrorCode::usage, {"t: has neither messages nor instruction and output", "--prompt"},
              [] { talk_of("a,b,c\nx,Q,A\n"); }));
  CHECK(fails(ErrorCode::usage, {"t: has no column reply"}, [] {
    talk_of("a,b\nx,Q\n", {{"prompt", "a"}, {"answer", "reply"}});
  }));
  CHECK(fails(ErrorCode::usage, {"t: answer and prompt are the same column, 1"}, [] {
    talk_of("a,b\nx,Q\n", {{"prompt", "1"}, {"answer", "a"}});
  }));
  CHECK(fails(ErrorCode::usage, {"give both"}, [] { talk_of("a,b\nx,Q\n", {{"prompt", "a"}}); }));
  CHECK(refused_talk(R"([{"instruction": "", "output": "x"}])",
                     {"t, line 1, column 18 (instruction): is empty"}));
  CHECK(refused_talk(R"([{"instruction": "a", "output": " \n"}])", {"(output): is empty"}));
  CHECK(refused_talk(R"({"messages": "Q"})", {"t, line 1, column 14 (messages): a text; expected a list"}));
  CHECK(refused_talk(R"({"messages": {"role": "user"}})", {"an object; expected a list of messages"}));
  CHECK(refused_talk(R"({"messages": [3]})", {"message 1: is not a message"}));
  CHECK(refused_talk(R"({"messages": [{"role": "user", "content": 3}]})", {"message 1: is not a message"}));
  CHECK(refused_talk(R"({"messages": [{"role": "user"}]})", {"message 1: is not a message"}));
  CHECK(refused_talk(
      R"({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}]})",
      {"end with an answer of the assistant"}));
  CHECK(refused_talk(R"({"messages": [{"role": "bot", "content": "x"}]})",
                     {"message 1: the role \"bot\"; expected system, user"}));
  CHECK(
      refused_talk(R"({"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "x"}]})",
                   {"message 2: a system message"}));
  CHECK(refused_talk(R"({"messages": [{"role": "user", "content": "x"}]})",
                     {"end with an answer of the assistant"}));
  for (const char* role : {"user", "assistant"})
    CHECK(refused_talk(join(R"({"messages": [{"role": "system", "content": ""}, {"role": ")", role,
                            R"(", "content": " \n"}, {"role": "assistant", "content": "x"}]})"),
                       {"(messages), message 2: is empty"}));
  CHECK(refused_talk(R"({"messages": []})", {"end with an answer"}));
  const Table table("t", "[{\"instruction\": \"a\", \"output\": \"b\"},\n{\"instruction\": \"a\"}]");
  CHECK(fails(ErrorCode::input, {"t, line 2 (output): no value; expected text or a number"},
              [&] { read_talk(table, 1, find_talk_columns(table, {}), find_template("plain")); }));
}

TEST_CASE("talks: rows are shifted by one token, masked and cut") {
  const TalkTokens talk{{10, 11, 12, 13, 14}, {false, false, true, true, false}};
  const TrainingRow row = training_row(talk, Mask::prompt, 100);
  CHECK(row.tokens == std::vector<int32_t>{10, 11, 12, 13});
  CHECK(row.targets == std::vector<int32_t>{-100, 12, 13, -100});
  CHECK(training_row(talk, Mask::none, 100).targets == std::vector<int32_t>{11, 12, 13, 14});
  CHECK(training_row(talk, Mask::prompt, 2).targets == std::vector<int32_t>{-100, 12});
  CHECK(training_row({{10}, {true}}, Mask::none, 5).tokens.empty());
}

TEST_CASE("talks: what does not fit is counted") {
  const auto tokenizer = train_tokenizer("bpe", "some text", {.vocab_size = 257});
  const TalkEncoder encoder(find_template("plain"), TextEncoder(*tokenizer));
  std::vector<Talk> talks;
  for (const char* question : {"Q", "A much longer question than fits", "Five5"})
    talks.push_back({.messages = {{Role::user, question}, {Role::assistant, "Answer"}},
                     .instruction = question,
                     .input = "",
                     .line = 0});
  const TalkRows rows = training_rows(talks, encoder, Mask::prompt, 9);
  CHECK(rows.rows.size() == 2);
  CHECK(rows.numbers == std::vector<int64_t>{0, 2});
  CHECK(rows.dropped == 1);
  CHECK(rows.shortened == 1);
  CHECK(rows.rows[1].tokens.size() == 9);
}

}  // namespace hewn
