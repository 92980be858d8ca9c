#include "apps/run/open_run.h"

#include <filesystem>

#include "apps/cli/config_file.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "core/error.h"

namespace hewn::cli {

Settings read_run_config(const std::string& run) {
  Settings config(*find_command("train"));
  config.fill(read_config(run + "/config.toml"));
  return config;
}

std::shared_ptr<const Tokenizer> run_tokenizer(const std::string& run, uint64_t expected_hash) {
  const std::string path = run + "/tokenizer.json";
  if (!std::filesystem::exists(path)) {
    if (expected_hash != 0) fail(ErrorCode::input, path, " is missing; the run was trained with a tokenizer");
    return nullptr;
  }
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(path);
  if (expected_hash != 0 && from_hex(tokenizer->hash()) != expected_hash)
    fail(ErrorCode::input, path, " is not the tokenizer this run was trained with: its hash is ",
         tokenizer->hash(), ", expected ", to_hex(expected_hash));
  return tokenizer;
}

OpenRun open_run(const Settings& settings) {
  require(settings.arguments.size() == 1,
          settings.arguments.empty() ? "which run? " : "one run at a time: ", "`hewn ",
          settings.command().name, " RUN`, a run's directory or one of its checkpoints");
  const std::string checkpoint = find_checkpoint(settings.arguments[0], "last", Manifest::Look::quick);
  const std::string run = run_of(checkpoint);
  OpenRun opened{.run = run,
                 .checkpoint = checkpoint,
                 .device = open_device(settings),
                 .tokenizer = run_tokenizer(run, checkpoint_state(checkpoint).tokenizer_hash),
                 .model = nullptr,
                 .config = read_run_config(run)};
  const DType dtype = dtype_from_name(opened.config.text("dtype"));
  opened.model = open_checkpoint(checkpoint, *opened.device, dtype);
  detail("opened ", checkpoint, ", ", opened.model->parameters().numel(), " parameters");
  return opened;
}

}  // namespace hewn::cli
