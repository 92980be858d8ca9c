#include "train/config.h"

#include <cmath>
#include <numbers>

#include "core/error.h"

namespace hewn {
namespace {

void need(const char* name, double value, double low, double high) {
  require(value >= low && value <= high, name, " = ", value, "; it must lie between ", low, " and ", high);
}

}  // namespace

std::string name_of(OptimizerKind v) {
  return v == OptimizerKind::adamw ? "adamw" : v == OptimizerKind::adam ? "adam" : "sgd";
}

std::string name_of(ScheduleKind v) {
  return v == ScheduleKind::cosine ? "cosine" : v == ScheduleKind::linear ? "linear" : "constant";
}

void parse_name(const std::string& name, OptimizerKind& v) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd})
    if (name_of(kind) == name) return void(v = kind);
  fail(ErrorCode::usage, "optimizer \"", name, "\" is not one of adamw, adam, sgd");
}

void parse_name(const std::string& name, ScheduleKind& v) {
  for (const auto kind : {ScheduleKind::cosine, ScheduleKind::linear, ScheduleKind::constant})
    if (name_of(kind) == name) return void(v = kind);
  fail(ErrorCode::usage, "schedule \"", name, "\" is not one of cosine, linear, constant");
}

void TrainConfig::check() const {
  model.check();
  constexpr double many = 1e15;
  need("batch_size", static_cast<double>(batch_size), 1, 1 << 24);
  need("gradient_accumulation_steps", static_cast<double>(gradient_accumulation_steps), 1, 1 << 20);
  need("max_iters", static_cast<double>(max_iters), 0, many);
  need("max_time", max_time, 0, many);
  need("patience", static_cast<double>(patience), 0, many);
  need("eval_interval", static_cast<double>(eval_interval), 1, many);
  need("eval_iters", static_cast<double>(eval_iters), 1, 1 << 24);
  need("log_interval", static_cast<double>(log_interval), 1, many);
  need("keep", static_cast<double>(keep), 1, 1 << 20);
  need("learning_rate", schedule.learning_rate, 0, 1e6);
  need("min_lr", schedule.min_lr, 0, 1e6);
  need("warmup_iters", static_cast<double>(schedule.warmup_iters), 0, many);
  need("weight_decay", optimizer.weight_decay, 0, 1e6);
  need("beta1", optimizer.beta1, 0, 0.999999999);
  need("beta2", optimizer.beta2, 0, 0.999999999);
  need("grad_clip", optimizer.grad_clip, 0, 1e12);
  require(!optimizer.stochastic_rounding || dtype == DType::bf16,
          "stochastic_rounding is of matrices that are rounded to bf16, with dtype = bf16; dtype is ",
          name_of(dtype));
  const bool decays = schedule.decay_lr && schedule.kind != ScheduleKind::constant;
  require(!decays || schedule.lr_decay_iters > schedule.warmup_iters,
          "lr_decay_iters = ", schedule.lr_decay_iters,
          " must be more than warmup_iters = ", schedule.warmup_iters, "; or set decay_lr = false");
  require(!decays || schedule.min_lr <= schedule.learning_rate, "min_lr = ", schedule.min_lr,
          " is above learning_rate = ", schedule.learning_rate);
}

double learning_rate_at(const ScheduleConfig& s, int64_t step) {
  const auto at = static_cast<double>(step);
  if (step < s.warmup_iters) return s.learning_rate * (at + 1) / (static_cast<double>(s.warmup_iters) + 1);
  if (!s.decay_lr || s.kind == ScheduleKind::constant) return s.learning_rate;
  if (step >= s.lr_decay_iters) return s.min_lr;
  const double progress =
      (at - static_cast<double>(s.warmup_iters)) / static_cast<double>(s.lr_decay_iters - s.warmup_iters);
  const double share =
      s.kind == ScheduleKind::linear ? 1 - progress : 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return s.min_lr + share * (s.learning_rate - s.min_lr);
}

}  // namespace hewn
