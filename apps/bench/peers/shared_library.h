#pragma once
// Libraries loaded while the program runs: peers and kernels of others.

#include <string>

namespace hewn::cli {

/// A shared library. It stays loaded until the program ends, since its threads may go on living.
class SharedLibrary {
 public:
  /// Loads nothing yet.
  SharedLibrary() = default;
  /// Loads `file` as the dynamic loader finds it (a path, or a name it searches for). Whether that worked is
  /// asked of `loaded`, and why not of `problem`.
  explicit SharedLibrary(const std::string& file);
  bool loaded() const { return handle_ != nullptr; }
  const std::string& problem() const { return problem_; }

  /// The function (or data) of this name in the library or what it depends on; null where there is none.
  void* symbol(const char* name) const;
  /// The same as a pointer of type T.
  template <class T>
  T symbol(const char* name) const {
    return reinterpret_cast<T>(symbol(name));
  }

 private:
  void* handle_ = nullptr;
  std::string problem_;
};

}  // namespace hewn::cli
