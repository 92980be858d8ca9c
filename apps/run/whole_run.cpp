#include "apps/run/whole_run.h"

#include <nlohmann/json.hpp>

#include "apps/cli/config_file.h"
#include "apps/cli/version.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn::cli {
// Writes the checkpoint last: a directory without one is not a run.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const Json& origin, const std::optional<Task>& task) {
  try {
    auto environment = Json::parse(version_json());
    environment.update(origin);
    write_file_atomically(run.file("env.json"), json_text(environment, 2) + "\n");
    if (task) write_task(run.path(), *task);
    write_file_atomically(run.file(configuration_file), sealed(config.to_toml(true)));
    if (model.tokenizer) {
      model.tokenizer->save(run.file("tokenizer.json"));
      write_file_atomically(run.file(text_form_file), to_json(model.texts().form()) + "\n");
    }
    RunState state;
    state.tokenizer_hash = model.tokenizer ? from_hex(model.tokenizer->hash()) : 0;
    const DType dtype = dtype_from_name(config.text("dtype"));
    return save_imported(run.path(), state, [&](const std::string& path) {
      return save_foreign(path, model, dtype == DType::f64 ? DType::f64 : DType::f32);
    });
  } catch (...) {
    run.discard();
    throw;
  }
}

}  // namespace hewn::cli
