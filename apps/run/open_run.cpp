#include "apps/run/open_run.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/cli/config_file.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/limits.h"
#include "core/io/path.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"
#include "train/data/sources.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

/// The requested number type, else the run's.
DType dtype_of(const Settings& settings, const Settings& config) {
  return dtype_from_name((settings.has("dtype") ? settings : config).text("dtype"));
}

OpenRun open_own_run(const Settings& settings, const std::string& path, std::unique_ptr<Executor> device) {
  const HeldCheckpoint held = hold_checkpoint(path);
  if (!held.remark.empty()) say("note    ", held.remark);
  const std::string &checkpoint = held.path, run = run_of(checkpoint);
  OpenRun opened{.run = run,
                 .checkpoint = checkpoint,
                 .device = std::move(device),
                 .tokenizer = run_tokenizer(run, checkpoint_state(checkpoint).tokenizer_hash),
                 .no_tokenizer = "the run has no tokenizer.json",
                 .model = nullptr,
                 .config = read_run_config(run)};
  opened.text_form = run_text_form(run, opened.tokenizer.get());
  const DType dtype = dtype_of(settings, opened.config);
  if (adapters_of(settings).empty()) {
    opened.model = open_checkpoint(checkpoint, *opened.device, dtype, moved_base(settings));
    return opened;
  }
  const ForeignModel model = open_merged(settings, checkpoint);
  opened.tokenizer = model.tokenizer;
  opened.model = load_foreign(model, *opened.device, dtype);
  return opened;
}

OpenRun open_model_file(const Settings& settings, const std::string& path, std::unique_ptr<Executor> device) {
  const ForeignModel foreign = open_merged(settings, path);
  OpenRun opened{.run = path,
                 .checkpoint = path,
                 .device = std::move(device),
                 .tokenizer = foreign.tokenizer,
                 .no_tokenizer = foreign.no_tokenizer,
                 .model = nullptr,
                 .config = settings_of(foreign.config, "f32", path),
                 .labels = foreign.labels,
                 .text_form = foreign.text_form};
  const Doing opening("opening ", path);
  opened.model = open_foreign_weights(foreign, *opened.device, dtype_of(settings, opened.config));
  return opened;
}

}  // namespace

const Command& training_command(const std::string& run) {
  const std::optional<Task> task = read_task(run);
  const Command* command = find_command(task ? join("finetune ", name_of(task->kind)) : "train");
  if (!command)
    fail(ErrorCode::input, run, "/task.json: this version of Hewn does not know this kind of task");
  return *command;
}

std::string page_beside(const std::string& path, const std::string& name) {
  return path_is_directory(path) && !is_foreign_model(path) ? (fs::path(run_of(path)) / name).string() : name;
}

std::string started_from(const std::string& run) {
  const std::string path = run + "/env.json";
  const std::string text = path_is_file(path) ? read_small_file(path, size_t{1} << 20) : "";
  const auto environment = nlohmann::json::parse(text, nullptr, false);
  if (environment.is_object() && environment.contains("init_from") && environment["init_from"].is_string())
    return environment["init_from"];
  const std::optional<Task> task = read_task(run);
  return task && task->base ? task->base->path : "";
}

std::optional<Task> task_of_run(const OpenRun& run) {
  if (run.run == run.checkpoint) return std::nullopt;  // another program's model
  return read_task(run.run);
}

std::string moved_base(const Settings& settings) {
  return settings.takes("base") ? settings.text("base") : "";
}

std::vector<NamedAdapter> adapters_of(const Settings& settings) {
  std::vector<NamedAdapter> adapters;
  if (!settings.takes("adapter") || !settings.has("adapter")) return adapters;
  for (const std::string& word : settings.list("adapter")) {
    NamedAdapter adapter{.path = word};
    if (const size_t colon = word.rfind(':'); colon != word.npos && !word_is_path(word)) {
      require(parse_real(word.substr(colon + 1), adapter.weight), settings.where("adapter"), ": '", word,
              "' has no number after the colon; give PATH or PATH:X, such as tuned:0.5");
      adapter.path = word.substr(0, colon);
    }
    adapters.push_back(adapter);
  }
  return adapters;
}

Settings without_adapters(const Settings& settings) {
  Settings plain(settings.command());
  for (const char* key : {"device", "threads", "dtype", "matmul_precision", "base"})
    if (settings.given(key)) plain.set({key, settings.text(key), settings.where(key)});
  return plain;
}

ForeignModel open_merged(const Settings& settings, const std::string& path) {
  ForeignModel model = [&] {
    if (is_foreign_model(path)) return open_lesson_or_foreign(path);
    const HeldCheckpoint held = hold_checkpoint(path);
    const std::string& checkpoint = held.path;
    ForeignModel own = checkpoint_model(checkpoint, moved_base(settings));
    own.tokenizer = run_tokenizer(run_of(checkpoint), checkpoint_state(checkpoint).tokenizer_hash);
    own.text_form = run_text_form(run_of(checkpoint), own.tokenizer.get());
    if (const auto task = read_task(run_of(checkpoint))) own.labels = task->labels;
    own.no_tokenizer = "the run was trained on token ids without a tokenizer";
    return own;
  }();
  const std::vector<NamedAdapter> adapters = adapters_of(settings);
  return adapters.empty() ? std::move(model) : with_adapters(model, adapters);
}

Settings read_run_config(const std::string& run) {
  Settings config(training_command(run));
  config.fill(read_sealed_config(run + "/" + configuration_file));
  // Runs of earlier versions read special tokens in their texts as text.
  if (config.takes("special") && config.given("dataset") && !config.given("special"))
    config.set({"special", "text", run + "/" + configuration_file});
  return config;
}

std::shared_ptr<const Tokenizer> run_tokenizer(const std::string& run, uint64_t expected_hash) {
  const std::string path = run + "/tokenizer.json";
  if (!path_exists(path)) {
    if (expected_hash != 0) fail(ErrorCode::input, path, " is missing; the run was trained with a tokenizer");
    return nullptr;
  }
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(path);
  if (expected_hash != 0 && from_hex(tokenizer->hash()) != expected_hash)
    fail(ErrorCode::input, path, " is not the tokenizer that the run was trained with: its hash is ",
         tokenizer->hash(), "; expected ", to_hex(expected_hash));
  return tokenizer;
}

std::optional<TextForm> run_text_form(const std::string& run, const Tokenizer* tokenizer) {
  if (!tokenizer) return std::nullopt;
  const std::string path = run + "/" + text_form_file;
  if (path_exists(path)) {
    const Doing reading("reading ", path);
    return text_form_from_json(read_small_file(path, 1 << 20), tokenizer->vocab_size());
  }
  const Settings config = read_run_config(run);
  const std::string dataset =
      config.takes("dataset") && config.given("dataset") ? config.text("dataset") : "";
  std::optional<int32_t> separator;
  if (dataset == "tales")
    separator = line_end_id(*tokenizer, dataset);
  else if (path_is_directory(dataset) && is_data_directory(dataset))
    separator = separator_of((fs::path(dataset) / token_files_in(dataset).train.at(0)).string());
  return separator && *separator < tokenizer->vocab_size()
             ? std::optional(form_of_documents(*tokenizer, *separator))
             : std::nullopt;
}

bool is_foreign_model(const std::string& path) {
  if (is_lesson(path)) return true;
  const fs::path given(path);
  const auto holds = [&](const char* name) { return path_exists(given / name); };
  if (!path_is_directory(given)) return path_exists(given);
  return (holds("config.json") || holds("hparams.json")) && !holds("checkpoints") && !holds("state.json");
}

Settings settings_of(const ModelConfig& model, const std::string& dtype, const std::string& source) {
  Settings config(*find_command("train"));
  config.fill(model_settings(model, source));
  config.set({"dtype", dtype, source});
  return config;
}

std::string named_run(const Settings& settings) {
  const std::vector<std::string>& named = settings.arguments;
  const std::string call = join("`", command_line(settings.command()), " RUN`");
  require(named.size() <= 1, "expected one run; use ", call,
          ", with a run's directory, one of its checkpoints, or a model file");
  const bool by_key = settings.given("out_dir");
  require(named.empty() || settings.where("out_dir") != "--out_dir", "two runs were given, ",
          named.empty() ? "" : named[0], " and --out_dir=", settings.text("out_dir"), "; give one");
  if (!named.empty()) return named[0];
  if (by_key) return settings.text("out_dir");
  const std::string made(find_option(*find_command("train"), "out_dir")->initial);
  require(path_exists(made + "/config.toml"), "no run was given; use ", call,
          ", with a run's directory, one of its checkpoints, or a model file; ./", made,
          ", where `hewn train` writes by default, is not a run");
  detail("run ", made);
  return made;
}

void require_language_model(const ModelConfig& model, const std::string& run) {
  require(!model.classifies(), run, " is a classifier with ", model.n_labels,
          " labels, which does not predict tokens; label texts with `hewn classify ", shell_word(run), "`");
}

OpenRun open_run(const Settings& settings) { return open_run(settings, named_run(settings)); }

OpenRun open_run(const Settings& settings, const std::string& path) {
  return open_run(settings, path, open_device(settings));
}

OpenRun open_run(const Settings& settings, const std::string& path, std::unique_ptr<Executor> device) {
  OpenRun opened = is_foreign_model(path) ? open_model_file(settings, path, std::move(device))
                                          : open_own_run(settings, path, std::move(device));
  check_mapped_files();  // the weights were copied from some
  detail("opened ", opened.checkpoint, ", ", opened.model->parameters().numel(), " parameters");
  return opened;
}

}  // namespace hewn::cli
