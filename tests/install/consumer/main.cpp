// Trains one step of a tiny model, with nothing but the installed headers and libraries.
#include <hewn/hewn.h>

#include <cmath>
#include <cstdio>

int main() {
  using namespace hewn;
  const auto model =
      make_model({.vocab_size = 16, .block_size = 4, .n_layer = 1, .n_head = 2, .n_embd = 8}, cpu());
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{}, 1);
  Batch batch;
  batch.rows = 1;
  batch.block_size = 4;
  batch.tokens = {1, 2, 3, 4};
  batch.targets = {2, 3, 4, 5};
  const StepResult result = trainer.step(batch);
  std::printf("installed: loss %f\n", result.loss);
  return std::isfinite(result.loss) ? 0 : 1;
}
