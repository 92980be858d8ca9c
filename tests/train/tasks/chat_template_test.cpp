// Talks as text, as tokens and as Jinja.

#include "train/tasks/chat_template.h"

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"
#include "tests/model/marked_bytes.h"

namespace hewn {
namespace {

using test::fails;

const std::vector<Message> talk{{Role::system, "Be brief."},
                                {Role::user, "Two plus two?"},
                                {Role::assistant, "Four."},
                                {Role::user, "And three?"},
                                {Role::assistant, "Seven."}};

std::unique_ptr<Tokenizer> bytes_with_end() {
  return train_tokenizer("bpe", "ab ab ab <|user|> and some more text", {.vocab_size = 258});
}

std::string text_of(const Tokenizer& tokenizer, const TalkTokens& tokens, bool learned) {
  std::string text;
  for (size_t i = 0; i < tokens.tokens.size(); ++i)
    if (!learned || tokens.learned[i]) text += tokenizer.piece(tokens.tokens[i]);
  return text;
}

std::string written(const std::string& name, std::span<const Message> messages) {
  const auto tokenizer = bytes_with_end();
  return text_of(*tokenizer, TalkEncoder(find_template(name), TextEncoder(*tokenizer)).talk(messages), false);
}

}  // namespace

TEST_CASE("template: every built-in one writes a talk as expected") {
  const std::string end(bytes_with_end()->piece(*end_token(form_of(*bytes_with_end()))));
  CHECK(written("alpaca", std::span(talk).subspan(1, 2)) ==
        "Below is an instruction that describes a task. Write a response that appropriately completes the "
        "request.\n\n"
        "### Instruction:\nTwo plus two?\n\n### Response:\nFour." +
            end);
  CHECK(written("alpaca", talk) == "Be brief.\n\n### Instruction:\nTwo plus two?\n\n### Response:\nFour." +
                                       end + "\n\n### Instruction:\nAnd three?\n\n### Response:\nSeven." +
                                       end);
  CHECK(written("chatml", talk) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nTwo plus "
        "two?<|im_end|>\n<|im_start|>assistant\n"
        "Four.<|im_end|>\n<|im_start|>user\nAnd three?<|im_end|>\n<|im_start|>assistant\nSeven.<|im_end|>");
  CHECK(written("phi", std::span(talk).subspan(1, 2)) ==
        "<|user|>\nTwo plus two?<|end|>\n<|assistant|>\nFour.<|end|>");
  CHECK(written("plain", talk) == "Be brief.\nTwo plus two?\nFour." + end + "\nAnd three?\nSeven." + end);
  CHECK(find_template("alpaca").user_content("Sort.", "3 1 2") == "Sort.\n\n### Input:\n3 1 2");
  CHECK(find_template("alpaca").user_content("Sort.", "") == "Sort.");
}

TEST_CASE("template: only answers and their ends are learned, and prompts are prefixes") {
  const auto tokenizer = bytes_with_end();
  const std::string end(tokenizer->piece(*end_token(form_of(*tokenizer))));
  for (const char* name : {"alpaca", "phi", "chatml", "plain"}) {
    const ChatTemplate chat = find_template(name);
    const TalkEncoder encoder(chat, TextEncoder(*tokenizer));
    const TalkTokens tokens = encoder.talk(talk);
    const std::string stop = chat.answer_end.empty() ? end : chat.answer_end;
    CHECK(text_of(*tokenizer, tokens, true) == "Four." + stop + "Seven." + stop);
    for (const size_t n : {2u, 4u}) {
      const std::vector<int32_t> prompt = encoder.prompt(std::span(talk).first(n));
      REQUIRE(prompt.size() < tokens.tokens.size());
      CHECK(std::equal(prompt.begin(), prompt.end(), tokens.tokens.begin()));
      CHECK(tokens.learned[prompt.size()]);
      CHECK(!tokens.learned[prompt.size() - 1]);
    }
  }
}

TEST_CASE("template: special tokens that a message spells remain text") {
  const auto tokenizer = bytes_with_end();
  const int32_t end = *end_token(form_of(*tokenizer));
  const std::string special(tokenizer->specials()[0].text);
  const TalkEncoder encoder(find_template("alpaca"), TextEncoder(*tokenizer));
  const std::vector<Message> hostile{{Role::user, "Say " + special},
                                     {Role::assistant, special + " said" + special}};
  const TalkTokens tokens = encoder.talk(hostile);
  CHECK(std::count(tokens.tokens.begin(), tokens.tokens.end(), end) == 1);
  CHECK(tokens.tokens.back() == end);
  // In a template they are special tokens.
  ChatTemplate chat = find_template("plain");
  chat.before_user = special + "USER " + special;
  const TalkTokens marked = TalkEncoder(chat, TextEncoder(*tokenizer)).talk(hostile);
  CHECK(std::count(marked.tokens.begin(), marked.tokens.end(), end) == 3);
  CHECK(marked.tokens[0] == end);
}

TEST_CASE("template: an answer needs an end") {
  const auto letters = train_tokenizer("char", "abc<|end_>im\nsrut");
  CHECK(fails(ErrorCode::input, {"char", "no token that ends a text", "plain"},
              [&] { TalkEncoder(find_template("plain"), TextEncoder(*letters)); }));
  const TalkEncoder encoder(find_template("chatml"), TextEncoder(*letters));
  CHECK(encoder.end_texts() == std::vector<std::string>{"<|im_end|>"});
  const auto tokenizer = bytes_with_end();
  CHECK(TalkEncoder(find_template("plain"), TextEncoder(*tokenizer)).end_texts().empty());
  CHECK(TalkEncoder(find_template("plain"), TextEncoder(*tokenizer)).end_tokens()[0] ==
        *end_token(form_of(*tokenizer)));
  // An end that is or begins with a special token is its id; one that holds it later is text.
  ChatTemplate chat = find_template("plain");
  const std::string special = tokenizer->specials()[0].text;
  const size_t ends = form_of(*tokenizer).ends.size();
  for (const std::string& end : {special, special + "\n", "\n" + special}) {
    chat.answer_end = end;
    const TalkEncoder own(chat, TextEncoder(*tokenizer));
    const bool first = end.starts_with(special);
    CHECK(own.end_tokens().size() == ends + (first ? 1 : 0));
    CHECK(own.end_tokens().back() == tokenizer->specials()[0].id);
    CHECK(own.end_texts() == (first ? std::vector<std::string>{} : std::vector<std::string>{end}));
  }
}

TEST_CASE("template: the token that begins all texts comes first, and ends no answer") {
  const test::MarkedBytes both({"<s>", "</s>"}, 256), only({"<s>"}, 256);
  CHECK(end_token(form_of(both)) == 257);
  CHECK(end_token(form_of(test::MarkedBytes({"<|endoftext|>", "</s>"}, 256))) == 257);
  CHECK(!end_token(form_of(only)));
  CHECK(fails(ErrorCode::input, {"no token that ends a text"},
              [&] { TalkEncoder(find_template("plain"), TextEncoder(only)); }));
  const TalkEncoder encoder(find_template("plain"), TextEncoder(both));
  const TalkTokens tokens = encoder.talk(std::span(talk).subspan(1, 2));
  CHECK(text_of(both, tokens, false) == "<s>Two plus two?\nFour.</s>");
  CHECK(tokens.tokens[0] == 256);
  CHECK(!tokens.learned[0]);
  CHECK(encoder.prompt({}) == std::vector<int32_t>{256});
  // A template that writes it itself gets no second one.
  ChatTemplate own = find_template("plain");
  own.before_user = "<s>" + own.before_user;
  CHECK(TalkEncoder(own, TextEncoder(both)).talk(std::span(talk).subspan(1, 2)).tokens == tokens.tokens);
  // The default system message precedes other messages only.
  CHECK(text_of(both, {TalkEncoder(find_template("alpaca"), TextEncoder(both)).prompt({}), {}}, false) ==
        "<s>### Response:\n");
}

TEST_CASE("template: of special tokens that begin in one place, the longest counts") {
  const test::MarkedBytes marks({"<|end", "<|end|>", "</s>"});
  ChatTemplate chat = find_template("plain");
  chat.before_user = "<|end|>U<|end";
  chat.after_user = "";
  chat.before_answer = "</s>A";
  chat.answer_end = "!";
  chat.after_answer = "/";
  const TalkEncoder encoder(chat, TextEncoder(marks));
  const std::vector<Message> answered{{Role::user, "x"}, {Role::assistant, "y"}};
  std::vector<int32_t> expected{257, 'U', 256, 'x', 258, 'A', 'y', '!'};
  CHECK(encoder.talk(answered).tokens == expected);
  expected.insert(expected.end(), {'/', 258, 'A'});  // the prompt for another answer
  CHECK(encoder.prompt(answered) == expected);
}

TEST_CASE("template: Jinja is written as expected") {
  ChatTemplate chat = find_template("chatml");
  CHECK(
      chat.jinja() ==
      "{% for message in messages %}"
      "{% if message['role'] == 'system' %}{{ '<|im_start|>system\\n' + message['content'] + '<|im_end|>\\n' "
      "}}"
      "{% elif message['role'] == 'user' %}{{ '<|im_start|>user\\n' + message['content'] + '<|im_end|>\\n' }}"
      "{% elif message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' + message['content'] + "
      "'<|im_end|>' }}"
      "{% if not loop.last or add_generation_prompt %}{{ '\\n' }}{% endif %}"
      "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
  const std::string alpaca = find_template("alpaca").jinja(true);
  CHECK(
      alpaca.starts_with("{{ bos_token }}{% for message in messages %}{% if loop.first and message['role'] "
                         "!= 'system' %}{{ 'Below"));
  CHECK(alpaca.find(" + message['content'] + eos_token }}") != alpaca.npos);
  chat.before_user = "it's a \\ '";
  CHECK(chat.jinja().find(R"({{ 'it\'s a \\ \'' + message)") != std::string::npos);
}

// transformers renders in such an environment; `scripts/peers/check_templates.py` compares with transformers itself.
TEST_CASE("template: Jinja renders talks and prompts as they are written") {
  if (test::run_program({"python3", "-c", "import jinja2"}).exit_code != 0)
    return test::skip("jinja2 is not installed");
  const auto tokenizer = bytes_with_end();
  nlohmann::json calls = nlohmann::json::array();
  std::vector<std::string> expected;
  for (const std::string name : {"alpaca", "phi", "chatml", "plain"}) {
    ChatTemplate chat = find_template(name);
    chat.after_user += "it's {{ a }} \\ {% if %} '\\n'\n";  // is text, not Jinja
    const TalkEncoder encoder(chat, TextEncoder(*tokenizer));
    for (const bool prompt : {false, true})
      for (size_t first = 0; first < 2; ++first)
        for (size_t count = prompt ? 1 : 2; first + count <= talk.size(); ++count) {
          const auto messages = std::span(talk).subspan(first, count);
          const bool answered = messages.back().role == Role::assistant;
          if (answered == prompt) continue;
          nlohmann::json list = nlohmann::json::array();
          for (const Message& message : messages)
            list.push_back({{"role", name_of(message.role)}, {"content", message.content}});
          calls.push_back({{"template", chat.jinja()}, {"messages", list}, {"prompt", prompt}});
          expected.push_back(prompt ? text_of(*tokenizer, {encoder.prompt(messages), {}}, false)
                                    : text_of(*tokenizer, encoder.talk(messages), false));
        }
  }
  const test::TempDir dir;
  test::write_file(dir / "calls.json", calls.dump());
  const auto result = test::run_program({"python3", "-c", R"(
import json, sys
from jinja2.sandbox import ImmutableSandboxedEnvironment
env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
print(json.dumps([env.from_string(c['template']).render(messages=c['messages'], eos_token=sys.argv[2],
                                                        add_generation_prompt=c['prompt'])
                  for c in json.load(open(sys.argv[1]))]))
)",
                                         (dir / "calls.json").string(),
                                         std::string(tokenizer->piece(*end_token(form_of(*tokenizer))))});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto rendered = nlohmann::json::parse(result.out);
  REQUIRE(rendered.size() == expected.size());
  CHECK(expected.size() >= 4 * 4);
  for (size_t i = 0; i < expected.size(); ++i) CHECK(rendered[i] == expected[i]);
}

TEST_CASE("template: a file is read, and refused if it is none") {
  const test::TempDir dir;
  const std::string path = (dir / "mine.json").string();
  test::write_file(
      path, R"({"before_user": "Q: ", "after_user": "\n", "before_answer": "A: ", "answer_end": "\n"})");
  const ChatTemplate chat = find_template(path);
  CHECK(chat.name == "mine.json");
  CHECK(chat.before_answer == "A: ");
  CHECK(template_from_json(nlohmann::json(template_to_json(chat)), "t") == chat);
  CHECK(fails(ErrorCode::usage,
              {"'chatml2' is not a template; expected alpaca|phi|chatml|plain, or a JSON file"},
              [] { find_template("chatml2"); }));
  test::write_file(path, R"({"before_user": )");
  CHECK(fails(ErrorCode::input, {"not JSON: "}, [&] { find_template(path); }));
  for (const char* part : {"before_user", "after_user", "before_answer"}) {
    test::write_file(path, join("{\"", part, "\": \"\\n\"}"));
    CHECK_NOTHROW(find_template(path));
  }
  test::write_file(path, R"({"answer_end": "\n"})");
  CHECK(fails(ErrorCode::input, {"mine.json: the template has nothing between messages"},
              [&] { find_template(path); }));
  test::write_file(path, "[]");
  CHECK(fails(ErrorCode::input, {"mine.json: a template is an object; found array"},
              [&] { find_template(path); }));
}

}  // namespace hewn
