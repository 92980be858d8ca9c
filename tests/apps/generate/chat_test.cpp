// hewn chat: lines in, answers out; the keys of the line editor, typed into a pseudo-terminal.

#include <csignal>
#include <filesystem>
#include <memory>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

std::vector<std::string> chat_words(const std::string& run, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {hewn_program().string(), "chat", run, "--temperature=0"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// A terminal, and lines that are kept in this file, or nowhere.
ProcessOptions terminal(const std::string& history = "") {
  return {.env = {{"TERM", "xterm"}, {"HEWN_HISTORY", history}}, .timeout = 120, .terminal = true};
}

const std::string up = "\x1b[A", down = "\x1b[B", right = "\x1b[C", left = "\x1b[D", home = "\x1b[H",
                  end = "\x1bOF", remove_key = "\x1b[3~", backspace = "\x7f";

std::string control(char letter) { return {static_cast<char>(letter & 0x1f)}; }

}  // namespace

TEST_CASE("chat: answers depend on the whole conversation", "[chat]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--block_size=64"})).exit_code == 0);
  const std::string run = (dir / "run").string();
  const auto answers = [&](const std::string& lines, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"chat", run, "--temperature=0", "--max_new_tokens=12"});
    const ProcessResult r = hewn(more, {.input = lines});
    INFO(r.err);
    CHECK(r.exit_code == 0);
    return r.out;
  };
  const auto alone = [&](const std::string& start, const std::string& stop = "\\n") {
    const std::string out =
        hewn({"sample", run, "--temperature=0", "--max_new_tokens=12", "--stop=" + stop, "--start=" + start})
            .out;
    return out.substr(start.size());
  };
  const std::string first = alone("the c"), second = alone("the c" + first + "a bird");
  CHECK(answers("the c\n") == first);
  CHECK(answers("the c\n\na bird  \n") == first + second);
  CHECK(answers("the c\n/reset\na bird") == first + alone("a bird"));
  CHECK(answers("the c\n/quit\na bird\n") == first);
  CHECK(answers("the c\nZ\n/nonsense\na bird\n") == first + second);  // not in the vocabulary; help
  CHECK(answers("cat\n", {"--template=the {input} {output}\\n", "--stop=zzz"}) == alone("the cat", "zzz"));

  // Settings, and what is said of them on standard error.
  const auto said = [&](const std::string& lines) {
    return hewn({"chat", run, "--seed=5"}, {.input = lines}).err;
  };
  CHECK(contains(said("/seed\n"), "/seed 5\n"));
  CHECK(contains(said("/temperature 0.25\n/temperature\n"), "/temperature 0.25\n"));
  CHECK(contains(said("/temperature -1\n"), "/temperature: temperature = -1 is out of range"));
  CHECK(contains(said("/top_k many\n"), "is not a whole number"));
  CHECK(contains(said("/help\n"), "/reset clears"));
  CHECK(contains(said("Z\n"), "Z"));
  CHECK(contains(said("/tempreature 1\n"), "unknown command '/tempreature'; did you mean '/temperature'?"));
  CHECK(contains(said("/hepl\n"), "did you mean '/help'?"));
  CHECK(contains(said("/nonsense\n"), "unknown command '/nonsense'; /help lists all commands"));
  const auto drawn = [&](const std::string& lines) {
    return hewn({"chat", run, "--temperature=1", "--max_new_tokens=12", "--stop=zzz"}, {.input = lines}).out;
  };
  const std::string twice = drawn("/seed 3\nthe\n/reset\nthe\n/seed 3\n/reset\nthe\n");
  CHECK(twice == drawn("/seed 3\nthe\n/reset\nthe\n/seed 3\n/reset\nthe\n"));
  CHECK(twice != drawn("/seed 4\nthe\n/reset\nthe\n/seed 4\n/reset\nthe\n"));
}

TEST_CASE("chat: the oldest turns are dropped when the context is full", "[chat]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);  // a block of 16 tokens
  const std::string run = (dir / "run").string();
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += "the cat sat\n";
  const ProcessResult r =
      hewn({"chat", run, "--temperature=0", "--max_new_tokens=4", "--stop=zzz"}, {.input = lines});
  CHECK(r.exit_code == 0);
  CHECK(std::count(r.out.begin(), r.out.end(), '\n') >= 10);
}

TEST_CASE("chat: lines are edited with the usual keys", "[chat]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=1"})).exit_code == 0);
  Process chat(chat_words((dir / "run").string(), {"--max_new_tokens=4"}), terminal());
  REQUIRE(chat.wait_for("\r> "));
  // Each sets the seed by an edited line, and asks for it.
  const auto seed_is = [&](const std::string& keys, const std::string& value) {
    INFO("expected /seed " << value);
    chat.type(keys + "\r/seed\r");
    CHECK(chat.wait_for("\n/seed " + value + "\r\n\r> "));
  };
  seed_is("/seed 12" + left + "3", "132");
  seed_is("/seed 21" + left + left + right + "4", "241");
  seed_is("seed 43" + home + "/" + end + "1", "431");
  seed_is("seed 43" + control('A') + "/" + control('E') + "2", "432");
  seed_is("/seed 98" + backspace + "7", "97");
  seed_is("/seed é€𝄞" + backspace + backspace + backspace + "63", "63");
  seed_is("/seed é64" + left + left + left + remove_key, "64");
  seed_is("/seed é65" + left + left + left + control('D'), "65");
  seed_is("/seed 1" + left + "€" + control('U') + "/seed 5", "51");
  seed_is("/seed 52abc" + left + left + left + control('K'), "52");
  seed_is("/seed nonsense" + control('W') + "53", "53");
  seed_is("/seed two words" + control('W') + control('W') + "54", "54");
  seed_is("no" + control('C') + "/seed 55", "55");
  seed_is("/seed 56" + control('B') + control('B') + "9" + control('F') + "8", "9586");
  // Earlier lines: up is what was said last, and comes back changed.
  seed_is("/seed 70", "70");
  seed_is(up + up + "1", "701");                                  // over /seed
  seed_is(control('P') + control('P') + backspace + "2", "702");  // over /seed
  seed_is(up + up + up + down + "/" + control('A') + control('K') + "/seed 72", "72");
  seed_is("/seed 8" + up + down + "1", "81");              // what was being written comes back
  seed_is("\x1b[99~\x1b[1;5C/seed 82", "82");              // keys without a meaning
  seed_is("/seed " + std::string(100, '0') + "83", "83");  // longer than the screen
  chat.type("not the end" + control('D') + control('U') + control('D'));
  const ProcessResult r = chat.finish();
  CHECK(r.exit_code == 0);
}

TEST_CASE("chat: earlier lines can be searched and are kept for the next session", "[chat]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=1"})).exit_code == 0);
  const std::string run = (dir / "run").string(), history = (dir / "state/hewn/history").string();
  const auto seed_is = [&](Process& chat, const std::string& keys, const std::string& value) {
    INFO("expected /seed " << value);
    chat.type(keys + "\r/seed\r");
    CHECK(chat.wait_for("\n/seed " + value + "\r\n\r> "));
    chat.forget();
  };
  const auto start = [&](const ProcessOptions& options) {
    auto chat = std::make_unique<Process>(chat_words(run, {"--max_new_tokens=4"}), options);
    REQUIRE(chat->wait_for("\r> "));
    return chat;
  };
  {
    const auto chat = start(terminal(history));
    seed_is(*chat, "/seed 111", "111");
    seed_is(*chat, "/seed 222", "222");
    seed_is(*chat, "/seed 333", "333");
    seed_is(*chat, control('R') + "d 2", "222");
    seed_is(*chat, control('R') + "d 1" + end + "5", "1115");
    seed_is(*chat, control('R') + "d " + control('R') + control('R'), "333");  // over 1115 and 222
    seed_is(*chat, "/seed 77" + control('R') + "d 2" + control('G'), "77");
    seed_is(*chat, control('R') + "d 19" + backspace, "1115");
    chat->type(control('R') + "d 9");
    CHECK(chat->wait_for("(not found) d 9: "));
    chat->type(control('C') + control('D'));
    CHECK(chat->finish().exit_code == 0);
  }
  const auto lines = [&] {
    const std::string text = read_file(history);
    return std::count(text.begin(), text.end(), '\n');
  };
  CHECK(contains(read_file(history), "/seed 1115\n/seed\n/seed 333\n"));
  using std::filesystem::perms;
  CHECK((std::filesystem::status(history).permissions() & perms::mask) ==
        (perms::owner_read | perms::owner_write));
  CHECK((std::filesystem::status(dir / "state/hewn").permissions() & perms::mask) == perms::owner_all);

  const auto kept = lines();
  const auto says = [&](const ProcessOptions& options, const std::string& keys, const std::string& value) {
    const auto chat = start(options);
    seed_is(*chat, keys, value);
    chat->type(control('D'));
    CHECK(chat->finish().exit_code == 0);
  };
  says(terminal(history), control('R') + "d 333", "333");  // of the program before
  CHECK(lines() == kept + 2);
  says(terminal(""), "/seed 5", "5");
  says(terminal("/proc/nowhere/history"), "/seed 6", "6");
  says(terminal(dir.path().string()), "/seed 7", "7");  // a directory
  CHECK(lines() == kept + 2);
  ProcessOptions usual = terminal();
  usual.env.erase("HEWN_HISTORY"), usual.env["XDG_STATE_HOME"] = (dir / "xdg").string();
  says(usual, "/seed 8", "8");
  CHECK(read_file(dir / "xdg/hewn/history") == "/seed 8\n/seed\n");

  // Bounded, whatever is in the file.
  std::string long_one = "/seed 4\x1b[2J\n\xff\xfe\n" + std::string(5000, 'x') + "\n\n";
  for (int i = 0; i < 3000; ++i) long_one += "/seed " + std::to_string(i) + "\n";
  write_file(history, long_one + "no end");
  says(terminal(history), control('R') + "d 2999" + control('E'), "2999");
  CHECK(lines() == 1002);
}

TEST_CASE("chat: Ctrl-C stops an answer, not the conversation", "[chat]") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  Process chat(chat_words(run, {"--max_new_tokens=100000000", "--stop=zzz"}), terminal());
  REQUIRE(chat.wait_for("\r> "));
  for (const std::string start : {"the", "a b"}) {
    std::string begins =
        hewn({"chat", run, "--temperature=0", "--max_new_tokens=20", "--stop=zzz"}, {.input = start + "\n"})
            .out;
    begins = begins.substr(0, begins.find('\n'));
    REQUIRE(begins.size() > 2);
    chat.type("/reset\r" + start + "\r");
    // The line as it is shown at last, then the answer: other lines may have the same one.
    REQUIRE(chat.wait_for("\r> " + start + "\x1b[K\r\x1b[" + std::to_string(start.size() + 2) + "C\r\n" +
                          begins));
    const std::string number = start == "the" ? "91" : "92";
    chat.forget();
    chat.type(control('C'));             // an answer without end was on its way
    REQUIRE(chat.wait_for("\r\n\r> "));  // the terminal forgets what is typed before it has told the program
    chat.type("/seed " + number + "\r/seed\r");
    CHECK(chat.wait_for("\n/seed " + number + "\r\n\r> "));
  }
  chat.send(SIGTERM);
  const ProcessResult r = chat.finish();
  CHECK(r.exit_code == 143);
}

}  // namespace hewn::test
