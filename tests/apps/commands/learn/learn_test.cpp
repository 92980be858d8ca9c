// hewn learn: what it prints, how it judges every exercise, and that it tells kinds of failure apart.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <regex>
#include <sstream>
#include <thread>

#include "kernels/contract/compiled.h"
#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

fs::path course() { return source_dir() / "docs/course"; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// The folders of all chapters with an exercise: "01-chain-rule".
std::vector<std::string> exercises() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(course()))
    if (fs::exists(entry.path() / "lesson.cpp")) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// Whether a model trains with the function of this exercise.
bool trains(const std::string& name) {
  std::string file = name;
  std::replace(file.begin(), file.end(), '-', '_');
  return contains(read_file(source_dir() / ("apps/commands/learn/exercises/" + file + ".cpp")),
                  ".in_training");
}

std::string number_of(const std::string& name) { return std::to_string(std::stoi(name)); }

/// A student's directory, with temporary files of its own.
class Desk {
 public:
  Desk() { fs::create_directory(dir_ / "tmp"); }
  ProcessResult learn(std::vector<std::string> words, ProcessOptions options = {}) const {
    words.insert(words.begin(), "learn");
    return hewn(words, with_places(std::move(options)));
  }
  ProcessOptions with_places(ProcessOptions options) const {
    options.directory = dir_.path().string();
    options.env.emplace("TMPDIR", (dir_ / "tmp").string());
    return options;
  }
  void write(const std::string& name, const std::string& source) const {
    fs::create_directories(dir_ / ("lessons/" + name));
    write_file(dir_ / ("lessons/" + name + "/lesson.cpp"), source);
  }
  ProcessResult check(const std::string& name, const std::string& source, ProcessOptions options = {}) const {
    write(name, source);
    return learn({"check", number_of(name), "--training=false"}, std::move(options));
  }
  fs::path operator/(const std::string& file) const { return dir_ / file; }
  bool temporary_files_are_gone() const { return fs::is_empty(dir_ / "tmp"); }

 private:
  TempDir dir_;
};

/// The hint of a wrong answer: its first comment.
std::string hint_of(const std::string& source) {
  std::string hint;
  for (const std::string& line : lines_of(source)) {
    if (!line.starts_with("// ")) break;
    hint += (hint.empty() ? "" : " ") + line.substr(3);
  }
  return hint;
}

/// The lesson of chapter 1 with these lines in it.
std::string products(const std::string& body) {
  return "#include \"hewn/lesson.h\"\nLESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {\n" +
         body + "\n}\n";
}

const char* const first = "01-chain-rule";

/// The kernel of chapter 12 with these lines in it.
std::string kernel(const std::string& body) {
  return "#include \"hewn/lesson.h\"\n"
         "KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {\n" +
         body + "\n}\n";
}

}  // namespace

TEST_CASE("learn: the solution of every exercise is right") {
  const Desk desk;
  for (const std::string& name : exercises()) {
    INFO(name);
    const std::string solution = read_file(course() / name / "solution.cpp");
    CHECK(desk.learn({"solution", number_of(name)}).out == solution);
    const ProcessResult r = desk.check(name, solution);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.out, "right: all "));
  }
  const ProcessResult list = desk.learn({});
  CHECK(contains(list.out, "done"));
  CHECK(contains(list.err, "next: "));
  CHECK(contains(list.err, " learn 0\n"));  // the first that is not done
  const ProcessResult first_done = desk.learn({"check", "0", "6", "2", "12"});
  CHECK(first_done.exit_code == 0);
  CHECK(!contains(first_done.err, " learn 0\n"));
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: every wrong answer gets its own hint") {
  const Desk desk;
  for (const std::string& name : exercises())
    for (const auto& entry : fs::directory_iterator(course() / name / "wrong")) {
      if (!in_sample()) continue;
      const std::string source = read_file(entry.path());
      INFO(entry.path().string());
      const ProcessResult r = desk.check(name, source);
      INFO(r.out << r.err);
      CHECK(r.exit_code == 5);
      CHECK(r.out.starts_with("wrong: "));
      REQUIRE(!hint_of(source).empty());
      CHECK(contains(r.out, "  " + hint_of(source) + "\n"));
    }
  CHECK(!fs::exists(desk / "lessons/progress.json"));
}

TEST_CASE("learn: mistakes that nobody has listed are fitted") {
  const Desk desk;
  const std::string twice = R"(
  for (int i = 0; i < y.cols; ++i)
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, FACTOR * grad(n, i) * y(right(n), i));
      grad.add(right(n), i, FACTOR * grad(n, i) * y(left(n), i));
    })";
  const auto with = [&](const std::string& factor) {
    return desk.check(first, products(std::regex_replace(twice, std::regex("FACTOR"), factor))).out;
  };
  CHECK(contains(with("-1"), "the sign is wrong"));
  CHECK(contains(with("2"), "2 times the measured slope"));
  CHECK(contains(with("1"), "right"));
}

TEST_CASE("learn: kinds of failure are told apart") {
  const Desk desk;
  const auto says = [&](const std::string& source, const std::string& part) {
    const ProcessResult r = desk.check(first, source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  const std::string template_text = read_file(course() / first / "lesson.cpp");
  says(template_text, "untouched: lessons/01-chain-rule/lesson.cpp");
  says(template_text + "\n\n", "untouched");
  says(products(""), "the function writes nothing");
  says(products("  int unknown = ;"), "compile error in line 3: ");
  says(products("  grad.add(0, 0, gone);"),
       "compile error in line 3: 'gone' was not declared in this scope\n"
       "    grad.add(0, 0, gone);\n");
  says(products("  grad(0, 0) += 1;"), "change an Out with dx.set(r, c, value) or dx.add(r, c, value)");
  says(products("  grad.add(0, 0, y[0]);"), "elements are in parentheses: y(r, c)");
  says(products("  y = y;"), "arrays are not assigned: give each result a name of its own");
  says(products("  grad.add(0, 0, y.size());"), "the sizes of an array are y.rows and y.cols");
  says(products("  void elsewhere(); elsewhere();"), "compile error: undefined reference to ");
  says("int x;\n", "has no function that begins with LESSON");
  says("#include \"hewn/lesson.h\"\nLESSON(mul_backward, (Array y, Out grad)) {}\n",
       "LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {");
  says(products("  grad.add(0, 5, 1.0);"),
       "line 3: grad(0, 5) is outside: grad has 3 rows (0 to 2) and 3 columns (0 to 2)");
  says(products("  y(-1, 0);"), "line 3: y(-1, 0) is outside");
  says(products("  left(77);"), "line 3: left(77) is outside: left has 3 elements (0 to 2)");
  says(products("  y(1);"), "y has 3 rows and 3 columns; give y(row, column)");
  says(products("  grad.add(0, 0, 0.0 / (y.rows - 3));"), "grad(0, 0) is NaN");
  says(products("  grad.add(0, 0, 1.0 / (y.rows - 3));"), "grad(0, 0) is infinite");
  says(products("  *(int*)nullptr = 1;"), "crash, in the case \"one product\"");
#ifdef __x86_64__  // others do not trap
  says(products("  grad.add(0, 0, 7 / (y.rows - 3));"), "it divided a whole number by zero");
#endif
  says(products("  throw 1;"), "the function threw an exception");
  says("#include <string>\n" + products("  std::string().at(1);"),
       "the function threw an exception: basic_string");
  says(products("  __builtin_exit(0);"), "the function ended the whole program");
  // An operand begins with its name, rows and columns, which stand before the pointer to its values.
  says(products("  struct Inside { int rows, cols; hewn::lesson::Operand* operand; };\n"
                "  reinterpret_cast<Inside&>(y).operand->values[0] = 1;"),
       "y was changed, but it is an input");
  says(products("  struct Inside { int rows, cols; hewn::lesson::Operand* operand; };\n"
                "  reinterpret_cast<Inside&>(grad).operand->values[-1] = 1;"),
       "memory next to grad was overwritten");
  CHECK(!fs::exists(desk / "lessons/progress.json"));
}

TEST_CASE("learn: a rung is checked as one of the ladder, then timed beside it") {
  const Desk desk;
  const char* const rung = "10-fast";
  const std::string beginning =
      "#include \"hewn/rung.h\"\nRUNG(multiply, (const Launch& launch, const Product& m)) {\n";
  const std::string loops = R"(
  for (int64_t i = 0; i < m.M; ++i) {
    float* c = m.c + i * m.ldc;
    std::fill_n(c, m.N, 0.0f);
    for (int64_t k = 0; k < m.K; ++k)
      for (int64_t j = 0; j < m.N; ++j) c[j] += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
  }
)";
  const auto says = [&](const std::string& source, const std::string& part) {
    const ProcessResult r = desk.check(rung, source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  says(read_file(course() / rung / "lesson.cpp"), "untouched: lessons/10-fast/lesson.cpp");
  says("#include \"hewn/rung.h\"\n", "has no function that begins with RUNG");
  says(beginning + "}\n", "your rung writes nothing");
  says(beginning + "  int unknown = ;\n}\n", "compile error in line 3: ");
  says(beginning + "  std::vector<float>().at(1);\n}\n", "the function threw an exception: vector");
  says(beginning + "  std::min(W, m.N);\n}\n", "both numbers need the same type: std::min<int64_t>(W, n)");
  says(beginning + "  *(volatile int*)nullptr = 1;\n}\n", "crash, in the case \"M = 67, N = 67, K = 67\"");
  says(beginning + loops + "  m.c[0] = 0.0f / (m.c[0] - m.c[0]);\n}\n", "row 0, column 0 of c is NaN");
  says(beginning + loops + "  m.c[3] *= 2;\n}\n", "row 0, column 3 of c is ");
  says(beginning + loops + "  const_cast<float*>(m.b)[0] = 1;\n}\n", "input b was changed");
  says(beginning + loops + "  m.c[m.M * m.ldc] = 1;\n}\n", "memory around c was overwritten");
  says(beginning + loops + "  m.c[0] *= 1 + 1e-7f * float(launch.threads);\n}\n",
       "the order of its sum depends on the number of threads");
  CHECK(!fs::exists(desk / "lessons/progress.json"));
  // How fast it is depends on the machine, and is no part of being right.
  desk.write(rung, beginning + loops + "}\n");
  const ProcessResult r = desk.learn({"check", "10"});
  INFO(r.out << r.err);
  CHECK(r.exit_code == 0);
  for (const char* part :
       {"right: all ", "timed with M = 256, N = 512, K = 512", "\nyours  ", "\ncached: ", "\ntiles: "})
    CHECK(contains(r.out, part));
  CHECK(contains(read_file(desk / "lessons/progress.json"), "10"));
}

TEST_CASE("learn: kernels fail in as many ways") {
  const Desk desk;
  const auto says = [&](const std::string& source, const std::string& part) {
    const ProcessResult r = desk.check("12-gpu", source);
    INFO(source);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 5);
    CHECK(contains(r.out, part));
    CHECK(desk.temporary_files_are_gone());
  };
  says(kernel(""), "the function writes nothing");
  says(kernel("  c.set(0, 0, a(0, 0)"), "compile error in line 3: ");
  says(kernel("  a.set(0, threadIdx.x, 77);"), "a was changed, but it is an input");
  says(kernel("  if (threadIdx.x == 5) *(int*)nullptr = 1;"), "crash, in the case \"32 x 32 times");
  says(kernel("  for (volatile int k = 0; threadIdx.x == 5; k = 1) continue;"),
       "endless, in the case \"32 x 32 times");
  says(kernel("  if (threadIdx.x == 5) __builtin_exit(0);"), "the function ended the whole program");
  says(kernel("  if (threadIdx.x == 5) throw 1;"), "the function threw an exception");
  says(kernel("  c.set(0, 33 - threadIdx.x, 1);"),
       "line 3: thread (0, 0) of block (0, 0): c(0, 33) is outside: c has 32 rows (0 to 31) and 32 columns");
  says(
      "#include \"hewn/lesson.h\"\nLESSON(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared "
      "tb)) {}\n",
      "KERNEL(matmul_shared, (Global a, Global b, Global c, Shared ta, Shared tb)) {");
  says("int x;\n", "has no function that begins with KERNEL");
}

TEST_CASE("learn: an endless loop is ended, with a hint if there is one") {
  const Desk desk;
  const ProcessResult r = desk.check(first, products("  for (volatile int i = 0;; i = 1) continue;"));
  CHECK(r.exit_code == 5);
  CHECK(contains(r.out, "endless, in the case \"one product\"\n  the function has not returned within 10 "
                        "seconds of processor time\n"));
  CHECK(contains(r.out, "walk the tape once"));
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: start never overwrites a file") {
  const Desk desk;
  const ProcessResult r = desk.learn({"start", "1"});
  CHECK(r.exit_code == 0);
  CHECK(read_file(desk / "lessons/01-chain-rule/lesson.cpp") == read_file(course() / first / "lesson.cpp"));
  desk.write(first, "mine");
  CHECK_FAILS(desk.learn({"start", "1"}), 1, "lessons/01-chain-rule/lesson.cpp exists and is left as it is");
  CHECK(read_file(desk / "lessons/01-chain-rule/lesson.cpp") == "mine");
}

TEST_CASE("learn: without a compiler, the error names the package") {
  const Desk desk;
  desk.write(first, read_file(course() / first / "solution.cpp"));
  CHECK_FAILS(desk.learn({"check", "1"}, {.env = {{"PATH", (desk / "tmp").string()}}, .unset_env = {"CXX"}}),
              1, "apt install g++");
  CHECK_FAILS(desk.learn({"check", "1"}, {.env = {{"CXX", "no-such-compiler"}}}), 1, "no-such-compiler");
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: clang compiles lessons of every kind, too") {
  if (run_program({"sh", "-c", "command -v clang++"}).exit_code != 0) return skip("clang++ is not installed");
  const Desk desk;
  const ProcessOptions with_clang{.env = {{"CXX", "clang++"}}};
  for (const char* name : {first, "10-fast"}) {
    const ProcessResult r = desk.check(name, read_file(course() / name / "solution.cpp"), with_clang);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.out, "right: all "));
  }
  const ProcessResult r = desk.check(first, products("  grad.add(0, 0, gone);"), with_clang);
  INFO(r.out << r.err);
  CHECK(contains(r.out, "compile error in line 3: use of undeclared identifier 'gone'\n    grad.add(0, 0, gone);\n"));
}

TEST_CASE("learn: Ctrl-C leaves nothing behind") {
  const Desk desk;
  desk.write(first, products("  for (volatile int i = 0;; i = 1) continue;"));
  Process process({hewn_program().string(), "learn", "check", "1"}, desk.with_places({}));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  process.send(SIGINT);
  const ProcessResult r = process.finish();
  CHECK(r.exit_code == 130);
  CHECK(desk.temporary_files_are_gone());
  CHECK(!fs::exists(desk / "lessons/progress.json"));
}

TEST_CASE("learn: a compiler that is stopped leaves no files behind") {
  const Desk desk;
  desk.write(first, products(""));
  const std::string compiler = (desk / "compiler").string(), mark = (desk / "compiles").string();
  write_file(compiler, "#!/bin/sh\nmktemp -t half-done.XXXXXX\ntouch '" + mark + "'\nexec sleep 60\n");
  fs::permissions(compiler, fs::perms::owner_all);
  Process process({hewn_program().string(), "learn", "check", "1"},
                  desk.with_places({.env = {{"CXX", compiler}}}));
  for (int tries = 0; tries < 1000 && !fs::exists(mark); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(fs::exists(mark));
  process.send(SIGINT);
  CHECK(process.finish().exit_code == 130);
  CHECK(desk.temporary_files_are_gone());
}

TEST_CASE("learn: --watch checks again after a save, until the answer is right") {
  const Desk desk;
  desk.write(first, products(""));
  Process process({hewn_program().string(), "learn", "check", "1", "--watch", "--training=false"},
                  desk.with_places({}));
  REQUIRE(process.wait_for("waiting for "));
  desk.write(first, read_file(course() / first / "solution.cpp"));
  CHECK(process.wait_for("right: all "));
  const ProcessResult r = process.finish();
  CHECK(r.exit_code == 0);
  CHECK(desk.temporary_files_are_gone());
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
  CHECK_FAILS(desk.learn({"start", "0"}), 2, "chapter 0 has nothing to write");
  CHECK_FAILS(desk.learn({"check", "1"}), 3, "there is no lessons/01-chain-rule/lesson.cpp");
  CHECK_FAILS(desk.learn({"check", "1", "2"}), 2, "'2' is too much");
  fs::create_directory(desk / "full");
  write_file(desk / "full/file", "x");
  CHECK_FAILS(desk.learn({"check", "1", "--out_dir=full"}), 2, "full exists and is not empty");
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
        if (command.empty() || (!emulator_compiled && contains(command, "--device=emulated"))) return;
        ProcessOptions options = desk.with_places({});
        options.env["PATH"] = path_with_hewn();
        options.timeout = 300;
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

TEST_CASE("learn: a model trains with the function", "[slow]") {
  if (!full()) return skip("trains models; HEWN_SLOW=1 runs it");
  if (left_out()) return;
  const Desk desk;
  for (const std::string& name : exercises()) {
    if (!trains(name)) continue;
    INFO(name);
    desk.write(name, read_file(course() / name / "solution.cpp"));
    const ProcessResult r = desk.learn({"check", number_of(name), "--out_dir=run" + name}, {.timeout = 300});
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    // Rounding differs, and training amplifies differences; by how much depends on the processor.
    std::smatch steps;
    REQUIRE(std::regex_search(r.out, steps, std::regex("equal to 1e-06 for (all )?(\\d+) steps")));
    CHECK(std::stoi(steps[2]) >= 50);
    CHECK(contains(r.out, "What your model writes:"));
    const ProcessResult text = hewn({"sample", "run" + name, "--max_new_tokens=20"}, desk.with_places({}));
    CHECK(text.exit_code == 0);
  }
}

}  // namespace hewn::test
