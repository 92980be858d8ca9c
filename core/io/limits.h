#pragma once
// The limits that the system imposes on this process: its control groups (cgroups), versions 1 and 2, and ulimit.
//
// All functions read the files below `root`/proc and `root`/sys, "" for this machine's. A file that is missing or
// malformed limits nothing.

#include <cstddef>
#include <string>

namespace hewn {

/// Bytes that this process may still obtain before it exceeds a limit of its control group, of a group that contains
/// it, or of `ulimit -v` or `-d`; SIZE_MAX without a limit. Cached files count as free, since the system drops them
/// before it refuses memory. The system ends a process that exceeds the limit of a group, without an error that the
/// process could handle.
size_t memory_within_limits(const std::string& root = "");

/// Available memory of the machine in bytes: MemAvailable in /proc/meminfo. 0 if unknown.
size_t machine_memory(const std::string& root = "");

/// Available memory in bytes: `machine_memory` or, if less, `memory_within_limits`. 0 if unknown; at least 1 if known.
size_t available_memory(const std::string& root = "");

/// The processor time, in seconds per second, that the quotas of this process's control groups allow: 1.5 is one and
/// a half processors. Infinite without a quota.
double processor_quota(const std::string& root = "");

}  // namespace hewn
