// Tasks that models are scored on.

#include "core/error.h"
#include "tests/fuzz/target.h"
#include "train/scores/core_yaml.h"
#include "train/scores/eval_task.h"

namespace hewn::test {
namespace {

/// Two columns of one name are a mistake in how the program is called, not a broken file.
const AddFuzzTarget tasks_target("eval_task", [](std::string_view bytes) {
  try {
    const EvalTask task = eval_task_of(bytes, "task");
    for (const EvalRow& row : task.rows)
      if (row.gold >= row.choices()) std::abort();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
  }
});

const AddFuzzTarget list_target("core_yaml", [](std::string_view bytes) { tasks_of_yaml(bytes, "list"); });

}  // namespace
}  // namespace hewn::test
