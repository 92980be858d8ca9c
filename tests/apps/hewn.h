#pragma once
// Running the built program in tests.

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"

namespace hewn::test {

/// The PATH on which a shell finds `hewn`.
inline std::string path_with_hewn() {
  const char* path = std::getenv("PATH");
  return hewn_program().parent_path().string() + ":" + (path ? path : "/usr/bin:/bin");
}

/// Runs `hewn` with these arguments, free of the caller's HEWN_* keys and colour settings: by that name, found on the
/// PATH, unless the options set a PATH.
inline ProcessResult hewn(std::vector<std::string> arguments, ProcessOptions options = {}) {
  const bool own_path = options.env.count("PATH") > 0;
  arguments.insert(arguments.begin(), own_path ? hewn_program().string() : "hewn");
  options.env.emplace("PATH", path_with_hewn());
  for (const char* name : {"NO_COLOR", "COLUMNS", "HEWN_THREADS", "HEWN_SEED", "HEWN_DTYPE"})
    if (!options.env.count(name)) options.unset_env.emplace_back(name);
  return run_program(arguments, options);
}

}  // namespace hewn::test

/// The call must end with this status and say `part` on standard error.
#define CHECK_FAILS(result, status, part)             \
  do {                                                \
    const auto outcome = (result);                    \
    INFO("out: " << outcome.out.substr(0, 500));      \
    INFO("err: " << outcome.err);                     \
    CHECK(outcome.exit_code == (status));             \
    CHECK(hewn::test::contains(outcome.err, (part))); \
  } while (false)
