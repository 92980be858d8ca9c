#include "apps/finetune/finetune_start.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "apps/run/text/text_writer.h"
#include "apps/train/training.h"
#include "core/error.h"
#include "core/io/path.h"
#include "kernels/cross_entropy/abi.h"
#include "train/checkpoint/adapted.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

/// What determines the weights of a model, as 16 hexadecimal digits.
std::string hash_of(const ForeignModel& model) {
  Checksum sum;
  model.tensors->each([&](const TensorEntry& entry) {
    sum.update(entry.name.data(), entry.name.size());
    sum.update(entry.data, entry.bytes);
  });
  return to_hex(sum.value());
}

/// The path of the weights that training starts from, which the task notes.
std::string base_path(const TrainStart& start) {
  return start.foreign ? start.from : absolute_path(start.checkpoint);
}

void require_start(const Settings& settings) {
  const std::string command = command_line(settings.command());
  require(settings.arguments.empty(), "'", settings.arguments.empty() ? "" : settings.arguments[0],
          "' is neither a CONFIG.toml nor a key; give the rows as --data=FILE");
  require(settings.has("init_from"),
          "no model was given to start from; add --init_from=RUN (a run or another program's model) or "
          "--init_from=resume");
  require(settings.text("init_from") != "scratch", settings.where("init_from"), ": `", command,
          "` starts from a trained model; give a run, or another program's model");
}

}  // namespace

FinetuneStart::FinetuneStart(Settings& settings) {
  require_start(settings);
  for (const char* key : {"data", "val", "test"})
    if (settings.has(key) && path_exists(settings.text(key)))
      settings.set({key, absolute_path(settings.text(key)), settings.where(key)});
  settings.require_storable();
  start_ = begin_training(settings);
  if (start_.text_form) start_.text_form = form_of_rows(*start_.text_form);
  if (!start_.resumed) require_storable({"init_from", base_path(start_), settings.where("init_from")});
  require(settings.has("data"),
          "no rows were given; add --data=TABLE, a file in CSV, TSV, JSON or JSON Lines");
  require(start_.tokenizer != nullptr, settings.where("init_from"), ": ", settings.text("init_from"),
          " has no tokenizer, so it cannot read text");
  if (start_.resumed && start_.checkpoint.empty())
    fail(ErrorCode::input, start_.run->path(),
         ": has no checkpoint to resume; start again with --init_from=RUN");
  if (start_.resumed) task_ = read_task(start_.run->path());
}

void FinetuneStart::meet(const Settings& settings, const std::vector<std::string_view>& texts) {
  const std::string unknown = start_.unknown(settings);
  if (unknown.empty()) return;
  std::string note;
  start_.take(meet_texts(start_.tokenizer, texts, unknown, note));
  if (!note.empty()) say("note: ", note);
}

ModelConfig FinetuneStart::base_config() const {
  ModelConfig config = start_.foreign ? start_.foreign->config : checkpoint_config(start_.checkpoint);
  config.vocab_size = std::max<int64_t>(config.vocab_size, start_.tokenizer->vocab_size());
  return config;
}

ChatTemplate FinetuneStart::chat(Settings& settings) const {
  if (task_ && task_->chat) return *task_->chat;
  if (settings.given("template")) return find_template(settings.text("template"));
  const auto base = start_.foreign ? std::nullopt : read_task(run_of(start_.checkpoint));
  const ChatTemplate chat = base && base->chat ? *base->chat : find_template("alpaca");
  for (const std::string& name : split(template_names(), '|'))
    if (find_template(name) == chat) settings.set({"template", name, "the run in init_from"});
  return chat;
}

int64_t FinetuneStart::max_length(const Settings& settings, const ModelConfig& model) const {
  if (!settings.has("max_length")) return model.block_size;
  const int64_t length = settings.integer("max_length");
  require(length <= model.block_size, settings.where("max_length"), ": max_length = ", length,
          ", but the model's context has ", model.block_size, " tokens; give at most that many");
  return length;
}

TrainConfig FinetuneStart::config(Settings& settings, const ModelConfig& model, const BatchSource& batches,
                                  int64_t longest) const {
  // Steps that follow from epochs and rows are not saved with the run: resumed with more epochs, it has more steps.
  Settings filled = settings;
  const auto per_epoch = static_cast<double>(batches.batch_count()) /
                         static_cast<double>(settings.integer("gradient_accumulation_steps"));
  const auto steps = [](double count) { return std::to_string(std::max<int64_t>(1, std::llround(count))); };
  if (!settings.given("max_iters"))
    filled.set(
        {"max_iters", steps(std::ceil(settings.real("epochs") * per_epoch)), settings.where("epochs")});
  if (!settings.given("eval_interval")) filled.set({"eval_interval", steps(per_epoch), "an epoch"});
  TrainConfig config = train_config(filled, model);
  config.max_length = longest;
  config.training.first_new = start_.state.first_new_token;
  config.check();
  note_resolved(settings, config);
  return config;
}

// Keeps a CPU's memory to what the longest batch needs.
void FinetuneStart::check_memory(const TrainConfig& config, Executor& device) {
  cli::check_memory(config, device);
  planned_bytes_ = make_plan(config, target_of(device)).memory.peak_reserved;
  if (!device.gpu()) device.pool().keep_within(planned_bytes_);
}

void FinetuneStart::prepare(Settings& settings, const TrainConfig& config, Trainer& trainer,
                            uint64_t data_hash, const Task& task) {
  trainer.graphs().use(settings.flag("cuda_graph"));
  if (start_.resumed)
    load_checkpoint(start_.checkpoint, trainer, start_.moved_base);
  else
    start_.load_weights(trainer.model());
  start_.open_run(settings, config, data_hash);
  write_run_files(*start_.run, settings, data_hash, texts(), start_.resumed ? nullptr : &task);
  if (start_.resumed)
    start_.say_resumed(config);
  else
    save_checkpoint(start_.run->path(), start_.state, trainer);
}

std::unique_ptr<Finetuning> FinetuneStart::begin(Settings& settings, const TrainConfig& config,
                                                 uint64_t data_hash, Task task, const std::string& rows) {
  auto device = open_device(settings);
  check_memory(config, *device);
  auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  const auto say_all = [&](const Model& made) {
    say("data    ", rows);
    say_what(config, made);
  };
  if (settings.flag("dry_run")) {
    say_all(*model);
    print(settings.to_toml());
    return nullptr;
  }
  auto begun = std::make_unique<Finetuning>(std::move(device), std::move(model), config);
  task.train = config.training.what;
  if (!start_.resumed)
    task.base = Task::Base{base_path(start_), start_.foreign
                                                  ? hash_of(*start_.foreign)
                                                  : to_hex(checkpoint_weights(start_.checkpoint).checksum)};
  prepare(settings, config, begun->trainer, data_hash, task);
  say_all(*begun->model);
  return begun;
}

void FinetuneStart::say_what(const TrainConfig& config, const Model& model) const {
  say_model(config, model);
  say("memory  ", bytes_text(static_cast<double>(planned_bytes_)), " for the longest batch");
  say("train   ", long_count(config.max_iters), " steps of ",
      long_count(config.batch_size * config.gradient_accumulation_steps),
      config.preference.on ? " pairs of rows" : " rows", " of up to ", long_count(config.longest_row()),
      " tokens");
}

std::string split_text(size_t train, size_t val, size_t test, std::string_view rows) {
  const auto count = [](size_t n) { return long_count(static_cast<int64_t>(n)); };
  return join(count(train), " ", rows, " for training, ", count(val), " for validation, ", count(test),
              " for the test");
}

namespace {

constexpr std::string_view gray = "90", green = "32";

// A special token by its name, any other as text in quotes.
std::string shown(const Tokenizer& tokenizer, int32_t id) {
  for (const Special& special : tokenizer.specials())
    if (special.id == id) return special.text;
  return quoted_piece(tokenizer, id);
}

// One part: "  masked   " and its tokens, in lines of the terminal's width.
std::string part_text(const std::vector<std::string>& tokens, bool learned) {
  const std::string begin = learned ? "  learned" : "  masked ", indent(begin.size(), ' ');
  const auto width = static_cast<size_t>(std::max(40, terminal_width(Stream::results)));
  std::string text, line = begin;
  for (const std::string& token : tokens) {
    if (line.size() + 1 + token.size() > width && line.size() > indent.size()) {
      text += line + "\n";
      line = indent;
    }
    line += " " + token;
  }
  text += line;
  return in_color(Stream::results, learned ? green : gray, text) + "\n";
}

}  // namespace

std::string row_view(const Tokenizer& tokenizer, const TrainingRow& row, const std::string& title) {
  const auto learned_at = [&](size_t i) { return i > 0 && row.targets[i - 1] != ignored_target; };
  const auto count = std::count_if(row.targets.begin(), row.targets.end(),
                                   [](int32_t target) { return target != ignored_target; });
  // The last target is a token too; if it is not learned, its id is unknown here and not shown.
  std::vector<int32_t> tokens = row.tokens;
  if (row.targets.back() != ignored_target) tokens.push_back(row.targets.back());
  std::string text = join(title, ": ", tokens.size(), " tokens, ", count, " of them learned\n");
  for (size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
    std::vector<std::string> part;
    for (end = begin; end < tokens.size() && learned_at(end) == learned_at(begin); ++end)
      part.push_back(shown(tokenizer, tokens[end]));
    text += part_text(part, learned_at(begin));
  }
  return text;
}

}  // namespace hewn::cli
