#pragma once
// The lock of a sweep's directory, held by the sweep and its runs.

#include <string>

#include "core/io/descriptor.h"

namespace hewn::cli {

/// Locks SWEEP/.lock. Programs that are started while it exists inherit the lock, so that the runs of a killed
/// sweep, which save after their step, are never started twice.
class SweepLock {
 public:
  /// Creates the directory if there is none. If the lock is held by the runs of a sweep that has ended, waits for
  /// them. Throws ErrorCode::failed if another sweep holds it or the directory is not writable.
  explicit SweepLock(const std::string& directory);

 private:
  Descriptor lock_;
};

}  // namespace hewn::cli
