#include "apps/bench/machine/loop.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace hewn::cli {
namespace {

using std::string_view;
constexpr int vector_registers = 32;

/// An instruction as text: "vfmadd231ps (%rax,%rbx,4),%ymm1,%ymm0".
struct Parsed {
  string_view name;                   ///< without prefixes
  std::vector<string_view> operands;  ///< the destination is the last one
};

Parsed parsed(string_view text) {
  Parsed in;
  const size_t space = text.find(' ');
  in.name = text.substr(0, space);
  if (space == text.npos) return in;
  text = text.substr(text.find_first_not_of(' ', space));
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) continue;
    in.operands.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return in;
}

bool is_memory(string_view operand) { return operand.find('(') != operand.npos; }

/// The number of a vector register, and the bytes of its name: 16 of %xmm3, 32 of %ymm3; -1 for anything else.
struct Register {
  int number = -1, bytes = 0;
};

Register vector_register(string_view operand) {
  for (const auto& [name, bytes] : {std::pair{"%xmm", 16}, {"%ymm", 32}, {"%zmm", 64}})
    if (operand.starts_with(name)) return {std::atoi(operand.data() + 4), bytes};
  return {};
}

enum class FloatOp : uint8_t { other, fused, multiply, add, arithmetic };

FloatOp float_op(string_view name) {
  if (name.size() < 3) return FloatOp::other;
  const string_view type = name.substr(name.size() - 2);
  if (type != "ps" && type != "pd" && type != "ss" && type != "sd") return FloatOp::other;
  if (name[0] == 'v') name.remove_prefix(1);
  for (const char* fused : {"fmadd", "fmsub", "fnmadd", "fnmsub"})
    if (name.starts_with(fused)) return FloatOp::fused;
  if (name.starts_with("mul")) return FloatOp::multiply;
  if (name.starts_with("add") || name.starts_with("sub")) return FloatOp::add;
  for (const char* other : {"div", "max", "min", "sqrt"})
    if (name.starts_with(other)) return FloatOp::arithmetic;
  return FloatOp::other;
}

/// Numbers in one register of an instruction for this type.
double lanes(string_view name, int bytes) {
  if (name.ends_with("ss") || name.ends_with("sd")) return 1;
  return bytes / (name.ends_with("pd") ? 8.0 : 4.0);
}

/// For each vector register, how many floating-point instructions its value waits for since `source` was read at the
/// start of the round; -1 if it does not depend on it.
int chain_through(const std::vector<Parsed>& code, int source) {
  std::array<int, vector_registers> waits{};
  waits.fill(-1);
  waits[static_cast<size_t>(source)] = 0;
  for (const Parsed& in : code) {
    if (in.operands.empty()) continue;
    const Register to = vector_register(in.operands.back());
    if (to.number < 0 || to.number >= vector_registers || in.name.find("cmp") != in.name.npos ||
        in.name.find("comis") != in.name.npos)
      continue;
    const FloatOp op = float_op(in.name);
    const bool zeroes = in.name.find("xor") != in.name.npos && in.operands.size() >= 2 &&
                        in.operands[in.operands.size() - 2] == in.operands[0];
    // Two operands: arithmetic adds to its destination, unlike moves; three: only fused instructions read it.
    const bool reads_destination = op == FloatOp::fused || (op != FloatOp::other && in.name[0] != 'v');
    int longest = -1;
    for (size_t i = 0; i + (reads_destination ? 0 : 1) < in.operands.size() && !zeroes; ++i)
      if (const Register from = vector_register(in.operands[i]);
          from.number >= 0 && from.number < vector_registers)
        longest = std::max(longest, waits[static_cast<size_t>(from.number)]);
    waits[static_cast<size_t>(to.number)] = longest < 0 ? -1 : longest + (op != FloatOp::other);
  }
  return waits[static_cast<size_t>(source)];
}

void count_memory(const Parsed& in, LoopFigures& f) {
  for (const char* none : {"lea", "prefetch", "nop", "j", "data16", "cs"})
    if (in.name.starts_with(none)) return;
  for (size_t i = 0; i < in.operands.size(); ++i) {
    if (!is_memory(in.operands[i])) continue;
    const bool compares = in.name.starts_with("cmp") || in.name.starts_with("test");
    if (i + 1 < in.operands.size() || in.operands.size() == 1 || compares)
      ++f.loads;
    else
      ++f.stores;
  }
}

}  // namespace

std::optional<LoopFigures> loop_figures(const std::vector<std::string>& instructions) {
  std::vector<Parsed> code;
  for (const std::string& text : instructions) code.push_back(parsed(text));
  LoopFigures f;
  int fused = 0, multiplied = 0, added = 0;
  double of_fused = 0, of_multiplied = 0;
  for (const Parsed& in : code) {
    count_memory(in, f);
    const FloatOp op = float_op(in.name);
    if (op == FloatOp::other || in.operands.empty()) continue;
    ++f.arithmetic;
    const double n = lanes(in.name, vector_register(in.operands.back()).bytes);
    if (op == FloatOp::fused) ++fused, of_fused += n;
    if (op == FloatOp::multiply) ++multiplied, of_multiplied += n;
    if (op == FloatOp::add) ++added;
  }
  const int pairs = std::min(multiplied, added);
  f.multiply_adds = fused + pairs;
  if (f.multiply_adds == 0) return std::nullopt;
  f.elements = of_fused + (multiplied > 0 ? of_multiplied * pairs / multiplied : 0);
  for (int r = 0; r < vector_registers; ++r) f.chain = std::max(f.chain, chain_through(code, r));
  return f;
}

}  // namespace hewn::cli
