#pragma once
// `hewn bench kernels --ladder`: the source of each rung, embedded in the program.

#include <string>
#include <vector>

#include "kernels/contract/case.h"

namespace hewn::cli {

/// The source of a rung's kernel.
struct RungSource {
  std::string file{};  ///< "kernels/matmul/lessons/cached.cpp"; "" if the kernel was not found
  int line = 0;        ///< of its definition
  /// The source without comments and blank lines: the whole file if it has at most 80 such lines, otherwise
  /// the function.
  std::vector<std::string> code{};

  /// "kernels/matmul/lessons/cached.cpp:11"
  std::string place() const;
};

/// Finds the kernel of a rung: its entry in list.cpp, `scalar<"cached">`, has the name under which a file of
/// the same folder defines it, `kernel<"cached">`.
RungSource source_of(const Case& c, size_t rung);

/// The lines of `before` that are not in `after`, marked "- ", and those only in `after`, marked "+ ", in the
/// order of the sources; indentation does not count.
std::vector<std::string> changed_lines(const std::vector<std::string>& before,
                                       const std::vector<std::string>& after);

}  // namespace hewn::cli
