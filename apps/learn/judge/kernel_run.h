#pragma once
// Runs the kernel of a lesson on the block emulator and watches every access to memory. Since the emulator
// runs one thread at a time, results may be correct despite a missing barrier; the accesses reveal it.

#include <optional>
#include <span>
#include <string>

#include "apps/learn/hewn/lesson.h"
#include "core/error.h"
#include "kernels/gpu/simt/grid.h"

namespace hewn::cli::learn {

/// A fault of a call other than wrong results.
struct Remark {
  std::string kind;  ///< kind of mistake: "a barrier is missing before a read"
  std::string text;  ///< for the student, with lines and threads
};

/// A call that could not be completed.
class Misuse : public Error {
 public:
  explicit Misuse(Remark remark) : Error(ErrorCode::numerical, remark.text), remark_(std::move(remark)) {}
  const Remark& remark() const { return remark_; }

 private:
  Remark remark_;
};

/// "a(5, 0) is outside: a has 3 rows (0 to 2) and 4 columns (0 to 3)"
std::string outside_text(const lesson::Operand& array, int row, int col);

struct KernelReport {
  int64_t loads = 0;  ///< elements read from global memory
  /// Slow, though the results are right: scattered accesses, bank conflicts, repeated stores.
  std::optional<Remark> remark;
};

/// An operand that is a kernel's memory; inputs and outputs are global.
enum class MemoryKind : uint8_t { input, output, shared };
struct KernelMemory {
  MemoryKind kind;
  const lesson::Operand* operand;
};

/// Runs all threads of the grid; `memories` belong to `operands`. Throws Misuse for races, accesses outside,
/// reads of elements that no thread has set, and barriers that some threads never reach.
KernelReport run_kernel(const lesson::Entry& entry, const lesson::Operand* operands,
                        std::span<const KernelMemory> memories, const Grid& grid);

}  // namespace hewn::cli::learn
