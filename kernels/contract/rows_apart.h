#pragma once

#include "core/base/not_copied.h"
// Results of a row that do not depend on the rows beside it.

namespace hewn {

/// While it lives, matrix products that this thread calls on a CPU use only kernels in which every row of the result has
/// the bits that it would have alone: AMX, whose order few rows do not have, is left out.
class RowsApart : NotCopied {
 public:
  RowsApart() { ++depth; }
  ~RowsApart() { --depth; }

  static bool on() { return depth > 0; }

 private:
  static inline thread_local int depth = 0;
};

}  // namespace hewn
