#include "train/step/step_graphs.h"

#include <algorithm>

namespace hewn {

bool StepGraphs::run(const MicroStep& step, const std::function<void()>& work) {
  if (!may_capture()) {
    work();
    return false;
  }
  CapturedWork& captured = work_of(step);
  const int64_t before = captured.replays();
  const bool replayed = captured.run(work);
  replays_ += captured.replays() - before;
  return replayed;
}

bool StepGraphs::run_update(const std::function<void()>& work) {
  if (may_capture()) return update_.run(work);
  work();
  return false;
}

CapturedWork& StepGraphs::work_of(const MicroStep& step) {
  const auto found =
      std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) { return kind.step == step; });
  if (found != kinds_.end()) {
    kinds_.splice(kinds_.begin(), kinds_, found);
    return found->work;
  }
  // Graphs of other addresses cannot be replayed any more.
  kinds_.remove_if(
      [&](const Kind& kind) { return kind.step.tokens != step.tokens || kind.step.targets != step.targets; });
  if (kinds_.size() == most) kinds_.pop_back();
  return kinds_.emplace_front(step, device_).work;
}

}  // namespace hewn
