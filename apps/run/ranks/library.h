#pragma once
// The library through which several processes exchange messages, loaded when a command needs it.

#include <memory>

#include "train/ranks/message_library.h"
#include "train/ranks/messages.h"

namespace hewn::cli {

/// libhewn_mpi.so, which stands beside the program, or in ../lib/hewn from there. Throws ErrorCode::failed, saying what is
/// missing, if it cannot be loaded.
const MessageLibrary& message_library();

/// Connects this process through the library with those that were started with it, once. The thread that calls it must
/// make all calls to the result.
std::unique_ptr<Messages> connect_ranks(const MessageLibrary& library);

}  // namespace hewn::cli
