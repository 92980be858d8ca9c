#pragma once
// Collects mismatches between files and a model for one message.

#include <string>
#include <string_view>

#include "core/error.h"

namespace hewn {

/// A header may name a million tensors, so only the first are listed.
class Misfits {
 public:
  /// Adds a line, joined from parts.
  template <class... Parts>
  void add(const Parts&... parts) {
    if (++count_ <= shown) text_ += "\n  " + join(parts...);
  }
  /// Throws ErrorCode::input with `what`, such as "the tensors do not fit the configuration", and the lines,
  /// if there are any.
  void check(std::string_view what) const {
    if (count_ > 0)
      fail(ErrorCode::input, what, ":", text_,
           count_ > shown ? join("\n  and ", count_ - shown, " more") : std::string());
  }

 private:
  static constexpr int shown = 20;
  int count_ = 0;
  std::string text_;
};

}  // namespace hewn
