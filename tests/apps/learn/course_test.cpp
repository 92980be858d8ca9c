// hewn learn: what it prints, what it refuses, and what it keeps of a student's progress.

#include <algorithm>
#include <filesystem>
#include <regex>

#include "kernels/contract/isa.h"
#include "tests/apps/learn/desk.h"

namespace hewn::test {
namespace {

/// Whether sizes of memory include the canaries of checking builds.
#ifdef HEWN_CHECK_MEMORY
constexpr bool canaries = true;
#else
constexpr bool canaries = false;
#endif

}  // namespace

TEST_CASE("learn: start never overwrites a file") {
  const Desk desk;
  const ProcessResult r = desk.learn({"start", "1"});
  CHECK(r.exit_code == 0);
  CHECK(read_file(desk / "lessons/01-chain-rule/lesson.cpp") ==
        read_file(course() / first_lesson / "lesson.cpp"));
  desk.write(first_lesson, "mine");
  CHECK_FAILS(desk.learn({"start", "1"}), 1,
              "lessons/01-chain-rule/lesson.cpp already exists and was not changed");
  CHECK(read_file(desk / "lessons/01-chain-rule/lesson.cpp") == "mine");
}

TEST_CASE("learn: checks at the same time keep what both have found") {
  const Desk desk;
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 6; ++i)
    for (const char* chapter : {"1", "2"})
      processes.push_back(std::make_unique<Process>(
          std::vector<std::string>{hewn_program().string(), "learn", "hint", chapter}, desk.with_places({})));
  processes.push_back(std::make_unique<Process>(
      std::vector<std::string>{hewn_program().string(), "learn", "check", "0", "6", "2", "12"},
      desk.with_places({})));
  for (auto& process : processes) CHECK(process->finish().exit_code == 0);
  const std::string progress = read_file(desk / "lessons/progress.json");
  INFO(progress);
  CHECK(contains(progress, "\"done\": [\n    0\n  ]"));
  CHECK(std::regex_search(progress, std::regex("\"1\": [3-6]")));
  CHECK(std::regex_search(progress, std::regex("\"2\": [3-6]")));
  write_file(desk / "lessons/progress.json", "{}");
  CHECK_FAILS(desk.learn({}), 3, "lessons/progress.json");
}

TEST_CASE("learn: predictions") {
  const Desk desk;
  CHECK(contains(desk.learn({"check", "0"}).out,
                 "2. y = w * x + b at w = 0.5, x = 2, b = -1: what is the gradient of w?"));
  const ProcessResult wrong = desk.learn({"check", "0", "6", "0.5", "1"});
  CHECK(wrong.exit_code == 5);
  CHECK(contains(wrong.out, "1. right: 6\n2. wrong: 0.5\n   0.5 is the gradient of x"));
  CHECK(contains(wrong.out, "3. wrong: 1\n   look: "));
  CHECK(contains(wrong.out, " trace --expr=\"y = (w * x + b)^2\" w=1 x=2 b=1\n"));
  CHECK(desk.learn({"check", "0", "6", "2", "12.0"}).exit_code == 0);
  CHECK_FAILS(desk.learn({"check", "0", "6"}), 2, "chapter 0 has 3 questions");
  CHECK(contains(desk.learn({"check", "0", "6", "-2", "-.5"}).out, "2. wrong: -2\n"));
  CHECK_FAILS(desk.learn({"check", "0", "6", "2", "x"}), 2, "'x' is not a number; write answers such as 4");
}

TEST_CASE("learn: hints come one after the other") {
  const Desk desk;
  for (const char* begin : {"hint 1 of 3: ", "hint 2 of 3: ", "hint 3 of 3: ", "hint 3 of 3: "})
    CHECK(desk.learn({"hint", "2"}).out.starts_with(begin));
  CHECK(desk.learn({"hint", "1"}).out.starts_with("hint 1 of 3: "));
}

TEST_CASE("learn: words that make no sense") {
  const Desk desk;
  CHECK_FAILS(desk.learn({"99"}), 2, "'99' is not a chapter");
  CHECK_FAILS(desk.learn({"chek", "1"}), 2, "did you mean 'check'?");
  CHECK_FAILS(desk.learn({"check"}), 2, "hewn learn check 1");
  CHECK_FAILS(desk.learn({"start", "0"}), 2, "chapter 0 has no exercise");
  CHECK_FAILS(desk.learn({"check", "1"}), 3, "there is no lessons/01-chain-rule/lesson.cpp");
  CHECK_FAILS(desk.learn({"check", "1", "2"}), 2, "'2' is unexpected: chapter 1 takes no answers");
  fs::create_directory(desk / "full");
  write_file(desk / "full/file", "x");
  CHECK_FAILS(desk.learn({"check", "1", "--out_dir=full"}), 2, "full exists and is not empty");
  CHECK_FAILS(desk.learn({"check", "10", "--out_dir=run"}), 2, "but chapter 10 trains none");
  CHECK_FAILS(desk.learn({"check", "1", "--out_dir=run", "--training=false"}), 2,
              "but training=false was given");
  CHECK_FAILS(desk.learn({"check", "0", "--out_dir=run"}), 2,
              "--out_dir: out_dir applies only to `hewn learn check CHAPTER`");
  CHECK_FAILS(desk.learn({"start", "1", "--watch"}), 2, "--watch: watch applies only to");
  CHECK(desk.learn({}, {.env = {{"HEWN_OUT_DIR", "run"}}}).exit_code == 0);  // which `hewn train` reads
}

TEST_CASE("learn: chapters as text and as a page") {
  const Desk desk;
  const std::string list = desk.learn({}).out;
  for (const std::string& line : lines_of(list)) {
    const std::string before = line.substr(0, line.rfind(" minutes"));
    if (before == line) continue;
    const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    CHECK(std::count_if(before.begin(), before.end(), starts) == 45);  // × is one column and two bytes
  }
  const ProcessResult page = desk.learn({"--out=course.html"});
  CHECK(page.exit_code == 0);
  const std::string html = read_file(desk / "course.html");
  for (const auto& entry : fs::directory_iterator(course())) {
    const std::string text = entry.path().extension() == ".md" ? read_file(entry.path()) : "";
    std::smatch title;
    if (!std::regex_search(text, title, std::regex("^# (\\d+)\\. ([^\n]+) \\((\\d+) minutes\\)\n"))) continue;
    INFO(title[0].str());
    CHECK(contains(list, title[2].str()));
    CHECK(contains(html, title[2].str()));
    CHECK(contains(desk.learn({title[1].str()}).out, "Now read"));
  }
  CHECK(contains(html, "<svg") == false);  // JSON within a script element has no <
  CHECK(contains(html, "\\u003csvg"));
}

TEST_CASE("learn: chapters print what their commands print") {
  if (left_out()) return;
  for (const auto& entry : fs::directory_iterator(course())) {
    if (entry.path().extension() != ".md") continue;
    const std::string text = read_file(entry.path());
    static const std::regex block("\n```console\n([^]*?)```\n");
    for (auto at = std::sregex_iterator(text.begin(), text.end(), block); at != std::sregex_iterator();
         ++at) {
      const Desk desk;
      std::string command, printed;
      const auto run = [&] {
        if (command.empty() || (!emulator_compiled && contains(command, "--device=emulated")) ||
            (canaries && contains(printed, "iB\n")))
          return;
        ProcessOptions options = desk.with_places({});
        options.env["PATH"] = path_with_hewn();
        const ProcessResult r = run_program({"bash", "-c", command}, options);
        INFO(entry.path().string() << ": " << command);
        CHECK(r.exit_code == 0);
        CHECK(r.out == printed);
      };
      for (const std::string& line : lines_of((*at)[1])) {
        if (!line.starts_with("$ ")) {
          printed += line + "\n";
          continue;
        }
        run();
        command = line.substr(2), printed.clear();
      }
      run();
    }
  }
}

}  // namespace hewn::test
