// A library that is preloaded into a program (LD_PRELOAD): a forked process waits a second before it becomes another
// program, so that signals can be sent to it in between.

#include <sys/syscall.h>
#include <unistd.h>

extern "C" int execve(const char* path, char* const* arguments, char* const* environment) noexcept {
  ::sleep(1);
  return static_cast<int>(::syscall(SYS_execve, path, arguments, environment));
}
