#pragma once
// RUN/: the directory of a training run, for one process at a time.

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/not_copied.h"
#include "core/io/descriptor.h"

namespace hewn {

inline constexpr const char* metrics_file = "metrics.jsonl";  ///< in the run's directory

class RunDirectory : NotCopied {
 public:
  enum class Open : uint8_t {
    fresh,  ///< must not exist, or hold only the remains of a process that ended before its first checkpoint
    force,   ///< existing files are moved to PATH.1, PATH.2 ..., never deleted
    resume,  ///< must hold a run, or the configuration of one
  };

  /// Creates or opens the directory and locks it. A directory without a complete checkpoint counts as new:
  /// unless `how` is resume, the files that Hewn wrote there are removed. Throws ErrorCode::usage if other
  /// files exist and `how` is fresh, ErrorCode::input if there is no run and `how` is resume,
  /// ErrorCode::failed if another process uses it. `option` is the option that gave the path, for messages;
  /// only a path given by out_dir can be resumed.
  RunDirectory(const std::string& path, Open how, const std::string& option = "out_dir");

  const std::string& path() const { return path_; }
  /// Removes the directory if no checkpoint was completed, unless it holds files that Hewn did not write.
  void discard() const;
  /// PATH/name
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  /// Appends one line to metrics.jsonl. It is on the disk after `sync_metrics`. Throws ErrorCode::failed.
  void add_metrics(const std::string& json_line);
  /// Makes metrics.jsonl durable, so that it covers every step of a checkpoint written afterwards. Throws
  /// ErrorCode::failed.
  void sync_metrics();
  /// Removes the lines of metrics.jsonl that a run resumed at `step` will write again: those with a later
  /// "step", and those with a "val_loss" later than `evaluated_step`.
  void rewind_metrics(int64_t step, int64_t evaluated_step);

 private:
  void lock();
  void require_new(const std::string& option) const;
  void remove_leftovers() const;
  void with_metrics(int flags, const std::function<int(int fd)>& work);
  std::string path_;
  Descriptor lock_;
};

}  // namespace hewn
