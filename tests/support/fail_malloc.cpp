// A library that is preloaded into a program (LD_PRELOAD) to make one of its allocations fail: HEWN_FAIL_MALLOC=N the
// N-th call, from 1, of malloc, calloc, realloc, aligned_alloc or posix_memalign. With HEWN_COUNT_MALLOC=FILE, the
// number of calls is written to FILE at the end. Calls of clang's OpenMP do not fail: it crashes without memory.

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {

// The C library's own functions under their other names.
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t n, size_t bytes);
void* __libc_realloc(void* data, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);

}  // extern "C"

namespace {

std::atomic<long> calls{0};

bool in_clangs_openmp(const void* caller) {
  Dl_info place{};
  return ::dladdr(caller, &place) != 0 && place.dli_fname && std::strstr(place.dli_fname, "/libomp.");
}

/// Counts a call; whether it is the one to fail.
bool fails(const void* caller) {
  static const char* const wanted = std::getenv("HEWN_FAIL_MALLOC");
  const bool now = ++calls == (wanted ? std::atol(wanted) : 0) && !in_clangs_openmp(caller);
  if (now) errno = ENOMEM;
  return now;
}

/// Writes the number of calls when the program ends.
struct Report {
  ~Report() {
    const char* const path = std::getenv("HEWN_COUNT_MALLOC");
    const int fd = path ? ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd < 0) return;
    char text[24];
    const int length = std::snprintf(text, sizeof text, "%ld\n", calls.load());
    if (::write(fd, text, static_cast<size_t>(length)) != length) std::perror(path);
    ::close(fd);
  }
} const report;

}  // namespace

extern "C" {

void* malloc(size_t bytes) { return fails(__builtin_return_address(0)) ? nullptr : __libc_malloc(bytes); }
void* calloc(size_t n, size_t bytes) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_calloc(n, bytes);
}
void* realloc(void* data, size_t bytes) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_realloc(data, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return fails(__builtin_return_address(0)) ? nullptr : __libc_memalign(alignment, bytes);
}

int posix_memalign(void** result, size_t alignment, size_t bytes) {
  if (fails(__builtin_return_address(0))) return ENOMEM;
  *result = __libc_memalign(alignment, bytes);
  return *result ? 0 : ENOMEM;
}

}  // extern "C"
