#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "core/memory.h"
#include "core/text.h"
#include "kernels/contract/contract.h"
#include "model/json.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/inspect/bad_numbers.h"
#include "train/inspect/grad_norms.h"
#include "train/ranks/rank_exchange.h"

namespace hewn {
namespace {

/// One run of the loop: its constants and its state.
class Loop {
 public:
  Loop(RunDirectory* run, const TrainConfig& config, Trainer& trainer, const BatchSource& source,
       const Validator& validate, RunState state, const LoopEvents& events)
      : run_(run),
        config_(config),
        trainer_(trainer),
        source_(source),
        validate_(validate),
        state_(state),
        events_(events),
        ranks_(ranks_of(trainer)) {
    const int64_t micro_steps = config.gradient_accumulation_steps / (ranks_ ? ranks_->size() : 1);
    batches_.resize(static_cast<size_t>(micro_steps));
    if (state.step > 0) saved_step_ = state.step;
    before_ = state.seconds;
    if (!run) return;
    run->rewind_metrics(state.step, state.evaluated_step);
    point_links(run->path(), state);  // completes the work of a killed process
    prune();
  }

  Outcome go() {
    sample_if_due();  // also of a resumed run, which may have ended because this failed
    for (;;) {
      const bool late = config_.max_time > 0 && agreed(seconds_since(start_) >= config_.max_time);
      if (late) take_all();
      const bool done = state_.step >= config_.max_iters;
      const bool due = done || late || state_.step % config_.eval_interval == 0;
      if (due && !is_evaluated() && !evaluate_and_save(done || late)) return finish(StopReason::asked);
      if (done) return finish(StopReason::max_iters);
      if (config_.patience > 0 && state_.evals_without_better >= config_.patience)
        return finish(StopReason::patience);
      if (late) return finish(StopReason::max_time);
      step();
      or_save([] { keep_reserve(); });
      if (events_.should_stop && events_.should_stop()) {
        take_all();
        return finish(StopReason::asked);
      }
    }
  }

 private:
  /// Does one step. On a GPU, the next step is queued before the result of this one is read, so that the GPU
  /// never waits for batches or the host. state_.step counts the steps whose results are known.
  void step() {
    if (events_.profile && ++steps_here_ > 2) return take(profiled_step());
    const int64_t most = events_.profile ? 1 : trainer_.most_queued();
    while (trainer_.queued() < most && may_begin(state_.step + trainer_.queued())) {
      or_save([&] { draw(state_.step + trainer_.queued()); });
      trainer_.queue(batches_);
    }
    take(trainer_.read());
  }

  /// Whether this step needs no validation any more. A state has no loss if it was not finite.
  bool is_evaluated() const {
    return state_.step == state_.evaluated_step && (state_.val_loss || !validate_);
  }

  /// What rank 0 says.
  bool agreed(bool mine) const {
    const double number = mine ? 1 : 0;
    return ranks_ ? ranks_->gather(std::span(&number, 1))[0].at(0) != 0 : mine;
  }

  /// Does something between two steps that changes no parameters. If it fails, saves the last step that was queued: the
  /// error ends the run. Several ranks can only save together, and end without.
  template <class Work>
  std::invoke_result_t<const Work&> or_save(const Work& work) {
    try {
      return work();
    } catch (const Error& error) {
      if (ranks_) throw;
      take_all();
      if (state_.step == 0 || state_.step == saved_step_) throw;
      std::string result;
      try {
        save();
        result = "saved " + checkpoint_;
      } catch (const Error& unsaved) {
        result = join("step ", state_.step, " could not be saved: ", unsaved.one_line());
      }
      throw Error(error.code(), join(error.what(), "\n  ", result));
    }
  }

  /// Whether this step can be queued: not if the model is used for something else before it.
  bool may_begin(int64_t step) const {
    if (step == state_.step) return true;
    const bool sample = config_.sample_interval > 0 && step % config_.sample_interval == 0;
    return step < config_.max_iters && step % config_.eval_interval != 0 && !sample;
  }

  /// Fills the batches of a step, or this rank's part of them.
  void draw(int64_t step) {
    const int64_t mine = std::ssize(batches_), first = ranks_ ? ranks_->rank() * mine : 0;
    for (int64_t m = 0; m < mine; ++m)
      source_.fill(step * config_.gradient_accumulation_steps + first + m, batches_[static_cast<size_t>(m)]);
    check_mapped_files();
  }

  void take_all() {
    while (trainer_.queued() > 0) take(trainer_.read());
  }

  void take(const StepResult& result) {
    if (!result.finite) {
      draw(result.step);  // batches_ may hold those of the next step
      stop_for_bad_numbers(join("step ", result.step, ": loss ", result.loss, ", gradient norm ",
                                result.grad_norm, ": not finite. First bad node: ",
                                first_bad_node(trainer_, batches_), ". The parameters were not changed"),
                           state_.step);
    }
    ++state_.step;
    state_.tokens += result.tokens;
    state_.seconds = before_ + seconds_since(start_);
    report(result);
    sample_if_due();
  }

  void sample_if_due() {
    if (config_.sample_interval > 0 && state_.step % config_.sample_interval == 0 && events_.on_sample)
      or_save([&] { events_.on_sample(state_.step); });
  }

  StepResult profiled_step() {
    or_save([&] { draw(state_.step); });
    StepResult result;
    const Traffic before = ranks_ ? ranks_->traffic() : Traffic();
    events_.profile->watch([&] { result = trainer_.step(batches_); });
    if (ranks_ && events_.profiled_traffic) *events_.profiled_traffic += ranks_->traffic() - before;
    return result;
  }

  void report(const StepResult& result) {
    window_tokens_ += result.tokens;
    const bool log = state_.step % config_.log_interval == 0 || state_.step == config_.max_iters;
    const double window = seconds_since(window_start_);
    if (window > 0.5 || pace_ == 0) pace_ = static_cast<double>(window_tokens_) / std::max(window, 1e-9);
    if (log) {
      const Json line{
          {"step", state_.step},           {"loss", result.loss},   {"learning_rate", result.learning_rate},
          {"grad_norm", result.grad_norm}, {"tokens_per_s", pace_}, {"seconds", state_.seconds}};
      add_metrics(line);
    }
    if (window > 5) {
      window_start_ = Clock::now();
      window_tokens_ = 0;
    }
    if (!events_.on_step) return;
    const double tokens_left =
        static_cast<double>(config_.max_iters - state_.step) * static_cast<double>(result.tokens);
    double left = tokens_left / pace_;
    if (config_.max_time > 0) left = std::min(left, config_.max_time - seconds_since(start_));
    events_.on_step({.step = result,
                     .max_iters = config_.max_iters,
                     .val_loss = state_.val_loss,
                     .metrics = metrics_,
                     .tokens_per_s = pace_,
                     .counts_texts = config_.model.classifies(),
                     .mfu = events_.peak_tokens_per_s > 0 ? std::optional(pace_ / events_.peak_tokens_per_s)
                                                          : std::nullopt,
                     .seconds_left = std::max(left, 0.0),
                     .next_save = std::min((state_.step / config_.eval_interval + 1) * config_.eval_interval,
                                           config_.max_iters)});
  }

  /// Validates. Saves a checkpoint if the loss improved, if all are saved, or at the end; throws if the loss is not
  /// finite. Returns false if asked to stop before the result was known: a resumed run validates again.
  bool evaluate_and_save(bool last) {
    bool better = false;
    Json line{{"step", state_.step}};
    if (validate_) {
      const auto validation = or_save([&] { return validate_(trainer_.model(), events_.should_stop); });
      if (!validation) return false;
      state_.val_loss = validation->loss;
      metrics_ = validation->metrics;
      better = !state_.best_val_loss || *state_.val_loss < *state_.best_val_loss;
      if (better) {
        state_.best_val_loss = state_.val_loss;
        state_.best_step = state_.step;
        state_.evals_without_better = 0;
      } else {
        ++state_.evals_without_better;
      }
      line["val_loss"] = validation->loss;
      for (const Metric& metric : metrics_) line[metric.name] = metric.value;
      if (!std::isfinite(validation->loss)) stop_for_bad_validation(line);
    }
    if (config_.log_grad_norms) {
      or_save([&] { draw(state_.step); });
      for (const PartNorm& part : grad_norms(trainer_, batches_)) line["grad_norms"][part.part] = part.norm;
    }
    if (config_.log_update_ratios) {
      or_save([&] { draw(state_.step); });
      for (const PartNorm& part : update_ratios(trainer_, batches_))
        line["update_ratios"][part.part] = part.norm;
    }
    if (line.size() > 1) add_metrics(line);
    state_.evaluated_step = state_.step;
    const bool save_now =
        last || (state_.step > 0 && (better || config_.always_save_checkpoint || !validate_));
    if (save_now) save();
    if (events_.on_message) events_.on_message(evaluation_message(better, save_now));
    if (events_.on_evaluated) events_.on_evaluated(state_, metrics_);
    return true;
  }

  std::string evaluation_message(bool better, bool saved) const {
    std::string text = join("step ", state_.step);
    if (state_.val_loss) text += join(": val loss ", fixed(*state_.val_loss, 4), better ? " (best)" : "");
    for (const Metric& metric : metrics_) text += join(", ", metric.name, " ", fixed(metric.value, 4));
    return saved ? join(text, ", saved ", checkpoint_) : text;
  }

  void add_metrics(const Json& line) {
    if (run_) run_->add_metrics(json_text(line));
  }

  void save() {
    if (const std::string bad = bad_parameter(trainer_); !bad.empty())
      stop_for_bad_numbers(join("after step ", state_.step, ": parameter ", bad), state_.step);
    state_.seconds = before_ + seconds_since(start_);
    if (run_) run_->sync_metrics();
    checkpoint_ = save_checkpoint(run_ ? run_->path() : "", state_, trainer_);
    saved_step_ = state_.step;
    if (run_) prune();
  }

  void prune() {
    const std::string problem = prune_checkpoints(run_->path(), config_.keep);
    if (!problem.empty() && events_.on_message)
      events_.on_message("note    old checkpoints remain: " + problem);
  }

  Outcome finish(StopReason reason) {
    if (state_.step > 0 && state_.step != saved_step_) save();
    return {.reason = reason, .state = state_, .checkpoint = checkpoint_};
  }

  /// Notes a validation with a loss that is not finite, which only a resumed run may replace.
  [[noreturn]] void stop_for_bad_validation(const Json& line) {
    add_metrics(line);
    if (events_.on_message) events_.on_message(evaluation_message(false, false));
    if (events_.on_evaluated) events_.on_evaluated(state_, metrics_);
    const std::string bad = bad_parameter(trainer_);
    stop_for_bad_numbers(join("after step ", state_.step, ": the validation loss is ", *state_.val_loss,
                              bad.empty() ? "" : ", parameter " + bad, ". The parameters are not saved"),
                         state_.step - 1);
  }

  /// Checkpoints of later steps than `last_good` count as bad, too.
  [[noreturn]] void stop_for_bad_numbers(const std::string& what, int64_t last_good) {
    auto saved = run_ ? list_checkpoints(run_->path()) : std::vector<CheckpointInfo>{};
    while (!saved.empty() && saved.back().step > last_good) saved.pop_back();
    fail(ErrorCode::numerical, what, ". ",
         saved.empty() ? std::string("There is no good checkpoint")
                       : "The last good checkpoint is " + saved.back().path,
         "; try a smaller learning_rate, a longer warmup_iters or a grad_clip");
  }

  RunDirectory* run_;  // null on ranks other than 0
  const TrainConfig& config_;
  Trainer& trainer_;
  const BatchSource& source_;
  const Validator& validate_;
  RunState state_;
  const LoopEvents& events_;
  Ranks* ranks_;                 // null: this process alone
  std::vector<Metric> metrics_;  // of the latest evaluation
  std::vector<Batch> batches_;
  std::string checkpoint_;
  int64_t saved_step_ = -1;
  int64_t steps_here_ = 0;  // of this process, while profiling
  double before_ = 0;       // seconds trained by earlier processes
  Clock::time_point start_ = Clock::now(), window_start_ = start_;
  int64_t window_tokens_ = 0;
  double pace_ = 0;  // tokens per second
};

}  // namespace

BatchLoader training_loader(const Dataset& data, const TrainConfig& config, int64_t stride, bool epochs) {
  return BatchLoader(data.train_splits(), {.batch_size = config.batch_size,
                                           .block_size = config.model.block_size,
                                           .stride = stride,
                                           .order = epochs ? Order::shuffled : Order::random,
                                           .seed = config.seed});
}

Outcome run_training(RunDirectory* run, const TrainConfig& config, Trainer& trainer,
                     const BatchSource& source, const Validator& validate, RunState state,
                     const LoopEvents& events) {
  Loop loop(run, config, trainer, source, validate, state, events);
  std::optional<Outcome> outcome;
  long_region(trainer.model().device(), [&] { outcome = loop.go(); });
  return *outcome;
}

}  // namespace hewn
