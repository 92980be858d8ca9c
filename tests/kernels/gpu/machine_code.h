#pragma once
// Reads the machine code of GPU kernels as `cuobjdump -sass` prints it.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// The machine code of one kernel for one GPU.
struct MachineCode {
  struct Instruction {
    uint64_t at;  ///< address, counted from the start of the kernel
    std::string text;
  };
  /// The instructions from the target of a backward branch to the branch.
  struct Loop {
    uint64_t first, last;  ///< addresses
    int own;               ///< its instructions, without those of the loops inside it
  };

  std::string target;  ///< "sm_90a"
  std::string
      name;  ///< demangled, without namespaces: "void attend<64, false>(AttentionForward, DropoutMask)"
  std::vector<Instruction> instructions;

  /// The number of instructions with this name, "LDL", and any suffixes, "LDL.64".
  int count(std::string_view instruction) const;
  std::vector<Loop> loops() const;
  /// The instructions of its largest loop, without those of the loops inside it.
  int largest_loop() const;
};

/// Finds the kernels in a listing that is given line by line, and passes each on when it is complete.
class ListingReader {
 public:
  explicit ListingReader(std::function<void(const MachineCode&)> use) : use_(std::move(use)) {}
  void line(const std::string& text);
  void end();

 private:
  std::function<void(const MachineCode&)> use_;
  MachineCode now_;
};

}  // namespace hewn::test
