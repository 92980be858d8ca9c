#include "apps/run/verdict.h"

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"

namespace hewn::cli {

void Verdict::compare(const std::string& what, const std::string& run, const std::string& reference) {
  const std::string tensor =
      first_different_tensor(find_checkpoint(run, "last"), find_checkpoint(reference, "last"));
  print(what, tensor.empty() ? ": same bits" : ": DIFFERENT bits, first in " + tensor, "\n");
  if (!tensor.empty()) status_ = static_cast<int>(ErrorCode::numerical);
}

}  // namespace hewn::cli
