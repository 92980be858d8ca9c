// The score in a judge's reply, and replies from which none follows.

#include "train/judge/reply.h"

#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

void check_reply(const std::string& reply, const std::string& expected) {
  const JudgedScore found = score_in(reply);
  INFO(reply << " -> " << (found.score ? std::to_string(*found.score) : found.why_not));
  if (expected.starts_with("none")) {
    CHECK_FALSE(found.score);
    CHECK(expected == "none: " + found.why_not);
  } else {
    REQUIRE(found.score);
    CHECK(std::abs(*found.score - std::stod(expected)) <= 1e-9);
    CHECK(found.why_not.empty());
  }
}

/// The texts in code marks, with \\n as a line end.
std::vector<std::string> marked(const std::string& cell) {
  std::vector<std::string> texts;
  for (size_t begin = cell.find('`'); begin != cell.npos;) {
    const size_t end = cell.find('`', begin + 1);
    REQUIRE(end != cell.npos);
    std::string text = cell.substr(begin + 1, end - begin - 1);
    for (size_t at; (at = text.find("\\n")) != text.npos;) text.replace(at, 2, "\n");
    texts.push_back(text);
    begin = cell.find('`', end + 1);
  }
  return texts;
}

}  // namespace

TEST_CASE("every form of a reply counts as docs/formats.md says") {
  const std::string page = read_file(source_dir() / "docs/formats.md");
  std::istringstream lines(page.substr(page.find("| form | replies | score |")));
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  int replies = 0;
  while (std::getline(lines, line) && line.starts_with("|")) {
    const size_t second = line.find('|', 1), last = line.rfind(" |"), third = line.rfind("| ", last);
    const std::string expected = line.substr(third + 2, last - third - 2);
    for (const std::string& reply : marked(line.substr(second, third - second))) {
      check_reply(reply, expected);
      ++replies;
    }
  }
  CHECK(replies >= 80);
}

TEST_CASE("further replies of each form") {
  const std::pair<const char*, const char*> replies[] = {
      {" 85\n", "85"},
      {"100", "100"},
      {"85/100\nThe answer is right.", "85"},
      {"Score - 85", "85"},
      {"Score:\n\n85", "85"},
      {"score=85", "85"},
      {"My grade is 85: 3 facts", "85"},
      {"I'd give this response an 8 out of 10 because of 2 errors.", "80"},
      {"I give 2 reasons. Score: 85", "85"},
      {"a total of 3 mistakes. Score: 85", "85"},
      {"Score 1: 80", "80"},
      {"The maximum score is 100. I give 60.", "60"},
      {"{\"rating\": 8, \"scale\": 10}", "80"},
      {"{\"score\": \"8/10\"}", "80"},
      {"I say Q-85", "85"},  // a dash, not a sign
      {"one hundred", "100"},
      {"This one deserves ninety.", "90"},
      {"score 1/100", "1"},
      {"0.5/100", "0.5"},
      {"85/100 (1,000 words)", "85"},
      {"", "none: the reply holds no number"},
      {"<html>", "none: the reply holds no number"},
      {"NaN", "none: the reply holds no number"},
      {"85 90", "none: the reply holds several numbers"},
      {"eighty ten", "none: the reply holds several numbers"},
      {"8/10, i.e. 85/100", "none: the reply holds several numbers"},
      {"85/100 vs. 90/100", "none: the reply holds several numbers"},
      {"A score of 100 would be perfect; I give 60", "none: the reply holds several numbers"},
      {"I would not give 100/100; 60/100.", "none: the reply holds several numbers"},
      {"Score 1: 80, Score 2: 90", "none: the reply holds several numbers"},
      {"The answer names 1969; 85", "none: the reply holds several numbers"},
      {"between 80/100 and 90/100", "none: the numbers are a range or a choice"},
      {"70\xe2\x80\x93"
       "80",
       "none: the numbers are a range or a choice"},
      {"eighty or ninety", "none: the numbers are a range or a choice"},
      {"60% of the facts are right, so 50", "none: the number counts something else"},
      {"\xe2\x89\xa5"
       "85",
       "none: the number is a bound"},
      {"8/10/2023", "none: the score is not of 10 or 100"},
      {"85/100.5", "none: the score is not of 10 or 100"},
      {"(-5)", "none: the number is not from 0 to 100"},
      {"-5/10", "none: the number is not from 0 to 100"},
      {"Score: \xe2\x88\x92"
       "5",
       "none: the number is not from 0 to 100"},
      {"1,000", "none: the number is not from 0 to 100"},
      {"99999999999999999999999999999999999999999999999999999", "none: the number is not from 0 to 100"},
  };
  for (const auto& [reply, expected] : replies) check_reply(reply, expected);
  check_reply(std::string(1000, '8'), "none: the number is not from 0 to 100");
  check_reply(std::string(100000, '8'), "none: the reply is too long");
  check_reply("<think>" + std::string(100000, '8') + "</think>8/10", "80");
}

}  // namespace hewn::test
