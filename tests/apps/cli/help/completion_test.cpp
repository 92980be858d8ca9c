// Completions, manual and reference are printed from the one table of options, and work.

#include <filesystem>
#include <sstream>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

// What bash completes for these words, the last one unfinished.
std::string completed(const std::string& words) {
  const std::string script =
      "compopt() { :; }\n"
      "source <(\"$0\" completion bash)\n"
      "COMP_WORDS=(hewn " +
      words +
      ")\n"
      "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
      "_hewn\n"
      "echo \"${COMPREPLY[*]}\"\n";
  const auto r = run_program({"bash", "-c", script, hewn_program().string()});
  CHECK(r.err.empty());
  return r.out.substr(0, r.out.find('\n'));
}

bool installed(const std::string& program) {
  return run_program({"sh", "-c", "command -v " + program}).exit_code == 0;
}

void check_parsed_by(const std::string& shell) {
  const auto completion = hewn({"completion", shell});
  CHECK(completion.exit_code == 0);
  CHECK(contains(completion.out, "hewn"));
  if (!installed(shell)) return skip(shell + " is not installed");
  const TempDir dir;
  write_file(dir / "completion", completion.out);
  const auto r = run_program({shell, "-n", (dir / "completion").string()});
  CHECK(r.err == "");
  CHECK(r.exit_code == 0);
}

}  // namespace

TEST_CASE("bash completes commands, options and choices") {
  CHECK(completed("inf") == "info");
  CHECK(completed("data cor") == "corpus");
  CHECK(completed("data corpus --ta") == "--tales=");
  CHECK(completed("bench kernels --dtype = ''") == "f32 f64 bf16");
  CHECK(completed("bench kernels --dtype = f6") == "f64");
  CHECK(completed("bench kernels --dt") == "--dtype=");
  CHECK(completed("info --color = a") == "auto always");
  CHECK(completed("completion z") == "zsh");
  CHECK(completed("learn ch") == "check");
  CHECK(completed("trace les") == "lesson");
  CHECK(completed("train --help = al") == "all");
  CHECK(completed("data corpus xyz") == "");
}

TEST_CASE("bash parses its completion") { check_parsed_by("bash"); }
TEST_CASE("zsh parses its completion") { check_parsed_by("zsh"); }
TEST_CASE("fish parses its completion") { check_parsed_by("fish"); }

TEST_CASE("fish completes commands, options and choices") {
  if (!installed("fish")) return skip("fish is not installed");
  const auto completed = [](const std::string& words) {
    const auto r =
        run_program({"fish", "--no-config", "-c", "$argv[1] completion fish | source; complete -C $argv[2]",
                     hewn_program().string(), words});
    CHECK(r.err == "");
    return r.out;
  };
  CHECK(contains(completed("hewn inf"), "info\tdescribe"));
  CHECK(contains(completed("hewn data "), "prepare\t"));
  CHECK(contains(completed("hewn train --dtype="), "--dtype=bf16"));
  CHECK(contains(completed("hewn sample --sto"), "\\n, \\t, \\| and \\\\"));  // as the help has it
  CHECK(contains(completed("hewn help tok"), "tokenizer"));
}

TEST_CASE("completions for an unknown shell are refused") {
  CHECK_FAILS(hewn({"completion", "ksh"}), 2, "no completions for 'ksh'");
  CHECK_FAILS(hewn({"completion"}), 2, "bash, zsh, fish");
}

TEST_CASE("the manual page is well-formed") {
  const auto r = hewn({"completion", "man"});
  CHECK(r.exit_code == 0);
  CHECK(contains(r.out, ".TH HEWN 1"));
  CHECK(contains(r.out, ".SH EXIT STATUS"));
  if (!installed("groff")) return skip("groff is not installed");
  const auto formatted = run_program({"groff", "-man", "-Tascii", "-ww", "-z"}, {.input = r.out});
  CHECK(formatted.exit_code == 0);
  CHECK(formatted.err == "");
}

TEST_CASE("the reference lists every command and key once, with the commands that take it") {
  const std::string reference = hewn({"completion", "markdown"}).out;
  CHECK(contains(reference, "## Exit codes"));
  CHECK(contains(
      reference,
      "\n| `top_k = N` | keep only the k most likely tokens (0: all) | default: 0; 0 or more | sample, "
      "chat, eval |\n"));
  CHECK(contains(reference, "\n| `out_dir = SWEEP` |"));
  CHECK(reference.find("| `n_layer = N`") == reference.rfind("| `n_layer = N`"));
}

TEST_CASE("pages of help describe only options that commands have") {
  const std::string reference = hewn({"completion", "markdown"}).out;
  int described = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "apps")) {
    if (entry.path().extension() != ".md") continue;
    std::istringstream lines(read_file(entry.path()));
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("- `")) continue;
      const std::string name = line.substr(3, line.find('`', 3) - 3);
      INFO(entry.path() << ": " << name);
      CHECK((contains(reference, "\n| `" + name + " = ") || contains(reference, "--" + name)));
      ++described;
    }
  }
  CHECK(described > 150);
}

}  // namespace hewn::test
