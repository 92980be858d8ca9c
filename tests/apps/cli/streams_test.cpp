// Results go to standard output, messages to standard error, colour to terminals; a reader that leaves is no
// error.

#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("a closed pipe ends quietly") {
  Process process({hewn_program().string(), "data", "corpus", "--tales=1000000"});
  CHECK(process.wait_for("\n"));
  process.close_out();
  const auto r = process.finish();
  CHECK(r.exit_code == 0);
  CHECK(r.err == "");
}

TEST_CASE("a full disk is an error") {
  const auto r = run_program({"sh", "-c", hewn_program().string() + " data corpus --tales=10 > /dev/full"});
  CHECK_FAILS(r, 1, "cannot write to standard output: No space left on device");
}

TEST_CASE("colour is used only on terminals") {
  const std::string escape = "\x1b[";
  CHECK_FALSE(contains(hewn({"--help"}).out, escape));
  CHECK(contains(hewn({"--help"}, {.env = {{"TERM", "xterm"}}, .terminal = true}).out, escape));
  CHECK_FALSE(contains(hewn({"--help"}, {.env = {{"TERM", "dumb"}}, .terminal = true}).out, escape));
  CHECK_FALSE(contains(
      hewn({"--help"}, {.env = {{"NO_COLOR", "1"}, {"TERM", "xterm"}}, .terminal = true}).out, escape));
  CHECK(contains(hewn({"--help", "--color=always"}).out, escape));
  CHECK(contains(hewn({"--help", "--color=always"}, {.env = {{"NO_COLOR", "1"}}}).out, escape));
  CHECK_FALSE(contains(hewn({"--help", "--color=never"}, {.env = {{"TERM", "xterm"}}, .terminal = true}).out,
                       escape));
  CHECK(contains(hewn({"nonsense", "--color=always"}).err, "nonsense"));
}

TEST_CASE("data corpus prints its exact entropy on standard error") {
  const auto r = hewn({"data", "corpus", "--tales=50", "--seed=9"});
  CHECK(r.exit_code == 0);
  CHECK(std::count(r.out.begin(), r.out.end(), '\n') == 50);
  CHECK(contains(r.err, "50 tales, "));
  CHECK(contains(r.err, "nats per character"));
}

}  // namespace hewn::test
