#include "apps/bench/machine/asm.h"

#include <link.h>
#include <unwind.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "apps/bench/machine/conditions.h"
#include "apps/bench/machine/samples.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

/// A loaded program or library.
struct Module {
  std::string file;
  uintptr_t base = 0;  ///< address in memory minus address in the file
  uintptr_t end = 0;   ///< of the executable segment that contains the address
};

struct Search {
  uintptr_t address;
  std::optional<Module> found;
};

int look_into(dl_phdr_info* info, size_t, void* search_of) {
  auto& search = *static_cast<Search*>(search_of);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + part.p_vaddr, end = begin + part.p_memsz;
    if (part.p_type != PT_LOAD || !(part.p_flags & PF_X) || search.address < begin || search.address >= end)
      continue;
    const bool program = !info->dlpi_name || !*info->dlpi_name;
    search.found = Module{program ? running_program() : info->dlpi_name, info->dlpi_addr, end};
  }
  return search.found.has_value();
}

std::optional<Module> module_of(uintptr_t address) {
  Search search{address, {}};
  dl_iterate_phdr(look_into, &search);
  return search.found;
}

uintptr_t function_of(uintptr_t address) {
  return reinterpret_cast<uintptr_t>(_Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address)));
}

/// Samples of one function, by address in the file.
struct HotFunction {
  Module module;
  uint64_t begin = 0;
  std::map<uint64_t, int64_t> samples;
  int64_t total = 0;
};

/// The function with the most samples; empty if all samples are outside of the modules' tables.
std::optional<HotFunction> hottest(const std::vector<uintptr_t>& addresses) {
  std::map<uintptr_t, std::vector<uintptr_t>> functions;
  for (const uintptr_t address : addresses) functions[function_of(address)].push_back(address);
  functions.erase(0);
  const auto most = std::max_element(functions.begin(), functions.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  if (most == functions.end()) return {};
  const auto module = module_of(most->first);
  if (!module) return {};
  HotFunction function{*module, most->first - module->base, {}, 0};
  for (const uintptr_t address : most->second) ++function.samples[address - module->base], ++function.total;
  return function;
}

struct Instruction {
  uint64_t address = 0;
  std::string text;
  uint64_t jumps_to = 0;  ///< 0: no jump
};

std::string hex(uint64_t n) {
  std::ostringstream text;
  text << std::hex << n;
  return text.str();
}

/// Parses "  4010f0:\tjne    4010c0 <name+0x10>" as an instruction; empty for other lines.
std::optional<Instruction> instruction_in(const std::string& line) {
  const size_t colon = line.find(":\t");
  const size_t first = line.find_first_not_of(' ');
  if (colon == line.npos || first >= colon) return {};
  Instruction in;
  const auto read = std::from_chars(line.data() + first, line.data() + colon, in.address, 16);
  if (read.ptr != line.data() + colon) return {};
  in.text = line.substr(colon + 2);
  std::replace(in.text.begin(), in.text.end(), '\t', ' ');
  in.text.erase(in.text.find_last_not_of(' ') + 1);
  const size_t space = in.text.find(' ');
  const std::string name = in.text.substr(0, space);
  if (name != "call" && name != "bl") in.text.resize(std::min(in.text.find(" <"), in.text.size()));
  // x86: jmp, jne, …; Arm: b, b.ne, cbz, tbnz, …, whose target is the last operand. Calls do not count.
  const bool jump = name[0] == 'j' || name == "b" || name.starts_with("b.") || name.starts_with("cb") ||
                    name.starts_with("tb");
  if (!jump || space == in.text.npos) return in;
  const std::string& operands = in.text;
  const size_t last = operands.find_last_of(" ,") + 1;
  const bool prefixed = operands.compare(last, 2, "0x") == 0;
  std::from_chars(operands.data() + last + (prefixed ? 2 : 0), operands.data() + operands.size(), in.jumps_to,
                  16);
  return in;
}

struct Loop {
  size_t first = 0, last = 0;  ///< instruction indices; the last one jumps back to the first
  int64_t samples = 0;
};

/// The innermost loop with at least half of the samples of the hottest loop around it.
std::optional<Loop> hottest_loop(const std::vector<Instruction>& code, const HotFunction& function) {
  const auto samples_at = [&](size_t i) {
    const auto found = function.samples.find(code[i].address);
    return found == function.samples.end() ? 0 : found->second;
  };
  std::optional<Loop> best;
  for (const bool inward : {false, true}) {
    for (size_t last = 0; last < code.size(); ++last) {
      if (code[last].jumps_to == 0 || code[last].jumps_to > code[last].address) continue;
      const auto at = std::lower_bound(code.begin(), code.end(), code[last].jumps_to,
                                       [](const Instruction& in, uint64_t a) { return in.address < a; });
      if (at->address != code[last].jumps_to) continue;
      Loop loop{static_cast<size_t>(at - code.begin()), last, 0};
      for (size_t i = loop.first; i <= last; ++i) loop.samples += samples_at(i);
      const bool inside = best && loop.first >= best->first && loop.last <= best->last &&
                          loop.last - loop.first < best->last - best->first;
      if (inward ? inside && 2 * loop.samples >= best->samples : !best || loop.samples > best->samples)
        best = loop;
    }
  }
  return best && best->samples > 0 ? best : std::nullopt;
}

/// The function's instructions, and its name if the file has symbols.
std::vector<Instruction> disassembled(const HotFunction& function, std::string& name) {
  // A loop may end after the last sampled address. Including code after the function is harmless.
  constexpr uint64_t more = 4096;
  const Module& module = function.module;
  const uint64_t end = std::min<uint64_t>(function.samples.rbegin()->first + more, module.end - module.base);
  std::istringstream text(
      output_of({"objdump", "-d", "-C", "--no-show-raw-insn", "--start-address=0x" + hex(function.begin),
                 "--stop-address=0x" + hex(end), module.file}));
  std::vector<Instruction> code;
  for (std::string line; std::getline(text, line);) {
    if (const auto in = instruction_in(line)) {
      code.push_back(*in);
    } else if (line.ends_with(">:")) {
      if (!code.empty()) break;  // start of the next function, if there are symbols
      name = line.substr(line.find('<') + 1);
      name.resize(name.size() - 2);
      if (name.find("+0x") != name.npos) name.clear();  // a nearby symbol, not this function
    }
  }
  return code;
}

}  // namespace

bool has_disassembler() {
  try {
    output_of({"objdump", "--version"});
    return true;
  } catch (const Error&) {
    return false;
  }
}

void require_disassembler() {
  if (!has_disassembler())
    fail(ErrorCode::failed, "--asm: the disassembler objdump cannot be run; install it (Debian: binutils)");
}

HotLoop hot_loop(const std::function<void()>& work) {
  const std::vector<uintptr_t> addresses = sample_addresses(work);
  const auto function = hottest(addresses);
  if (!function) return {.text = join("none of ", addresses.size(), " samples is in a known function\n")};
  std::string name;
  const std::vector<Instruction> code = disassembled(*function, name);
  if (code.empty()) fail(ErrorCode::failed, "objdump found no code at 0x", hex(function->begin));
  const auto percent = [&](int64_t n) {
    return fixed(100 * static_cast<double>(n) / static_cast<double>(addresses.size()), 1);
  };
  const auto loop = hottest_loop(code, *function);
  HotLoop hot;
  hot.text = join(percent(loop ? loop->samples : function->total), "% of ", addresses.size(),
                  " of the samples are in this ", loop ? "loop" : "function, outside of loops", " of ",
                  name.empty() ? "an unnamed function" : name, "\n");
  const size_t first = loop ? loop->first : 0, last = loop ? loop->last : code.size() - 1;
  for (size_t i = first; i <= last; ++i) {
    const auto found = function->samples.find(code[i].address);
    const bool seen = found != function->samples.end();
    if (!loop && !seen) continue;
    if (loop) hot.instructions.push_back(code[i].text);
    const std::string share = seen ? percent(found->second) + "%" : "";
    hot.text += join(std::string(share.size() < 7 ? 7 - share.size() : 0, ' '), share, "  ",
                     hex(code[i].address), "  ", code[i].text, "\n");
  }
  return hot;
}

}  // namespace hewn::cli
