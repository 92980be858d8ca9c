#pragma once
// Error messages about kernels: which kernel, in which configuration, and whether it or an earlier one failed.

#include <string>

#include "kernels/gpu/simt/grid.h"

namespace hewn {

/// The name of a type or of a kernel's template instance, without namespaces and parameters, from its mangled name:
/// "Tiles", "attend<64, true>". A name that is not mangled is returned unchanged.
std::string type_text(const char* mangled);

/// "kernel attention_mma [attend<64, true>](bf16 B=1 H=12, 5) on 4x1x1 blocks of 128x1x1 threads with 49152 bytes of
/// shared memory"; `instance` is the template instance, "" if it is unknown.
std::string launch_text(const std::string& name, const std::string& instance, const std::string& arguments,
                        const Grid& grid);

/// Describes the errors of a GPU's driver. A kernel that fails while it runs makes the GPU unusable for the
/// process: unless launches block, the error appears at a later call, and then at every call.
class KernelFailures {
 public:
  /// `blocking`: whether each launch waits until its kernel has finished (CUDA_LAUNCH_BLOCKING=1).
  explicit KernelFailures(bool blocking) : blocking_(blocking) {}

  /// The message for a launch that returned `error`; `while_running`: a kernel, this one or an earlier one,
  /// failed while it ran.
  std::string of_launch(const std::string& launch, const std::string& error, bool while_running);
  /// The same for any other call, such as "copying to the GPU".
  std::string of_call(const std::string& doing, const std::string& error, bool while_running);

 private:
  std::string later(const std::string& noticed) const;

  bool blocking_;
  std::string first_;  ///< the first failure of a kernel while it ran; "": none
};

}  // namespace hewn
