#pragma once
// What a test and the library that it preloads into the program tell each other, in a file that both map.

#include <atomic>
#include <cstdint>

namespace hewn::faults {

/// The environment variable with the path of that file.
inline constexpr const char* control_variable = "HEWN_FAULTS";

/// The calls that can fail. Calls on files count where the file is below `Control::root`; `memory` counts those of the
/// program and its libraries since main began, but not those of the OpenMP library, which ends the program itself.
enum class Call : uint32_t {
  write,     ///< write, pwrite, writev
  read,      ///< read, pread, readdir
  sync,      ///< fsync, fdatasync
  rename,    ///< rename, renameat, renameat2
  mkdir,     ///< mkdir, mkdirat
  open,      ///< open, openat, creat, fopen, opendir, fdopendir
  close,     ///< close, fclose: the descriptor is closed, as on Linux
  mmap,      ///< mmap, of files below the root
  memory,    ///< malloc, calloc, realloc, aligned_alloc, posix_memalign
  remove,    ///< unlink, unlinkat, rmdir, remove
  link,      ///< symlink, symlinkat, link, linkat
  truncate,  ///< ftruncate, truncate
  status,    ///< stat, lstat, fstat, fstatat, statx, access, readlink, realpath
  lock,      ///< flock
  count
};
inline constexpr int n_calls = static_cast<int>(Call::count);
inline constexpr const char* call_names[n_calls] = {"write", "read",     "sync",   "rename", "mkdir",
                                                    "open",  "close",    "mmap",   "memory", "remove",
                                                    "link",  "truncate", "status", "lock"};

/// What happens at the chosen call.
enum class Action : uint32_t {
  nothing,       ///< calls are only counted
  fail,          ///< it fails with `error`
  keep_failing,  ///< it and all later calls of its kind fail with `error`, as on a disk that stays full
  cut_short,     ///< it writes or reads half of the bytes
  kill_before,   ///< SIGKILL instead of the call
  kill_after,    ///< SIGKILL after it
};

/// Allocations whose callers are noted.
inline constexpr int64_t most_allocations = int64_t{1} << 20;

/// The content of the file. The test writes it; the processes count in it, children included.
struct Control {
  char root[512];      ///< absolute, without links; the files of interest are below it
  char journal[512];   ///< file to which every change of the disk is appended (journal.h); "": none
  char hit_name[32];   ///< the function that met the fault
  char hit_path[512];  ///< and its path
  Call call;           ///< the chosen call: number `number` of this kind, from 1
  uint32_t action;     ///< an Action
  int64_t number;
  int32_t error;  ///< an errno
  std::atomic<int64_t> hits;
  std::atomic<int64_t> counts[n_calls];
  uint32_t stack_depth;  ///< how many callers tell one allocation from another; 0: `stacks` is not written
  std::atomic<uint64_t> stacks[most_allocations];  ///< by number - 1: hash of the callers of each allocation
};

}  // namespace hewn::faults
