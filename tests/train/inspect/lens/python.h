#pragma once
// Comparisons with Python's libraries, where python3 has them.

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

namespace hewn::test {

/// Whether python3 can import a module.
inline bool python_has(const std::string& module) {
  return run_program({"python3", "-c", "import " + module}).exit_code == 0;
}

/// What a script prints as JSON, given `input` as the variable `data`.
inline nlohmann::json python_says(const std::string& script, const nlohmann::json& input) {
  const TempDir dir;
  write_file(dir / "input.json", input.dump());
  write_file(dir / "script.py", "import json, sys\ndata = json.load(open(sys.argv[1]))\n" + script);
  const auto r = run_program({"python3", (dir / "script.py").string(), (dir / "input.json").string()});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return nlohmann::json::parse(r.out);
}

}  // namespace hewn::test
