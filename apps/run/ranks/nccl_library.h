#pragma once
// NCCL, loaded when several ranks train on GPUs.

#include "apps/cli/system/shared_library.h"
#include "train/ranks/tensors/nccl.h"

namespace hewn::cli {

/// A file with NCCL's functions.
class NcclLibrary {
 public:
  /// Loads a path, or a name to search for. If that fails, `found` has the reason.
  explicit NcclLibrary(const std::string& file);

  /// The functions; refers to this object.
  FoundNccl found() const;

 private:
  template <class Function>
  void find(Function& function, const char* name);

  SharedLibrary file_;
  nccl::Library functions_;
  std::string problem_;
};

}  // namespace hewn::cli
