#pragma once
// Libraries loaded at run time: peers, plug-in rungs, messages between processes.

#include <string>

namespace hewn::cli {

/// A shared library. Stays loaded until the program ends, since its threads may outlive their use.
class SharedLibrary {
 public:
  /// Loads nothing yet.
  SharedLibrary() = default;
  /// Loads `file` through the dynamic loader (a path, or a name to search for). On failure `loaded` is false
  /// and `problem` holds the reason.
  explicit SharedLibrary(const std::string& file);
  bool loaded() const { return handle_ != nullptr; }
  const std::string& problem() const { return problem_; }

  /// The function (or data) with this name in the library or its dependencies; null if there is none.
  void* symbol(const char* name) const;
  /// The same, as a pointer of type T.
  template <class T>
  T symbol(const char* name) const {
    return reinterpret_cast<T>(symbol(name));
  }

 private:
  void* handle_ = nullptr;
  std::string problem_;
};

}  // namespace hewn::cli
