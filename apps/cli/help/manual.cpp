// Generates the manual page and the reference from the table.

#include "apps/cli/help/manual.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/cli/help/help.h"
#include "apps/cli/help/pages.h"
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
  for (const std::string& line : help_page(command.name).examples) out += troff(line) + "\n";
  return out + ".EE\n";
}

// The description, with other separators between paragraphs and between the items of a list. Requests of troff are not
// escaped.
std::string about_text(const HelpPage& page, std::string_view paragraph, std::string_view item) {
  const bool is_troff = paragraph.starts_with("\n.");
  std::string out;
  for (const std::string& text : page.about) {
    if (!out.empty()) out += text.starts_with("* ") ? item : paragraph;
    out += is_troff ? troff(text) : text;
  }
  return out;
}

// An option and the commands that take it.
struct Taken {
  Option option;
  std::string commands;
};
struct TakenSection {
  std::string title;
  std::vector<Taken> options;
};

bool same(const Option& one, const Option& other) {
  return one.name == other.name && one.kind == other.kind && one.help == other.help &&
         facts(one) == facts(other) && signature(one) == signature(other);
}

// The options of all commands, each once with the commands that take it, by section.
std::vector<TakenSection> all_sections() {
  std::vector<TakenSection> all;
  const auto add = [](auto& list, auto is_it, auto made) -> auto& {
    const auto found = std::find_if(list.begin(), list.end(), is_it);
    return found != list.end() ? *found : list.emplace_back(std::move(made));
  };
  for (const Command& command : commands())
    for (const Section& section : sections_of(command)) {
      auto& merged = add(
          all, [&](const TakenSection& s) { return s.title == section.title; },
          TakenSection{section.title, {}});
      for (const Option& option : section.options) {
        Taken& taken = add(
            merged.options, [&](const Taken& t) { return same(t.option, option); }, Taken{option, ""});
        taken.commands += join(taken.commands.empty() ? "" : ", ", command.name);
      }
    }
  const auto general = std::find_if(all.begin(), all.end(), [](const TakenSection& s) {
    return !s.options.empty() && !s.options[0].option.is_key();
  });
  std::rotate(general, general + 1, all.end());
  return all;
}

// Escapes bars, which would end a table cell in Markdown.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string option_table(const TakenSection& section) {
  const bool keys = section.options[0].option.is_key();
  std::string out = keys ? "| key | meaning | default and range | commands |\n|---|---|---|---|\n"
                         : "| option | meaning |\n|---|---|\n";
  for (const auto& [option, takers] : section.options) {
    const std::string help = cell(option.help);
    const std::string_view value = option.kind == Kind::flag ? "true|false" : option.choices;
    out += keys ? join("| `", cell(join(option.name, " = ", value)), "` | ", help, " | ", facts(option),
                       " | ", takers, " |\n")
                : join("| `", cell(signature(option)), "` | ", help, " |\n");
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
    out += join(".SS ", troff(synopsis(command)), "\n",
                about_text(help_page(command.name), "\n.PP\n", "\n.br\n"), "\n", troff_examples(command));
  out += ".SH OPTIONS\n";
  for (const TakenSection& section : all_sections()) {
    out += join(".SS ", troff(section.title), "\n");
    for (const auto& [option, takers] : section.options)
      out += join(".TP\n.B ", troff(signature(option)), "\n", troff(description(option)), ".\n",
                  option.is_key() ? troff("Accepted by " + takers + ".") + "\n" : "");
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
    const HelpPage& page = help_page(command.name);
    out += join("\n### hewn ", command.name, "\n\n`", synopsis(command), "`\n\n",
                about_text(page, "\n\n", "\n"), "\n\n```\n", list_text(page.examples, "\n"), "\n```\n");
  }
  out += "\n## Keys\n";
  for (const TakenSection& section : all_sections())
    out += join("\n### ", section.title, "\n\n", option_table(section));
  out += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const std::string& line : split(exit_codes, '\n')) {
    const size_t gap = line.find("  ");
    if (gap != line.npos) out += join("| ", line.substr(0, gap), " | ", line.substr(gap + 2), " |\n");
  }
  return out;
}

}  // namespace hewn::cli
