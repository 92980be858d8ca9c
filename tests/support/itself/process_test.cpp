#include "tests/support/process.h"

#include <csignal>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

using namespace hewn::test;

TEST_CASE("a program's outputs, input, environment and exit code are passed on", "[support]") {
  const auto r = run_program({"sh", "-c", "cat; echo $WORD; echo oops >&2; exit 7"},
                             {.input = "line\n", .env = {{"WORD", "hello"}}});
  CHECK(r.exit_code == 7);
  CHECK(r.out == "line\nhello\n");
  CHECK(r.err == "oops\n");
}

TEST_CASE("large output on both streams does not block", "[support]") {
  const std::string megabyte(1 << 20, 'x');
  const auto r = run_program({"sh", "-c", "tee /dev/stderr"}, {.input = megabyte});
  CHECK(r.out == megabyte);
  CHECK(r.err == megabyte);
}

TEST_CASE("timeouts, signals and missing programs are distinguished", "[support]") {
  const auto slow = run_program({"sleep", "30"}, {.timeout = 0.2});
  CHECK(slow.timed_out);
  CHECK(slow.signal == SIGKILL);
  CHECK(slow.err == "\nkilled: it did not end in time\n");
  CHECK(run_program({"no-such-program-anywhere"}).exit_code == 127);
  Process p({"sh", "-c", "trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.05; done"});
  REQUIRE(p.wait_for("ready"));
  p.send(SIGINT);
  const auto r = p.finish();
  CHECK(r.exit_code == 130);
  CHECK(r.out == "ready\ncaught\n");
}

TEST_CASE("a program does not inherit that signals are ignored", "[support]") {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  CHECK(run_program({"sh", "-c", "kill -HUP $$; sleep 9"}).signal == SIGHUP);
  std::signal(SIGHUP, before);
}

TEST_CASE("a program can run on a terminal", "[support]") {
  const auto r = run_program({"sh", "-c", "test -t 1 && test -t 0 && stty size"}, {.terminal = true});
  CHECK(r.exit_code == 0);
  CHECK(r.out == "24 80\r\n");
  Process p({"sh", "-c", "read answer; echo got $answer"}, {.terminal = true});
  p.type("yes\n");
  CHECK(p.finish().out == "yes\r\ngot yes\r\n");
}

TEST_CASE("temporary directories are removed", "[support]") {
  std::filesystem::path where;
  {
    const TempDir dir;
    where = dir.path();
    write_file(dir / "a", "bytes");
    CHECK(read_file(dir / "a") == "bytes");
  }
  CHECK_FALSE(std::filesystem::exists(where));
}

TEST_CASE("random numbers depend on seed and label", "[support]") {
  Random a("one"), b("one"), c("two");
  const auto first = a.bits();
  CHECK(first == b.bits());
  CHECK(first != c.bits());
  for (int i = 0; i < 1000; ++i) {
    const auto n = a.integer(-2, 2);
    CHECK((n >= -2 && n <= 2));
  }
}
