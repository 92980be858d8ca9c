// Wrong answers as edits of a solution.

#include "apps/learn/judge/wrong_answers.h"

#include "core/error.h"
#include "tests/apps/hewn.h"

using namespace hewn::cli::learn;
using hewn::test::contains;

namespace {

const std::string solution =
    "#include \"hewn/lesson.h\"\n\nLESSON(f, (Array x, Out y)) {\n  one(x);\n  two(x);\n    one(x);\n"
    "  three(y);\n}\n";
const std::string begin = "#include \"hewn/lesson.h\"\n\nLESSON(f, (Array x, Out y)) {\n";

/// The solution with the edits of one wrong answer.
std::string edited(const std::string& edits) {
  return wrong_sources("# wrong\nA hint.\n" + edits, solution).at(0).source;
}

std::string problem_of(const std::string& edits) {
  try {
    edited(edits);
  } catch (const hewn::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("wrong answers: lines are replaced, removed, and skipped up to the next one") {
  CHECK(edited("-  two(x);\n+  2(x);\n+  2(y);\n") ==
        begin + "  one(x);\n  2(x);\n  2(y);\n    one(x);\n  three(y);\n}\n");
  CHECK(edited("-  one(x);\n\n-  three(y);\n+  3(y);\n") == begin + "  two(x);\n    one(x);\n  3(y);\n}\n");
  CHECK(edited("-  one(x);\n+  1(x);\n-  three(y);\n") == begin + "  1(x);\n  two(x);\n    one(x);\n}\n");
  CHECK(edited("-  one(x);\n-...\n-  three(y);\n+  all();\n") == begin + "  all();\n}\n");
  CHECK(edited("-  one(x);\n-...\n-    one(x);") == begin + "  three(y);\n}\n");
}

TEST_CASE("wrong answers: names, hints, and all of them in one file") {
  const std::vector<WrongSource> answers = wrong_sources(
      "# first\nLonger than\none line.\n-  two(x);\n+  2(x);\n\n# second\nShort.\n-  three(y);\n", solution);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].name == "first");
  CHECK(answers[0].hint == "Longer than one line.");
  CHECK(answers[1].hint == "Short.");
  const std::string file = in_one_file(answers);
  CHECK(file.starts_with("#include \"hewn/lesson.h\"\n#include"));
  CHECK(file.rfind("#include") < file.find("namespace wrong_0 {"));
  CHECK(contains(file, "#define HEWN_LESSON_ENTRY hewn_wrong_1\nnamespace wrong_1 {\n"));
}

TEST_CASE("wrong answers: an edit must fit exactly one place") {
  for (const char* edits : {"-  four(x);\n+  4(x);\n", "-  one(x);\n-  three(y);\n", "-one(x);\n",
                            "-  one(x);\n-...\n-  four(x);\n", "+  one(x);\n", "-...\n-  two(x);\n"}) {
    INFO(edits);
    CHECK(contains(problem_of(edits), "wrong answer 'wrong': the solution must have these lines once:\n"));
  }
  const std::string twice = "a\nb\na\n";
  CHECK_THROWS_AS(wrong_sources("# x\nH\n-a\n+c\n", twice), hewn::Error);
  CHECK(wrong_sources("# x\nH\n-a\n-b\n+c\n", twice).at(0).source == "c\na\n");
}
