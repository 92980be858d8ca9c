// Generates the manual page and the reference from the table.

#include "apps/cli/help/manual.h"

#include "apps/cli/format.h"
#include "apps/cli/help/help.h"
#include "apps/cli/options.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"

namespace hewn::cli {
namespace {

// Escapes text for troff: backslashes and dashes; no line may start with a control character.
std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    out += c == '\\' ? std::string("\\e") : c == '-' ? std::string("\\-") : std::string(1, c);
  }
  return out;
}

std::string troff_examples(const Command& command) {
  std::string out = ".PP\n.EX\n";
  for (const std::string& line : split(command.examples, '\n')) out += troff(line) + "\n";
  return out + ".EE\n";
}

// The commands that take a key. Sections are printed once, with this list beside each key.
std::string takers(const Option& option) {
  const auto takes = [&](const Command& command) { return option.taken_by(command.bit); };
  return list_text(those_of(commands(), takes), ", ", &Command::name);
}

// Escapes bars, which would end a table cell in Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string option_table(const Section& section, bool general) {
  std::string out = general ? "| option | meaning |\n|---|---|\n"
                            : "| key | meaning | default and range | commands |\n|---|---|---|---|\n";
  for (const Option& option : section.options) {
    const std::string help = cell(option.help);
    const std::string name =
        general ? signature(option)
                : join(option.name, " = ", option.kind == Kind::flag ? "true|false" : option.choices);
    out += general
               ? join("| `", cell(name), "` | ", help, " |\n")
               : join("| `", cell(name), "` | ", help, " | ", facts(option), " | ", takers(option), " |\n");
  }
  return out;
}

}  // namespace

std::string man_page() {
  std::string out = join(
      ".\\\" From `hewn completion man`.\n.TH HEWN 1 \"\" \"hewn ", version_number(),
      "\" \"User Commands\"\n.SH NAME\nhewn \\- train and sample a GPT hewn from scratch\n"
      ".SH SYNOPSIS\n.B hewn\n.I COMMAND\n.RI [ CONFIG.toml ]\n.RI [ \\-\\-key=value | \\-\\-key\\ value ]\n"
      ".SH DESCRIPTION\nTrains, samples and measures GPT models, from raw text to text.\n"
      "Results go to standard output, messages to standard error.\n"
      "In names a dash equals an underscore, and \\-\\-no\\-KEY is \\-\\-KEY=false.\n.SH COMMANDS\n");
  for (const Command& command : commands())
    out += join(".SS ", troff(synopsis(command)), "\n", troff(command.about), "\n", troff_examples(command));
  out += ".SH OPTIONS\n";
  for (const Section& section : sections()) {
    out += join(".SS ", troff(section.title), "\n");
    for (const Option& option : section.options)
      out += join(".TP\n.B ", troff(signature(option)), "\n", troff(description(option)), ".\n",
                  option.is_key() ? troff("Accepted by " + takers(option) + ".") + "\n" : "");
  }
  out +=
      ".SH ENVIRONMENT\nEvery key can be given as\n.BR HEWN_ KEY,\nfor example\n.BR HEWN_BATCH_SIZE .\n"
      "Flags override the environment, which overrides CONFIG.toml, which overrides the defaults.\n"
      ".TP\n.B HEWN_ISA\nCaps the instruction set: sse2, avx2, avx512, avx512vnni, avx512bf16, amx or "
      "scalar.\n"
      ".TP\n.B OMP_NUM_THREADS, OMP_PROC_BIND, OMP_PLACES, OMP_WAIT_POLICY\nAs in every OpenMP program.\n"
      ".TP\n.B GOMP_SPINCOUNT\n"
      "How long idle threads of GNU OpenMP spin before they sleep; hewn sets it to 500 if neither this nor\n"
      "OMP_WAIT_POLICY is set and threads are not bound, except in bench kernels. Training and writing text "
      "have a\n"
      "way of their own to wait, unless OMP_WAIT_POLICY is set.\n"
      ".TP\n.B HEWN_OPENBLAS, HEWN_BLIS, HEWN_ONEDNN, HEWN_MKL\n"
      "The libraries that bench kernels --compare loads.\n"
      ".TP\n.B HEWN_NCCL\n"
      "The library by which several ranks on GPUs exchange gradients, instead of the system's libnccl.so.2.\n"
      ".TP\n.B NO_COLOR\nDisables colour.\n.SH EXIT STATUS\n";
  for (const std::string& line : split(exit_codes, '\n')) {
    const size_t gap = line.find("  ");
    if (gap != line.npos)
      out += join(".TP\n.B ", line.substr(0, gap), "\n", troff(line.substr(gap + 2)), "\n");
  }
  return out;
}

std::string markdown_reference() {
  std::string out = "## Commands\n";
  for (const Command& command : commands()) {
    out += join("\n### hewn ", command.name, "\n\n`", synopsis(command), "`\n\n", command.about, "\n\n```\n",
                command.examples, "\n```\n");
  }
  out += "\n## Keys\n";
  for (const Section& section : sections())
    out += join("\n### ", section.title, "\n\n",
                option_table(section, section.title == sections().back().title));
  out += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const std::string& line : split(exit_codes, '\n')) {
    const size_t gap = line.find("  ");
    if (gap != line.npos) out += join("| ", line.substr(0, gap), " | ", line.substr(gap + 2), " |\n");
  }
  return out;
}

}  // namespace hewn::cli
