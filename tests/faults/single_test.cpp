// Single faults after which it is known what a program does, not only that nothing is lost.

#include <algorithm>
#include <cerrno>

#include "tests/apps/hewn.h"
#include "tests/faults/commands.h"
#include "tests/faults/faults.h"
#include "tests/faults/tree.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

/// A command whose calls of one kind fail one by one.
class EachCall {
 public:
  EachCall(const Workplace& workplace, const std::string& name)
      : workplace_(workplace), faults_(workplace.path(), workplace.aside("control")) {
    for (const TriedCommand& command : workplace.commands())
      if (command.name == name) command_ = command;
    run({});
    REQUIRE(result.exit_code == 0);
    expected = outputs();
  }

  /// The same command when all calls of this kind fail.
  void fail_all(Call call, int error) { run({call, 1, Action::keep_failing, error}); }

  /// Calls `check` after each run in which a call for a file whose path contains `part` failed with `error`. Returns
  /// the number of these runs.
  template <class Check>
  int fail(Call call, int error, const std::string& part, const Check& check) {
    run({});
    int failed = 0;
    for (int64_t number = 1, n = faults_.count(call); number <= n; ++number) {
      run({call, number, Action::fail, error});
      if (!faults_.met() || !contains(faults_.met_by(), part)) continue;
      ++failed;
      INFO(text_of({call, number, Action::fail, error}) << " (" << faults_.met_by() << ")\n" << result.err);
      check();
    }
    return failed;
  }
  /// Ends the command before some of its first calls of a kind, and begins it again with one of the calls that
  /// users try: the same command, or the one that resumes. Calls `check` afterwards.
  template <class Check>
  void kill(Call call, const Check& check) {
    Random random("moments");
    for (int64_t number = random.integer(1, 3); number <= 12; number += full() ? 1 : 3) {
      const Fault fault{call, number, Action::kill_before};
      run(fault);
      if (!faults_.met()) return;
      std::vector<Words> again = command_.afterwards;
      if (random.integer(0, 1) == 0) std::reverse(again.begin(), again.end());
      for (const Words& words : again)
        if (result.exit_code != 0) result = hewn(words);
      INFO(text_of(fault) << " (" << faults_.met_by() << ")\n" << result.err);
      check();
    }
  }
  Outputs outputs() const { return outputs_of(workplace_.path(), command_.outputs); }

  ProcessResult result;
  Outputs expected;  ///< of the undisturbed command

 private:
  void run(const Fault& fault) {
    workplace_.restore();
    faults_.set(fault);
    result = hewn(command_.arguments, {.env = faults_.environment()});
  }

  const Workplace& workplace_;
  TriedCommand command_;
  Faults faults_;
};

}  // namespace

TEST_CASE("creating a file goes on when a signal interrupts it") {
  if (!can_preload()) return;
  const Workplace workplace;
  EachCall prepare(workplace, "data prepare");
  const int failed = prepare.fail(Call::open, EINTR, "/.hewn-tmp-", [&] {
    CHECK(prepare.result.exit_code == 0);
    CHECK(difference(prepare.outputs(), prepare.expected) == "");
  });
  CHECK(failed >= 3);
}

TEST_CASE("reading goes on when a signal interrupts it, and ends with any other error") {
  if (!can_preload()) return;
  const Workplace workplace;
  EachCall write(workplace, "export safetensors");
  const int interrupted = write.fail(Call::read, EINTR, "/step-000", [&] {
    CHECK(write.result.exit_code == 0);
    CHECK(difference(write.outputs(), write.expected) == "");
  });
  const int failed = write.fail(Call::read, EIO, "/step-000", [&] {
    CHECK(write.result.exit_code == 3);
    CHECK(contains(write.result.err, "cannot be read: Input/output error"));
    CHECK(write.outputs().empty());
  });
  CHECK(interrupted == failed);
  CHECK(failed >= 2);
}

TEST_CASE("files are written where none can be locked") {
  if (!can_preload()) return;
  const Workplace workplace;
  EachCall train(workplace, "tokenizer train");
  train.fail_all(Call::lock, ENOLCK);
  INFO(train.result.err);
  CHECK(train.result.exit_code == 0);
  CHECK(difference(train.outputs(), train.expected) == "");
}

TEST_CASE("a run that is killed in its first moments can be begun again") {
  if (!can_preload()) return;
  const Workplace workplace;
  for (const char* const name : {"train", "train lora", "finetune classify"}) {
    EachCall begin(workplace, name);
    for (const Call call : {Call::mkdir, Call::rename})
      begin.kill(call, [&] {
        CHECK(begin.result.exit_code == 0);
        CHECK(difference(begin.outputs(), begin.expected) == "");
      });
  }
}

TEST_CASE("a run that cannot be locked is not begun") {
  if (!can_preload()) return;
  const Workplace workplace;
  EachCall import(workplace, "import");
  const int failed = import.fail(Call::lock, ENOLCK, "/.lock", [&] {
    CHECK(import.result.exit_code == 1);
    CHECK(contains(import.result.err, ".lock: cannot be locked"));
    CHECK(import.outputs().empty());
  });
  CHECK(failed == 1);
}

}  // namespace hewn::test
