#include "train/config.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace hewn {
namespace {

/// The largest power of two that divides n > 0.
int64_t largest_power_of_two(int64_t n) { return n & -n; }

}  // namespace

void TrainConfig::check() const {
  model.check();
  check_keys(training_keys, *this);
  check_keys(preference_keys, *this);
  check_keys(watching_keys, *this);
  require(max_length >= 0 && max_length <= model.block_size, "max_length = ", max_length,
          " is out of range; give 1 to block_size = ", model.block_size);
  require(std::has_single_bit(static_cast<uint64_t>(grad_shards)) &&
              gradient_accumulation_steps % grad_shards == 0,
          "grad_shards = ", grad_shards,
          "; expected a power of two that divides gradient_accumulation_steps = ",
          gradient_accumulation_steps, ", such as ", largest_power_of_two(gradient_accumulation_steps));
  training.check();
  require(!optimizer.stochastic_rounding || dtype == DType::bf16,
          "stochastic_rounding requires dtype = bf16, but dtype = ", name_of(dtype));
  const bool decays = schedule.decay_lr && schedule.kind != ScheduleKind::constant;
  require(!decays || schedule.lr_decay_iters > schedule.warmup_iters,
          "lr_decay_iters = ", schedule.lr_decay_iters,
          " (by default max_iters) must be more than warmup_iters = ", schedule.warmup_iters,
          "; give a smaller warmup_iters, or decay_lr = false");
  require(!decays || schedule.min_lr <= schedule.learning_rate, "min_lr = ", schedule.min_lr,
          " must not exceed learning_rate = ", schedule.learning_rate);
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
