#include "apps/run/whole_run.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/config_file.h"
#include "apps/cli/version.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "model/json.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn::cli {
namespace {

namespace fs = std::filesystem;

// Removes the run's directory if it cannot be completed.
class UnfinishedRun {
 public:
  explicit UnfinishedRun(const RunDirectory& run) : path_(run.path()) {}
  ~UnfinishedRun() {
    if (path_.empty()) return;
    std::error_code ignored;
    for (const char* name : {configuration_file, "env.json", "task.json", text_form_file, "tokenizer.json",
                             ".lock", checkpoints_directory})
      fs::remove_all(fs::path(path_) / name, ignored);
    fs::remove(path_, ignored);
  }
  UnfinishedRun(const UnfinishedRun&) = delete;
  UnfinishedRun& operator=(const UnfinishedRun&) = delete;
  void finish() { path_.clear(); }

 private:
  std::string path_;
};

}  // namespace

// Writes the checkpoint last: a directory without one is not a run.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const nlohmann::ordered_json& origin) {
  UnfinishedRun unfinished(run);
  auto environment = nlohmann::ordered_json::parse(version_json());
  environment.update(origin);
  write_file_atomically(run.file("env.json"), json_text(environment, 2) + "\n");
  write_file_atomically(run.file(configuration_file), sealed(config.to_toml(true)));
  if (model.tokenizer) {
    model.tokenizer->save(run.file("tokenizer.json"));
    write_file_atomically(run.file(text_form_file), to_json(model.texts().form()) + "\n");
  }
  RunState state;
  state.tokenizer_hash = model.tokenizer ? from_hex(model.tokenizer->hash()) : 0;
  const DType dtype = dtype_from_name(config.text("dtype"));
  const std::string checkpoint = save_imported(run.path(), state, [&](const std::string& path) {
    return save_foreign(path, model, dtype == DType::f64 ? DType::f64 : DType::f32);
  });
  unfinished.finish();
  return checkpoint;
}

}  // namespace hewn::cli
