#include "tests/kernels/gpu/machine_code.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace hewn::test {
namespace {

/// The name of an instruction: of "@!P0 LDL.64 R2, [R1]", "LDL.64".
std::string_view opcode(std::string_view text) {
  if (text.starts_with('@')) text.remove_prefix(std::min(text.find(' ') + 1, text.size()));
  return text.substr(0, text.find_first_of(" ;"));
}

std::string demangled(const std::string& name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  for (const std::string_view part : {"(anonymous namespace)::", "hewn::"})
    for (size_t at; (at = result.find(part)) != result.npos;) result.erase(at, part.size());
  return result;
}

/// The address that a branch jumps to, if it names one.
bool target_of(const std::string& text, uint64_t& to) {
  const std::string_view name = opcode(text);
  if (name != "BRA" && !name.starts_with("BRA.")) return false;
  const size_t at = text.rfind("0x");
  if (at == text.npos) return false;
  to = std::strtoull(text.c_str() + at, nullptr, 16);
  return true;
}

/// Whether no thread continues with the next instruction.
bool ends_path(const std::string& text) {
  const std::string_view name = opcode(text);
  return !text.starts_with('@') &&
         (name == "EXIT" || name.starts_with("RET.") || (name == "BRA" && text.find(',') == text.npos));
}

}  // namespace

int MachineCode::count(std::string_view instruction) const {
  return static_cast<int>(std::count_if(instructions.begin(), instructions.end(), [&](const Instruction& i) {
    const std::string_view found = opcode(i.text);
    return found.starts_with(instruction) &&
           (found.size() == instruction.size() || found[instruction.size()] == '.');
  }));
}

std::vector<MachineCode::Loop> MachineCode::loops() const {
  // Code for warps whose lanes have diverged stands after the kernel and branches back, which makes no loop.
  std::set<uint64_t> diverged;
  for (const Instruction& i : instructions)
    if (uint64_t to = 0; opcode(i.text).starts_with("BRA.DIV") && target_of(i.text, to)) diverged.insert(to);
  std::map<uint64_t, uint64_t> ends;  // by first address; two branches to the same address are one loop
  bool reached = true;                // other than by lanes that have diverged
  for (size_t n = 0; n < instructions.size(); ++n) {
    const Instruction& i = instructions[n];
    if (n > 0 && ends_path(instructions[n - 1].text)) reached = !diverged.contains(i.at);
    if (uint64_t to = 0; reached && target_of(i.text, to) && to <= i.at) ends[to] = std::max(ends[to], i.at);
  }
  std::vector<Loop> all;
  for (const auto& [first, last] : ends) all.push_back({first, last, 0});
  for (const Instruction& i : instructions) {
    const auto has = [&](const Loop& l) { return i.at >= l.first && i.at <= l.last; };
    for (Loop& loop : all) {
      const auto inside = [&](const Loop& l) {
        return has(l) && l.first >= loop.first && l.last <= loop.last && &l != &loop;
      };
      if (has(loop) && std::none_of(all.begin(), all.end(), inside)) ++loop.own;
    }
  }
  return all;
}

int MachineCode::largest_loop() const {
  int most = 0;
  for (const Loop& loop : loops()) most = std::max(most, loop.own);
  return most;
}

void ListingReader::line(const std::string& text) {
  if (const size_t at = text.find("Function : "); at != text.npos) {
    end();
    now_.name = demangled(text.substr(at + 11));
  } else if (const size_t arch = text.find("arch = "); arch != text.npos) {
    end();
    now_.target = text.substr(arch + 7);
  } else if (!now_.name.empty()) {
    // "        /*0010*/                   LDC R5, c[0x0][0x218] ;           /* 0x00008600ff057b82 */"
    const size_t address = text.find("/*"), closed = text.find("*/"), stop = text.find(';');
    if (stop == text.npos || closed > stop) return;
    const size_t first = text.find_first_not_of(' ', closed + 2), last = text.find_last_not_of(' ', stop - 1);
    now_.instructions.push_back(
        {std::strtoull(text.c_str() + address + 2, nullptr, 16), text.substr(first, last + 1 - first)});
  }
}

void ListingReader::end() {
  if (!now_.name.empty()) use_(now_);
  now_.name.clear();
  now_.instructions.clear();
}

}  // namespace hewn::test
