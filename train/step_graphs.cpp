#include "train/step_graphs.h"

namespace hewn {

StepGraphs::StepGraphs(Executor& device)
    : device_(device),
      kinds_{{{}, CapturedWork(device)},
             {{}, CapturedWork(device)},
             {{}, CapturedWork(device)},
             {{}, CapturedWork(device)}} {}

bool StepGraphs::run(const MicroStep& step, const std::function<void()>& work) {
  if (!on_ || !CapturedWork::possible(device_)) {
    work();
    return false;
  }
  Kind& kind = kinds_[(step.first ? 1 : 0) + (step.last ? 2 : 0)];
  if (kind.step != step) {
    kind.work.forget();
    kind.step = step;
  }
  return kind.work.run(work);
}

int64_t StepGraphs::replays() const {
  int64_t sum = 0;
  for (const Kind& kind : kinds_) sum += kind.work.replays();
  return sum;
}

}  // namespace hewn
