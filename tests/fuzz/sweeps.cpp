// What a sweep keeps of itself.

#include "tests/fuzz/target.h"
#include "train/sweep/definition.h"
#include "train/sweep/results.h"

namespace hewn::test {
namespace {

/// What was read is written and read again.
const AddFuzzTarget definition_target("sweep_definition", [](std::string_view bytes) {
  const auto sweep = SweepDefinition::from_json(std::string(bytes), "sweep.json");
  if (SweepDefinition::from_json(sweep.to_json(), "again").grid.size() != sweep.grid.size()) std::abort();
});

const AddFuzzTarget result_target("sweep_result", [](std::string_view bytes) {
  const SweepResult result = sweep_result_from_json(std::string(bytes));
  rank({sweep_result_from_json(to_json(result)), result});
});

}  // namespace
}  // namespace hewn::test
