// The score in a judge's reply, and replies from which none follows.

#include "train/judge/reply.h"

#include "tests/support/catch.h"

namespace hewn::test {

TEST_CASE("a score is found in what judges say") {
  const std::pair<const char*, double> replies[] = {
      {"85", 85},
      {" 85\n", 85},
      {"85.5", 85.5},
      {"**85**", 85},
      {"0", 0},
      {"100", 100},
      {"85/100", 85},
      {"85 / 100", 85},
      {"**85**/100", 85},
      {"85%", 85},
      {"85 out of 100", 85},
      {"I give it 85/100, as 2 of 3 facts are right.", 85},
      {"Score: 85", 85},
      {"Score: 85. Two of the 3 sentences are right.", 85},
      {"The score is 70 because 1 fact is missing.", 70},
      {"I would give a score of 60 since there are 2 mistakes.", 60},
      {"{\"score\": 85}", 85},
      {"{\"score\": 85, \"mistakes\": 2}", 85},
      {"I would say 85.", 85},
      {"I would say eighty", 80},
      {"I would say eighty-five.", 85},
      {"Eighty five", 85},
      {"one hundred", 100},
      {"A hundred!", 100},
      {"This one deserves ninety.", 90},
      {"zero", 0},
      {"<think>maybe 40, maybe 60</think>\n50", 50},
      {"100/100", 100},
      {"85 ... 85", 85},
      {"85.5 points", 85.5},
      {"Rating: 85. Two of the 3 sentences are right, 1 is not.", 85},
      {"My grade is 85: 3 facts", 85},
      {"I say Q-85", 85},  // a dash, not a sign
  };
  for (const auto& [reply, score] : replies) {
    INFO(reply);
    const JudgedScore found = score_in(reply);
    INFO(found.why_not);
    REQUIRE(found.score);
    CHECK(*found.score == score);
    CHECK(found.why_not.empty());
  }
}

TEST_CASE("a reply from which no single score follows is refused") {
  for (const char* reply :
       {"", "   ", "Good answer.", "80-85", "80 to 85", "8/10", "850", "-5", "-5/100", "101/100",
        "eighty or ninety", "85 or 90", "1e300", "this one", "<html>", "NaN", "between 80/100 and 90/100",
        "99999999999999999999999999999999999999999999999999999"}) {
    INFO(reply);
    const JudgedScore found = score_in(reply);
    CHECK(!found.score);
    CHECK(!found.why_not.empty());
  }
  for (const char* reply : {"eighty ten", "eighty zero", "(-5)", "Score: 8/10", "85/1000", "85/100.5"}) {
    INFO(reply);
    CHECK(!score_in(reply).score);
  }
  CHECK(!score_in(std::string(100000, '8')).score);
  CHECK(!score_in(std::string(1000, '8')).score);
}

}  // namespace hewn::test
