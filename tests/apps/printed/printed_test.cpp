// Every command that Hewn prints is run: the examples of help, the code blocks of the documentation, what quickstart.sh
// recommends, the boxes of reports, and what the outputs of all these, and of wrong commands, name in turn. No command is
// listed here: they are read from the texts, so that a new one is tested as soon as it is printed.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/apps/printed/commands.h"
#include "tests/apps/printed/stage.h"
#include "tests/docs/pages.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// What this machine or build may lack, as messages say it.
constexpr const char* lacking[] = {"device cuda is not usable",
                                   "no emulated GPU",
                                   "this build has no code for",
                                   "MPI",
                                   "libcurl",
                                   "objdump",
                                   "hardware counters",
                                   "was not found; tried",
                                   "resolve host",
                                   "connect to",
                                   "srun: command not found",
                                   "mpirun: command not found",
                                   ".so is not a file",
                                   "huge pages"};

bool lacks_something(const ProcessResult& r) {
  return r.exit_code != 0 && std::any_of(std::begin(lacking), std::end(lacking),
                                         [&](const char* what) { return contains(r.err, what); });
}

/// Commands that end with another status than 0, as their help says.
int expected_status(const std::string& command, const ProcessResult& r) {
  if (command.starts_with("hewn learn check 0 4 1 2.5")) return 5;  // help does not give the answers away
  return contains(command, "--baseline=") && contains(r.err, "slower than in") ? 5 : 0;
}

/// Commands that take seconds, because they measure speed or train again and again: of these a sample is run.
bool is_long(const std::string& command) {
  static const std::regex words(
      "hewn (bench|sweep|.*--profile|gradcheck .*--break|quantize .*--ladder|verify .*--texts|learn check "
      "[1-9])");
  return std::regex_search(command, words);
}

/// Whether a command could be typed as it is: it has no placeholders.
bool is_whole(const std::string& command, const Stage& stage) {
  static const std::regex placeholder("[ =]([A-Z]{2,})(?= |$)");
  for (auto at = std::sregex_iterator(command.begin(), command.end(), placeholder);
       at != std::sregex_iterator(); ++at)
    if (!fs::exists(stage / (*at)[1].str())) return false;
  return !contains(command, "...") && !std::regex_search(command, std::regex("[A-Z]\\|[A-Z]"));
}

/// Whether a command in a sentence is only its name, perhaps with one option: `hewn train --ranks`.
bool is_name(const std::string& command) {
  static const std::regex name("hewn [a-z]+( [a-z]+)?( --[a-z_]+)?");
  return std::regex_match(command, name);
}

/// Whether options were refused for their placeholders only.
bool refuses_placeholder(const ProcessResult& r) {
  static const std::regex message("needs a value|= '[A-Z]+' is (not|neither)");
  return std::regex_search(r.err, message);
}

/// Runs what is printed, and counts it by the kind of its place.
class Printed {
 public:
  Stage stage;

  /// Runs commands that stand in `where`, and those that their outputs name; of commands in sentences, which may name
  /// them without their arguments, only checks the options.
  void run(const std::string& kind, const std::string& where, const std::vector<Command>& commands,
           bool makes_room = false) {
    for (const Command& command : commands) {
      const bool synopsis = contains(command.text, " [");
      if (synopsis || !seen_.insert(command.text).second) continue;
      const bool sampled =
          full() || !is_long(command.text) || (next_of_long_ones() && !contains(command.text, "--baseline="));
      const bool runs = sampled && is_whole(command.text, stage) && !command.in_sentence;
      if (runs && makes_room) stage.make_room(command.text);
      const ProcessResult r = stage.run(command.text, !runs);
      const bool lacks = lacks_something(r);
      INFO(where << ": " << command.text);
      INFO(r.err.substr(0, 1500));
      CHECK((lacks || r.exit_code == expected_status(command.text, r) || (!runs && refuses_placeholder(r))));
      Count& count = counts_[kind];
      ++(lacks ? count.lacking : runs ? count.run : count.checked);
      if (runs) follow("output of " + command.text, r);
    }
  }

  /// Does not run these where they stand later either, where files may be others than those that they are about.
  void leave_out(const std::vector<Command>& commands) {
    for (const Command& command : commands) seen_.insert(command.text);
  }

  /// Runs what an output recommends.
  void follow(const std::string& where, const ProcessResult& r) {
    note(r);
    for (const std::string& text : {r.out, r.err})
      for (const Command& command : commands_in(text))
        run(command.in_sentence ? "hints in sentences" : "next commands", where,
            {{command.text, command.in_sentence && is_name(command.text)}},
            contains(where, "help") || contains(text, "Usage: "));
  }

  /// What was printed.
  void note(const ProcessResult& r) { outputs_ += r.out + "\n" + r.err + "\n"; }
  void count(const std::string& kind, int run, int checked) {
    counts_[kind].run += run;
    counts_[kind].checked += checked;
  }
  const std::string& outputs() const { return outputs_; }
  void print_counts() const {
    std::printf("%-34s%8s%8s%8s%8s\n", "printed commands", "found", "run", "parsed", "lacking");
    for (const auto& [kind, n] : counts_)
      std::printf("%-34s%8d%8d%8d%8d\n", kind.c_str(), n.run + n.checked + n.lacking, n.run, n.checked,
                  n.lacking);
  }

 private:
  bool next_of_long_ones() { return long_ones_++ % 12 == 0; }

  struct Count {
    int run = 0, checked = 0, lacking = 0;
  };
  std::map<std::string, Count> counts_;
  std::set<std::string> seen_;
  std::string outputs_;
  uint64_t long_ones_ = run_seed() % 12;
};

void run_help(Printed& printed) {
  std::set<std::string> commands;
  static const std::regex listed("\n### hewn ([a-z]+(?: [a-z]+)?)\n");
  const std::string reference = hewn({"completion", "markdown"}).out;
  for (auto at = std::sregex_iterator(reference.begin(), reference.end(), listed); at != std::sregex_iterator();
       ++at)
    commands.insert((*at)[1]);
  REQUIRE(commands.size() > 30);
  const auto run = [&](const std::string& command) {
    const bool runs = in_sample();
    if (runs) printed.stage.renew();
    const std::vector<Command> all = commands_in(printed.stage.run(command).out);
    if (!runs) return printed.leave_out(all);
    for (const Command& found : all)
      printed.run(found.in_sentence ? "sentences of help" : "examples of help", command, {found}, true);
  };
  for (const std::string& command : commands) run("hewn " + command + " --help=all");
  run("hewn --help");
  run("hewn");
}

void run_documentation(Printed& printed) {
  for (const std::string& path : pages()) {
    const bool runs = in_sample();
    if (runs) printed.stage.renew();
    std::istringstream lines(page(path).blocks);
    std::string blocks;
    int of_course = 0;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("$ ") && path.starts_with("docs/course/"))
        ++of_course;  // test_learn runs it and compares its output
      else
        blocks += line + "\n";
    if (!runs) {
      printed.leave_out(commands_in(blocks));
      continue;
    }
    printed.count("course, run by test_learn", of_course, 0);
    printed.run("code blocks of documentation", path, commands_in(blocks), true);
    printed.run("sentences of documentation", path, commands_in(page(path).prose));
  }
  for (const auto& entry : fs::recursive_directory_iterator(source_dir() / "configs"))
    if (entry.is_regular_file() && in_sample())
      printed.run("comments of configurations", entry.path().filename(),
                  commands_in(std::regex_replace(read_file(entry.path()), std::regex("(^|\n)# *"), "$1")),
                  true);
}

/// quickstart.sh, which builds nothing if it is given a program.
void run_quickstart(Printed& printed) {
  for (const char* text : {"", " FILE"}) {
    if (!in_sample()) continue;
    printed.stage.renew();
    const ProcessResult r =
        printed.stage.run("mkdir scripts && cp '" + (source_dir() / "scripts/quickstart.sh").string() +
                          "' scripts && HEWN_PROGRAM=hewn scripts/quickstart.sh" + text);
    INFO(r.out << r.err);
    CHECK(r.exit_code == 0);
    const std::vector<Command> commands = commands_in(r.out);
    CHECK(commands.size() > 3);
    printed.run("closing list of quickstart.sh", std::string("quickstart.sh") + text, commands);
  }
}

/// Reports of all kinds of runs, whose boxes say how to get what they do not show.
void run_reports(Printed& printed) {
  printed.stage.renew();
  const auto report = [&](const std::string& run) {
    const ProcessResult r = printed.stage.run("hewn report " + run + " --json");
    INFO(run << ": " << r.err);
    CHECK(r.exit_code == 0);
    printed.note(r);
    printed.run("boxes of reports", "the report of " + run, commands_in(r.out));
  };
  for (const char* run : {"out", "book", "spam", "helper", "better", "tuned", "sweep", "model.gguf", "gpt2",
                          "out book", "out --inspect=false"})
    if (in_sample()) report(run);
  const char* const others[] = {"train --arch=ngram", "train --arch=lstm", "train --dataset=tales",
                                "import gpt2", "train --max_iters=0 --decay_lr=false"};
  int made = 0;
  for (const std::string make : others) {
    if (!in_sample()) continue;
    const std::string run = "made" + std::to_string(++made);
    CHECK(printed.stage.run("hewn " + make + (make.starts_with("import") ? " --out=" : " --out_dir=") + run)
              .exit_code == 0);
    report(run);
  }
}

/// Wrong commands, whose messages say what to do: with the flags that they say to add, the commands work.
void run_wrong_commands(Printed& printed) {
  static const std::regex advice(
      "such as (--[a-z_]+=(?:\"[^\"]*\"|[^\\s,;|]+))|(?:add|with) (--[a-z_]+=[^\\s,;|]+)(?!.*such as --| and "
      "another)");
  std::istringstream lines(read_file(source_dir() / "tests/apps/printed/wrong.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("#") || !in_sample()) continue;
    printed.stage.renew();
    ProcessResult r = printed.stage.run(line);
    INFO(line << "\n" << r.out << r.err);
    CHECK((r.exit_code > 0 && r.exit_code != 127));  // 127: no such command
    printed.follow(line, r);
    std::smatch flag;
    for (int times = 0; times < 4 && r.exit_code > 0 && std::regex_search(r.err, flag, advice); ++times) {
      const std::string added = flag[1].str() + flag[2].str();
      if (!is_whole(" " + added, printed.stage)) break;
      printed.stage.make_room(" " + added);
      line += " " + added;
      r = printed.stage.run(line);
      INFO(line << "\n" << r.out << r.err);
      CHECK((r.exit_code == 0 || lacks_something(r) || std::regex_search(r.err, flag, advice)));
      printed.count("flags that errors say to add", 1, 0);
    }
  }
}

/// The commands that take a key, by key.
std::map<std::string, std::set<std::string>> commands_of_keys() {
  std::map<std::string, std::set<std::string>> all;
  const std::string reference = hewn({"completion", "markdown"}).out;
  static const std::regex row("\n\\| `([a-z0-9_]+) = .*\\| ([^|]*) \\|(?=\n)"),
      general("\n\\| `[^|]*--([a-z]+)[^|]*\\|");
  for (auto at = std::sregex_iterator(reference.begin(), reference.end(), row); at != std::sregex_iterator();
       ++at) {
    std::istringstream names((*at)[2]);
    for (std::string name; std::getline(names >> std::ws, name, ',');) all[(*at)[1]].insert(name);
  }
  for (auto at = std::sregex_iterator(reference.begin(), reference.end(), general);
       at != std::sregex_iterator(); ++at)
    all[(*at)[1]].insert("train");
  return all;
}

/// Whether a command has the key, and accepts the value if that is known.
bool is_key(const Flag& flag) {
  static const std::map<std::string, std::set<std::string>> keys = commands_of_keys();
  const auto at = keys.find(flag.key.starts_with("no_") ? flag.key.substr(3) : flag.key);
  if (at == keys.end()) return false;
  static const std::regex placeholder("[A-Z]+|.*\x01.*|\\.\\.\\.|");
  if (std::regex_match(flag.value, placeholder)) return true;
  return std::any_of(at->second.begin(), at->second.end(), [&](const std::string& command) {
    std::vector<std::string> words{"--help", "--" + flag.key + "=" + flag.value};
    std::istringstream names(command);
    for (std::string word; names >> word;) words.push_back(word);
    return hewn(words).exit_code == 0;
  });
}

/// Flags of other programs, which texts name too.
const std::set<std::string> foreign_flags = {"cap_add",  // docker
                                             "headless",
                                             "convert_to",  // libreoffice
                                             "host",
                                             "mca",
                                             "oversubscribe",
                                             "quiet",
                                             "bind_to",
                                             "hosts",  // mpirun
                                             "mpi",    // srun
                                             "icsv",
                                             "ifs",
                                             "onidx",  // mlr
                                             "no_show_raw_insn",
                                             "start_address",
                                             "stop_address"};  // objdump

std::string longest_part(const std::string& text) {
  std::string longest, part;
  for (std::istringstream parts(text); std::getline(parts, part, known_later);)
    if (part.size() > longest.size()) longest = part;
  return longest;
}

/// A text of a source as it may be printed: with something in the place of what is known later.
std::string filled(const std::string& text) {
  const std::string lines = std::regex_replace(text, std::regex("\x01hewn "), "\nhewn ");
  return std::regex_replace(
      std::regex_replace(std::regex_replace(lines, std::regex("\x01--"), " --"), std::regex("=\x01"), "=X"),
      std::regex("\x01"), " X ");
}

/// The commands and flags that sources may print, also those that no command above has printed.
void check_sources(Printed& printed) {
  for (const char* layer : {"core", "kernels", "model", "train", "apps"})
    for (const auto& entry : fs::recursive_directory_iterator(source_dir() / layer)) {
      const std::string path = fs::relative(entry.path(), source_dir()).string();
      const auto extension = entry.path().extension();
      if ((extension != ".cpp" && extension != ".h" && extension != ".js") ||
          path.starts_with("apps/cli/help/") || !in_sample())
        continue;
      std::istringstream texts(texts_of_source(read_file(entry.path())));
      for (std::string text; std::getline(texts, text);) {
        const std::vector<Command> commands = commands_in(filled(text));
        const std::vector<Flag> flags = flags_in(text);
        if (commands.empty() && flags.empty()) continue;
        const bool was_printed = contains(printed.outputs(), longest_part(text));
        printed.count("texts of messages", was_printed, !was_printed);
        INFO(path << ": " << text);
        for (const Flag& flag : flags) {
          INFO(flag.key << " = " << flag.value);
          CHECK((is_key(flag) || foreign_flags.contains(flag.key)));
        }
        for (const Command& command : commands) {
          if (contains(command.text, " [")) continue;
          INFO(command.text);
          const ProcessResult r = printed.stage.run(command.text, true);
          CHECK((r.exit_code == 0 || refuses_placeholder(r) || lacks_something(r)));
        }
      }
    }
}

}  // namespace

TEST_CASE("every printed command runs") {
  Printed printed;
  run_help(printed);
  run_documentation(printed);
  run_quickstart(printed);
  run_reports(printed);
  run_wrong_commands(printed);
  check_sources(printed);
  printed.print_counts();
}

TEST_CASE("printed commands are found in texts") {
  const auto found = [](const std::string& text) {
    std::string all;
    for (const Command& command : commands_in(text))
      all += (command.in_sentence ? "~" : "=") + command.text + ";";
    return all;
  };
  CHECK(found("hewn train -q\n") == "=hewn train -q;");
  CHECK(found("next: /some/where/hewn sample 'my run'\nhewn: sample is wrong\n") == "=hewn sample 'my run';");
  CHECK(found("$ hewn info   # remark\n  hewn info   what it does\n") == "=hewn info;=hewn info;");
  CHECK(found("hewn train a \\\n  --bias\n") == "=hewn train a \\\n  --bias;");
  CHECK(found("for i in 1 2; do\n  hewn info $i\ndone\n") == "=for i in 1 2; do\n  hewn info $i\ndone;");
  CHECK(found("echo x | hewn chat\nsource <(hewn completion bash)\n") ==
        "=echo x | hewn chat;=source <(hewn completion bash);");
  CHECK(found("use `hewn\ntrain` or `hewn sample RUN`.") == "~hewn train;~hewn sample RUN;");
  CHECK(found("{\"a\": [{\"command\": \"hewn report \\\"a b\\\"\"}], \"b\": \"hewn sings\"}") ==
        "=hewn report \"a b\";");
  CHECK(found("hewn sings\nUsage: hewn train [--key]\nand hewn train goes on\n").empty());

  const std::string texts =
      texts_of_source("f(\"a \" /* \"no\" */ \"b\", x + 1, \" c\"); g('d', \"e\", \"f\") // \"no\"");
  CHECK(contains(texts, "a b\x01 c\n"));
  CHECK(contains(texts, "de\nf"));
  CHECK(!contains(texts, "no"));
  CHECK(contains(texts_of_source("say(program(), \" train \", run)"), "hewn train \x01"));
  const std::vector<Flag> flags = flags_in("add --out=FILE, or --no-bias; a--b (`--dtype=f32`).");
  REQUIRE(flags.size() == 3);
  CHECK((flags[0].key + flags[0].value + flags[1].key + flags[2].value) == "outFILEno_biasf32");
}

}  // namespace hewn::test
