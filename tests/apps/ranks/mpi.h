#pragma once
// What tests of several hosts need.

#include <filesystem>

#include "tests/apps/hewn.h"

namespace hewn::test {

/// Whether the program was built with MPI; otherwise reports that the test is skipped.
inline bool has_mpi() {
  if (std::filesystem::exists(hewn_program().parent_path() / "libhewn_mpi.so")) return true;
  skip("MPI: this build has no libhewn_mpi.so");
  return false;
}

}  // namespace hewn::test
