// Trains a small GPT on a text file and lets it write: train_gpt input.txt [steps]
#include <hewn/hewn.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  using namespace hewn;
  const Dataset data = open_dataset({.dataset = argc > 1 ? argv[1] : "tales"});
  const int steps = argc > 2 ? std::atoi(argv[2]) : 500;

  const int64_t T = std::max<int64_t>(64, data.longest_document());
  const auto model = make_model({.vocab_size = data.vocab_size, .block_size = T}, cpu());
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{.lr_decay_iters = steps + 101}, 1);

  const BatchLoader batches(data.train_splits(), {.batch_size = 12, .block_size = T});
  Batch batch;
  for (int step = 0; step < steps; ++step) {
    batches.fill(step, batch);
    const StepResult result = trainer.step(batch);
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << result.loss << "\n";
  }
  std::cout << "validation loss " << evaluate(*model, data, {.block_size = T}).loss << "\n";

  const auto write = [&](int32_t token) {
    std::cout << data.tokenizer->piece(token);
    return true;
  };
  const TextEncoder texts = data.texts();
  generate(*model, texts.opening(),
           {.max_new_tokens = 300, .sampling = {.temperature = 0.8}, .stop_tokens = texts.ends()}, write);
  std::cout << std::endl;
}
