#pragma once
// Running the built program in tests.

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

namespace hewn::test {

/// Runs `hewn` with these arguments, free of the caller's HEWN_* keys and colour settings.
inline ProcessResult hewn(std::vector<std::string> arguments, ProcessOptions options = {}) {
  arguments.insert(arguments.begin(), hewn_program().string());
  for (const char* name : {"NO_COLOR", "COLUMNS", "HEWN_THREADS", "HEWN_SEED", "HEWN_DTYPE"})
    if (!options.env.count(name)) options.unset_env.emplace_back(name);
  return run_program(arguments, options);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
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
