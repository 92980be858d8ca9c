#pragma once
// The limits that the system imposes on this process: its control groups (cgroups), versions 1 and 2, and ulimit.
//
// All functions read the files below `root`/proc and `root`/sys, "" for this machine's. A file that is missing or
// malformed limits nothing.

#include <cstddef>
#include <string>

namespace hewn {

/// Bytes that this process may still obtain before it exceeds a limit of its control group or of an enclosing
/// group, or `ulimit -v` or `-d`; SIZE_MAX without a limit. Cached files count as free, since the system
/// drops them before it refuses memory. The system kills a process that exceeds its group's limit; the
/// process gets no error that it could handle.
size_t memory_within_limits(const std::string& root = "");

/// Available memory of the machine in bytes: MemAvailable in /proc/meminfo. 0 if unknown.
size_t machine_memory(const std::string& root = "");

/// Available memory in bytes: the smaller of `machine_memory` and `memory_within_limits`. 0 if unknown; at
/// least 1 if known.
size_t available_memory(const std::string& root = "");

/// The processor time, in seconds per second, allowed by the quotas of this process's control groups; 1.5
/// means one and a half processors. Infinite without a quota.
double processor_quota(const std::string& root = "");

}  // namespace hewn
