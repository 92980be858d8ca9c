// Trains a GPT on the bytes of a text and lets it write, with nothing but the engine: no tokenizer, no files of weights, no
// library. Built by -DHEWN_ENGINE_ONLY=ON, too.
#include <iostream>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "train/step/trainer.h"

int main() {
  using namespace hewn;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "The fox that sang by river " + std::to_string(i % 7) + " slept under stone.\n";
  std::vector<int32_t> bytes;
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  const Split split{.name = "the text", .tokens = Tokens(bytes), .separator = {}, .documents = {}, .neg_log_prob = {}};

  const auto model = make_model({.vocab_size = 256, .block_size = 32, .n_layer = 2, .n_embd = 64}, cpu());
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{.lr_decay_iters = 401}, 1);
  const BatchLoader batches({{.split = &split}}, {.batch_size = 8, .block_size = 32});
  Batch batch;
  for (int step = 0; step < 300; ++step) {
    batches.fill(step, batch);
    const StepResult result = trainer.step(batch);
    if (step % 100 == 0) std::cout << "step " << step << ": loss " << result.loss << "\n";
  }
  generate(*model, {'T', 'h', 'e'}, {.max_new_tokens = 100, .sampling = {.temperature = 0.5}}, [](int32_t byte) {
    std::cout << static_cast<char>(byte);
    return true;
  });
  std::cout << std::endl;
}
