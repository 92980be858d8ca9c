#include <algorithm>
#include <iterator>

#include "tests/fuzz/mutators/mutator.h"

namespace hewn::test {
namespace {

/// What follows an instruction (CPython's pickletools.py).
enum class Argument : uint8_t { none, number, counted, lines };

/// An instruction, taken apart.
struct Instruction {
  uint8_t op = 0;
  Argument argument = Argument::none;
  size_t width = 0;  ///< of the number, or of the length of the text; number of lines
  uint64_t number = 0;
  std::string text = {};
  std::optional<uint64_t> length = {};  ///< of the text, if it shall be a wrong one
};

Instruction instruction(uint8_t op) {
  struct Known {
    uint8_t op;
    Argument argument;
    size_t width;
  };
  using enum Argument;
  constexpr Known known[] = {
      {0x80, number, 1},  {'J', number, 4},   {'K', number, 1},  {'M', number, 2},   {'G', number, 8},
      {'q', number, 1},   {'r', number, 4},   {'h', number, 1},  {'j', number, 4},   {0x82, number, 1},
      {0x83, number, 2},  {0x84, number, 4},  {0x95, number, 8}, {'X', counted, 4},  {0x8c, counted, 1},
      {0x8d, counted, 8}, {'B', counted, 4},  {'C', counted, 1}, {0x8e, counted, 8}, {0x96, counted, 8},
      {0x8a, counted, 1}, {0x8b, counted, 4}, {'T', counted, 4}, {'U', counted, 1},  {'c', lines, 2},
      {'i', lines, 2},    {'P', lines, 1},    {'g', lines, 1},   {'p', lines, 1},    {'I', lines, 1},
      {'L', lines, 1},    {'F', lines, 1},    {'S', lines, 1},   {'V', lines, 1}};
  for (const Known& k : known)
    if (k.op == op) return {op, k.argument, k.width};
  return {op};
}

std::vector<Instruction> parse_pickle(std::string_view code) {
  Taker taker(code);
  std::vector<Instruction> program;
  while (taker.left() > 0 && taker.good()) {
    Instruction next = instruction(static_cast<uint8_t>(taker.number(1)));
    if (next.argument == Argument::number) next.number = taker.number(next.width);
    if (next.argument == Argument::counted) next.text = taker.take(taker.number(next.width));
    for (size_t lines = next.argument == Argument::lines ? next.width : 0; lines > 0 && taker.left() > 0;) {
      next.text += taker.take(1);
      lines -= next.text.back() == '\n';
    }
    if (taker.good()) program.push_back(std::move(next));
    if (program.size() > 0 && program.back().op == '.') break;
  }
  return program;
}

std::string written(const std::vector<Instruction>& program) {
  std::string code;
  for (const Instruction& each : program) {
    code += static_cast<char>(each.op);
    if (each.argument == Argument::number) code += number_bytes(each.number, each.width);
    if (each.argument == Argument::counted)
      code += number_bytes(each.length.value_or(each.text.size()), each.width);
    code += each.text;
  }
  return code;
}

bool pushes_a_value(uint8_t op) {
  return std::string_view("NJKMGX})]\x88\x89\x8a\x8c\x8d").find(static_cast<char>(op)) !=
         std::string_view::npos;
}

/// An instruction that pushes one value and takes none.
Instruction a_value(Dice& dice) {
  Instruction value = instruction(
      dice.one_of<uint8_t>({'N', 'J', 'K', 'M', 'G', 'X', '}', ')', ']', 0x88, 0x89, 0x8a, 0x8c}));
  value.number = boundary(dice.below(300), dice);
  if (value.argument == Argument::counted)
    value.text = std::string(dice.below(12), dice.one_in(2) ? '\xff' : 'a');
  return value;
}

Instruction a_global(Dice& dice) {
  Instruction global = instruction('c');
  global.text =
      dice.one_of<const char*>({"torch._utils\n_rebuild_tensor_v2\n", "torch._utils\n_rebuild_parameter\n",
                                "torch\nFloatStorage\n", "torch\nBoolStorage\n", "torch\nLongStorage\n",
                                "collections\nOrderedDict\n", "os\nsystem\n", "torch\n\n"});
  return global;
}

/// Inserts what leaves the depth of the stack as it is.
void insert_neutral(std::vector<Instruction>& program, Dice& dice) {
  const auto at = [&] {
    return program.begin() +
           static_cast<std::ptrdiff_t>(1 + dice.below(std::max<size_t>(program.size(), 2) - 1));
  };
  Instruction more = instruction(dice.one_of<uint8_t>({0x85, 'q', 'r', 0x94, 0x95}));
  more.number = more.op == 0x95 ? 0 : dice.one_in(4) ? boundary(program.size(), dice) : dice.below(20);
  program.insert(at(), std::move(more));
}

}  // namespace

std::optional<std::string> mutate_pickle(std::string_view file, Dice& dice) {
  std::vector<Instruction> program = parse_pickle(file);
  if (program.size() < 3 || program[0].op != 0x80) return std::nullopt;
  Instruction& one = program[1 + dice.below(program.size() - 2)];
  switch (dice.below(8)) {
    case 0: rearrange(program, dice); break;
    case 1: insert_neutral(program, dice); break;
    case 2:  // a value in place of another, or what was stored
      if (!pushes_a_value(one.op)) break;
      one = dice.one_in(3) ? instruction('h') : a_value(dice);
      if (one.op == 'h') one.number = dice.below(20);
      break;
    case 3:
      if (one.op == 'c') one = a_global(dice);
      break;
    case 4: {  // a pair more, or a part of the program twice
      const auto begin = program.begin() + static_cast<std::ptrdiff_t>(1 + dice.below(program.size() - 2));
      const auto end = begin + static_cast<std::ptrdiff_t>(dice.below(
                                   std::min<size_t>(8, static_cast<size_t>(program.end() - begin))));
      const std::vector<Instruction> part(begin, end);
      program.insert(dice.one_in(2) ? begin : end, part.begin(), part.end());
      break;
    }
    case 5:
      if (one.argument == Argument::counted && dice.one_in(4)) one.length = boundary(one.text.size(), dice);
      if (one.argument == Argument::counted && dice.one_in(2))
        one.text.resize(dice.below(2 * one.text.size() + 2), 'x');
      break;
    default:
      if (one.argument == Argument::number) one.number = boundary(one.number, dice);
      if (one.argument == Argument::counted && !one.text.empty())
        one.text[dice.below(one.text.size())] = static_cast<char>(dice.bits());
  }
  return written(program);
}

}  // namespace hewn::test
