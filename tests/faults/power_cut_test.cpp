// Power cuts, simulated: the changes that a command makes on disk are recorded, and after each of them the disk may be in
// any of many states (disk.h). From every one of them the command must get to its undisturbed end, or say what is lost.

#include <cstdlib>
#include <iostream>
#include <optional>
#include <set>

#include "tests/apps/hewn.h"
#include "tests/faults/commands.h"
#include "tests/faults/disk.h"
#include "tests/faults/faults.h"
#include "tests/faults/tree.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

/// What is tried after every change: all or nothing of names and of bytes, and their first or last.
std::vector<Survival> chosen_survivals() {
  const auto every = [](size_t, size_t) { return true; };
  const auto none = [](size_t, size_t) { return false; };
  const auto first = [](size_t i, size_t) { return i == 0; };
  const auto last = [](size_t i, size_t n) { return i + 1 == n; };
  const auto but_last = [](size_t i, size_t n) { return i + 1 < n; };
  const auto bytes_of = [](const std::function<bool(size_t, size_t)>& survives) {
    return [survives](size_t i, size_t n, size_t size) { return survives(i, n) ? size : 0; };
  };
  const auto torn = [](size_t i, size_t n, size_t size) { return i + 1 < n ? size : size / 1024 * 512; };
  using Rest = Survival::Rest;
  return {{"nothing unsynced", none, bytes_of(none)},
          {"everything", every, bytes_of(every)},
          {"names without bytes", every, bytes_of(none)},
          {"names, and zeros for bytes", every, bytes_of(none), Rest::zeros},
          {"names, and garbage for bytes", every, bytes_of(none), Rest::garbage},
          {"names, and the last write", every, bytes_of(last), Rest::zeros},
          {"names, and the first write", every, bytes_of(first)},
          {"names, and a torn last write", every, torn},
          {"bytes without names", none, bytes_of(every)},
          {"all but the last name", but_last, bytes_of(every)},
          {"only the last name", last, bytes_of(every)}};
}

/// A draw for each change, the same for the same numbers.
uint64_t draw(uint64_t seed, size_t i) {
  uint64_t x = seed + 0x9e3779b97f4a7c15U * (i + 1);
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

Survival random_survival(uint64_t seed) {
  const uint64_t names_in_8 = draw(seed, 0) % 9, bytes_in_8 = draw(seed, 1) % 9;
  return {"seed " + std::to_string(seed),
          [=](size_t i, size_t) { return draw(seed, 2 * i + 2) % 8 < names_in_8; },
          [=](size_t i, size_t, size_t size) {
            const uint64_t drawn = draw(seed, 2 * i + 3);
            if (drawn % 8 < bytes_in_8) return size;
            return drawn % 16 < 8 || size == 1 ? 0 : draw(drawn, i) % (size / 512 + 1) * 512;  // torn
          },
          static_cast<Survival::Rest>(draw(seed, 1) % 3)};
}

/// A command, recorded, and its states after power cuts.
class PowerCuts {
 public:
  PowerCuts(const Workplace& workplace, const TriedCommand& command)
      : workplace_(workplace),
        command_(command),
        faults_(workplace.path(), workplace.aside("control"), workplace.aside("journal")) {
    workplace.restore();
    const std::string root = workplace.path().string();
    before_ = read_state(root);
    old_ = outputs_of(root, command.outputs);
    const ProcessResult r = run(command.arguments);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    expected_ = outputs_of(root, command.outputs);
    journal_ = read_file(workplace.aside("journal"));
    Disk disk(before_, root);
    size_t at = 0;
    while (const size_t taken = disk.replay(std::string_view(journal_).substr(at))) {
      at += taken;
      n_changes_ += disk.changed() ? 1 : 0;
    }
    REQUIRE(at == journal_.size());
    REQUIRE((disk.state_now() == read_state(root)));  // nothing was missed
  }

  /// Calls `problem` with each state that is tried, written to the workplace, and what the program had printed. It
  /// returns "" or what is wrong. Returns the number of states.
  int try_all(const std::function<std::string(const std::string& printed)>& problem);

  /// "", or what of the undisturbed command's output is lost if the power is cut once it has ended.
  std::string lost_at_the_end() {
    const std::string root = workplace_.path().string();
    Disk disk(before_, root);
    for (size_t at = 0; const size_t taken = disk.replay(std::string_view(journal_).substr(at));) at += taken;
    DiskState state;
    if (!disk.state_after_cut(chosen_survivals().front(), state)) return "no tree";
    write_state(state, root);
    return differs();
  }

  ProcessResult run(const Words& words) {
    faults_.set({});
    return hewn(words, {.env = faults_.environment()});
  }
  /// "", or how the outputs differ from those of the undisturbed command. A checkpoint is found without the links to it.
  enum class Links : uint8_t { compared, ignored };
  std::string differs(Links links = Links::compared) const {
    Outputs got = outputs_of(workplace_.path(), command_.outputs), expected = expected_;
    if (links == Links::ignored)
      for (Outputs* outputs : {&got, &expected})
        std::erase_if(*outputs, [](const auto& output) { return output.second.starts_with("-> "); });
    return difference(got, expected);
  }
  /// Whether the outputs are those that were there before the command.
  bool as_before() const { return outputs_of(workplace_.path(), command_.outputs) == old_; }
  /// "" if the command can be given again and ends as if nothing had happened.
  std::string problem_again() {
    ProcessResult r;
    for (const Words& words : command_.afterwards)
      if (r = run(words); r.exit_code == 0) return differs();
    return r.err;
  }

 private:
  /// Whether a state is tried: all of them, or some twenty.
  bool take() {
    if (full() && !sampled()) return true;
    return random_.integer(0, n_changes_ * 5) < 20;
  }

  const Workplace& workplace_;
  const TriedCommand& command_;
  Faults faults_;
  DiskState before_;
  Outputs old_, expected_;
  std::string journal_;
  int n_changes_ = 0;
  Random random_{"power cuts"};
};

int PowerCuts::try_all(const std::function<std::string(const std::string& printed)>& problem) {
  const std::string root = workplace_.path().string();
  Disk disk(before_, root);
  std::set<std::pair<size_t, size_t>> tried;  // hashes of states and of what was printed
  int states = 0, changes = 0;
  std::vector<std::string> problems;
  const auto hash = std::hash<std::string>();
  for (size_t at = 0;;) {
    std::vector<Survival> survivals = chosen_survivals();
    for (int i = 0; i < repeats(2, 10); ++i) survivals.push_back(random_survival(random_.bits()));
    for (const Survival& survival : survivals) {
      DiskState state;
      if (!disk.state_after_cut(survival, state)) continue;
      std::string all;
      for (const auto& [path, entry] : state)
        all += path + "\n" + std::to_string(static_cast<int>(entry.kind)) + entry.text + "\n";
      if (!tried.insert({hash(all), hash(disk.messages())}).second || !take()) continue;
      ++states;
      write_state(state, root);
      const std::string wrong = problem(disk.messages());
      if (!wrong.empty())
        problems.push_back(command_.name + ", change " + std::to_string(changes) + ", " + survival.name +
                           ": " + wrong);
    }
    size_t taken = 0;
    do {
      taken = disk.replay(std::string_view(journal_).substr(at));
      at += taken;
    } while (taken > 0 && !disk.changed());
    if (taken == 0) break;
    ++changes;
  }
  std::cerr << command_.name << ": " << changes << " changes, " << states << " states\n";
  for (const std::string& text : problems) std::cerr << text << "\n";
  CHECK(problems.empty());
  return states;
}

/// The step behind the last `mark` of a text; -1 if there is none.
int64_t last_step(const std::string& text, const std::string& mark) {
  const size_t at = text.rfind(mark);
  return at == text.npos ? -1 : std::atoll(text.c_str() + at + mark.size());
}

void check_training(const Workplace& workplace, const TriedCommand& command) {
  PowerCuts cuts(workplace, command);
  cuts.try_all([&](const std::string& printed) -> std::string {
    const int64_t saved = last_step(printed, "/checkpoints/step-");
    const ProcessResult resumed = cuts.run(command.afterwards.front());
    if (contains(resumed.err, "internal error")) return resumed.err;
    if (resumed.exit_code != 0) {
      if (saved >= 0) return "step " + std::to_string(saved) + " was saved, but: " + resumed.err;
      return resumed.exit_code == 3 ? cuts.problem_again() : resumed.err;
    }
    if (saved >= 0 && last_step(resumed.err, ", step ") < saved)
      return "step " + std::to_string(saved) + " was saved, but: " + resumed.err.substr(0, 600);
    const std::string differs = cuts.differs();
    const bool said = contains(differs, "metrics.jsonl") && contains(resumed.err, "metrics.jsonl");
    return said ? "" : differs;
  });
}

/// `reader` succeeds if the command's output is whole; `done` is what the command prints once it is.
void check_published(const Workplace& workplace, const TriedCommand& command, const Words& reader,
                     const std::string& done) {
  PowerCuts cuts(workplace, command);
  cuts.try_all([&](const std::string& printed) -> std::string {
    const ProcessResult read = cuts.run(reader);
    if (contains(read.err, "internal error")) return read.err;
    const bool whole = read.exit_code == 0, finished = contains(printed, done);
    const std::string differs = cuts.differs(PowerCuts::Links::ignored);
    if (finished && (!whole || !differs.empty())) return "lost after its end: " + differs + read.err;
    if (whole && !differs.empty() && !cuts.as_before()) return "read, though " + differs;
    return cuts.problem_again();
  });
}

TriedCommand command_called(const Workplace& workplace, const std::string& name) {
  for (TriedCommand& command : workplace.commands())
    if (command.name == name) return command;
  FAIL("no command " << name);
  return {};
}

}  // namespace

TEST_CASE("a run survives a power cut at any moment, or says what it lost") {
  if (!can_preload()) return;
  const Workplace workplace;
  for (const char* keep : {"--keep=1", "--keep=2"}) {
    TriedCommand training = command_called(workplace, "train");
    training.name = std::string("train ") + keep;
    training.arguments = workplace.training("new", {"--max_iters=6", keep});
    training.afterwards[1] = training.arguments;
    check_training(workplace, training);
  }
  check_training(workplace, command_called(workplace, "resume"));
}

TEST_CASE("a data set survives a power cut at any moment, or is refused") {
  if (!can_preload()) return;
  const Workplace workplace;
  const auto stats = [&](const std::string& name) {
    return Words{"data", "stats", (workplace.path() / name).string()};
  };
  check_published(workplace, command_called(workplace, "data prepare"), stats("data"), "tokens for training");
  check_published(workplace, command_called(workplace, "data prepare --force"), stats("old_data"),
                  "tokens for training");
  check_published(workplace, command_called(workplace, "data prepare --shard_tokens"), stats("shards"),
                  "tokens for training in 3 files");
}

TEST_CASE("nothing of what a command wrote is lost in a power cut after its end") {
  if (!can_preload()) return;
  const Workplace workplace;
  for (const char* name : {"data prepare", "data prepare --force", "import", "train", "resume"}) {
    const TriedCommand command = command_called(workplace, name);
    INFO(name);
    CHECK(PowerCuts(workplace, command).lost_at_the_end() == "");
  }
}

TEST_CASE("an imported model survives a power cut at any moment, or is refused") {
  if (!can_preload()) return;
  const Workplace workplace;
  check_published(workplace, command_called(workplace, "import"),
                  {"verify", (workplace.path() / "imported").string()}, "next: ");
}

}  // namespace hewn::test
