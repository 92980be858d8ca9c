#pragma once
// The message library for several processes, loaded when a command needs it.

#include <memory>

#include "apps/cli/system/shared_library.h"
#include "train/ranks/messages.h"
#include "train/ranks/tensors/nccl.h"

namespace hewn::cli {

/// libhewn_mpi.so, located next to the program or in ../lib/hewn relative to it. Throws ErrorCode::failed,
/// saying what is missing, if it cannot be loaded.
const MessageLibrary& message_library();

/// Connects this process through the library with those started with it; call it once. The calling thread
/// must make all calls to the result.
std::unique_ptr<Messages> connect_ranks(const MessageLibrary& library);

// NCCL, loaded when several ranks train on GPUs.

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
