#pragma once

namespace hewn {

/// The base of a class whose objects are neither copied nor moved.
class NotCopied {
 protected:
  NotCopied() = default;
  ~NotCopied() = default;

 public:
  NotCopied(const NotCopied&) = delete;
  NotCopied& operator=(const NotCopied&) = delete;
};

}  // namespace hewn
