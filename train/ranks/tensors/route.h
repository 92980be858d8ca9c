#pragma once
// The transport for the tensors of a device.

#include "core/base/not_copied.h"
#include "kernels/contract/contract.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// While it exists, `ranks` exchanges tensors of `device`. All ranks construct it at the same time.
class TensorRoute : NotCopied {
 public:
  /// Both must outlive the object.
  TensorRoute(Ranks& ranks, Executor& device);
  ~TensorRoute();

 private:
  Ranks& ranks_;
  std::unique_ptr<TensorTransport> transport_;
  TensorTransport* before_;
};

}  // namespace hewn
