#pragma once
// The message library for several processes, loaded when a command needs it.

#include <memory>

#include "train/ranks/message_library.h"
#include "train/ranks/messages.h"

namespace hewn::cli {

/// libhewn_mpi.so, located next to the program or in ../lib/hewn relative to it. Throws ErrorCode::failed,
/// saying what is missing, if it cannot be loaded.
const MessageLibrary& message_library();

/// Connects this process through the library with those started with it; call it once. The calling thread
/// must make all calls to the result.
std::unique_ptr<Messages> connect_ranks(const MessageLibrary& library);

}  // namespace hewn::cli
