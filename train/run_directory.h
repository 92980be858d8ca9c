#pragma once
// RUN/: everything a training run leaves behind, in use by one process at a time.

#include <cstdint>
#include <string>

namespace hewn {

class RunDirectory {
 public:
  enum class Open : uint8_t {
    fresh,   ///< must not exist, or be empty
    force,   ///< what is there is moved aside to PATH.1, PATH.2 ..., never deleted
    resume,  ///< must hold a run
  };

  /// Creates or opens the directory and locks it. Throws ErrorCode::usage when `fresh` meets a non-empty one,
  /// ErrorCode::input when `resume` meets none, ErrorCode::failed when another process uses it. `option` is
  /// what the path was given by; only that of training can be gone on with.
  RunDirectory(const std::string& path, Open how, const std::string& option = "out_dir");
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const std::string& path() const { return path_; }
  /// PATH/name
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  /// Appends one line to metrics.jsonl and hands it to the system at once. Throws ErrorCode::failed.
  void add_metrics(const std::string& json_line);
  /// Drops the lines of metrics.jsonl that a run going on from `step` writes again: those whose "step" is
  /// past it, and those with a "val_loss" past `evaluated_step`.
  void rewind_metrics(int64_t step, int64_t evaluated_step);

 private:
  void lock();
  std::string path_;
  int lock_ = -1;
};

}  // namespace hewn
