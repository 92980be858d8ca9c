// Calls on names: opening, making, renaming, removing, asking.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "tests/faults/preloaded/session.h"

namespace {

using namespace hewn::faults;

/// Whether a path leads to something; links are not followed.
bool exists(const char* path) {
  struct stat status;
  return next<int(const char*, struct stat*)>("lstat")(path, &status) == 0;
}

template <class Real>
int open_with(const char* name, const Place& place, int flags, Real real) {
  return attempt(Call::open, name, place, -1, [&] {
    const bool fresh = place.inside() && (flags & (O_CREAT | O_TRUNC)) != 0 &&
                       ((flags & O_TRUNC) != 0 || !exists(place.path));
    const int descriptor = real();
    if (descriptor >= 0 && place.inside()) {
      remember(descriptor, place);
      record(Change::open, descriptor, fresh ? 1 : 0, place.path);
    }
    return descriptor;
  });
}

template <class Stream, class Real>
Stream* open_stream(const char* name, const Place& place, int flags, int (*descriptor_of)(Stream*),
                    Real real) {
  return attempt<Stream*>(Call::open, name, place, nullptr, [&]() -> Stream* {
    const bool fresh =
        place.inside() && (flags & O_CREAT) != 0 && ((flags & O_TRUNC) != 0 || !exists(place.path));
    Stream* const stream = real();
    if (stream != nullptr && place.inside()) {
      remember(descriptor_of(stream), place);
      record(Change::open, descriptor_of(stream), fresh ? 1 : 0, place.path);
    }
    return stream;
  });
}

int flags_of(const char* mode) { return mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT : 0; }

/// A call that changes the names of one place.
template <class Real>
int change(Call call, Change kind, const char* name, const Place& place, const char* text, Real real) {
  return attempt(call, name, place, -1, [&] {
    const int result = real();
    if (result == 0 && place.inside()) record(kind, -1, 0, place.path, text);
    return result;
  });
}

template <class Real>
int rename_with(const char* name, const Place& from, const Place& to, bool exchanges, Real real) {
  return attempt(Call::rename, name, from, -1, [&] {
    const int result = real();
    if (result == 0 && from.inside())
      record(exchanges ? Change::exchange : Change::rename, -1, 0, from.path, to.path);
    return result;
  });
}

template <class Result, class Real>
Result ask(const char* name, const Place& place, Result failure, Real real) {
  return attempt(Call::status, name, place, failure, real);
}

mode_t mode_in(va_list arguments, int flags) {
  return flags & (O_CREAT | O_TMPFILE) ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(arguments, flags);
  va_end(arguments);
  return open_with("open", place_of(path), flags,
                   [&] { return next<int(const char*, int, ...)>("open")(path, flags, mode); });
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(arguments, flags);
  va_end(arguments);
  return open_with("open64", place_of(path), flags,
                   [&] { return next<int(const char*, int, ...)>("open64")(path, flags, mode); });
}
int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(arguments, flags);
  va_end(arguments);
  return open_with("openat", place_at(directory, path), flags, [&] {
    return next<int(int, const char*, int, ...)>("openat")(directory, path, flags, mode);
  });
}
int openat64(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(arguments, flags);
  va_end(arguments);
  return open_with("openat64", place_at(directory, path), flags, [&] {
    return next<int(int, const char*, int, ...)>("openat64")(directory, path, flags, mode);
  });
}
int creat(const char* path, mode_t mode) {
  return open_with("creat", place_of(path), O_CREAT | O_TRUNC,
                   [&] { return next<int(const char*, mode_t)>("creat")(path, mode); });
}
FILE* fopen(const char* path, const char* mode) {
  return open_stream<FILE>("fopen", place_of(path), flags_of(mode), ::fileno,
                           [&] { return next<FILE*(const char*, const char*)>("fopen")(path, mode); });
}
FILE* fopen64(const char* path, const char* mode) {
  return open_stream<FILE>("fopen64", place_of(path), flags_of(mode), ::fileno,
                           [&] { return next<FILE*(const char*, const char*)>("fopen64")(path, mode); });
}
DIR* opendir(const char* path) {
  return open_stream<DIR>("opendir", place_of(path), 0, ::dirfd,
                          [&] { return next<DIR*(const char*)>("opendir")(path); });
}
DIR* fdopendir(int descriptor) {
  return attempt<DIR*>(Call::open, "fdopendir", place_of(descriptor), nullptr,
                       [&] { return next<DIR*(int)>("fdopendir")(descriptor); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return change(Call::mkdir, Change::mkdir, "mkdir", place_of(path), "",
                [&] { return next<int(const char*, mode_t)>("mkdir")(path, mode); });
}
int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return change(Call::mkdir, Change::mkdir, "mkdirat", place_at(directory, path), "",
                [&] { return next<int(int, const char*, mode_t)>("mkdirat")(directory, path, mode); });
}

int unlink(const char* path) noexcept {
  return change(Call::remove, Change::remove, "unlink", place_of(path), "",
                [&] { return next<int(const char*)>("unlink")(path); });
}
int unlinkat(int directory, const char* path, int flags) noexcept {
  return change(Call::remove, Change::remove, "unlinkat", place_at(directory, path), "",
                [&] { return next<int(int, const char*, int)>("unlinkat")(directory, path, flags); });
}
int rmdir(const char* path) noexcept {
  return change(Call::remove, Change::remove, "rmdir", place_of(path), "",
                [&] { return next<int(const char*)>("rmdir")(path); });
}
int remove(const char* path) noexcept {
  return change(Call::remove, Change::remove, "remove", place_of(path), "",
                [&] { return next<int(const char*)>("remove")(path); });
}

int rename(const char* from, const char* to) noexcept {
  return rename_with("rename", place_of(from), place_of(to), false,
                     [&] { return next<int(const char*, const char*)>("rename")(from, to); });
}
int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  return rename_with("renameat", place_at(from_directory, from), place_at(to_directory, to), false, [&] {
    return next<int(int, const char*, int, const char*)>("renameat")(from_directory, from, to_directory, to);
  });
}
int renameat2(int from_directory, const char* from, int to_directory, const char* to,
              unsigned flags) noexcept {
  return rename_with("renameat2", place_at(from_directory, from), place_at(to_directory, to),
                     (flags & RENAME_EXCHANGE) != 0, [&] {
                       return next<int(int, const char*, int, const char*, unsigned)>("renameat2")(
                           from_directory, from, to_directory, to, flags);
                     });
}

int symlink(const char* target, const char* path) noexcept {
  return change(Call::link, Change::symlink, "symlink", place_of(path), target,
                [&] { return next<int(const char*, const char*)>("symlink")(target, path); });
}
int symlinkat(const char* target, int directory, const char* path) noexcept {
  return change(Call::link, Change::symlink, "symlinkat", place_at(directory, path), target, [&] {
    return next<int(const char*, int, const char*)>("symlinkat")(target, directory, path);
  });
}

int stat(const char* path, struct stat* status) noexcept {
  return ask("stat", place_of(path), -1,
             [&] { return next<int(const char*, struct stat*)>("stat")(path, status); });
}
int stat64(const char* path, struct stat64* status) noexcept {
  return ask("stat64", place_of(path), -1,
             [&] { return next<int(const char*, struct stat64*)>("stat64")(path, status); });
}
int lstat(const char* path, struct stat* status) noexcept {
  return ask("lstat", place_of(path), -1,
             [&] { return next<int(const char*, struct stat*)>("lstat")(path, status); });
}
int lstat64(const char* path, struct stat64* status) noexcept {
  return ask("lstat64", place_of(path), -1,
             [&] { return next<int(const char*, struct stat64*)>("lstat64")(path, status); });
}
int fstat(int descriptor, struct stat* status) noexcept {
  return ask("fstat", place_of(descriptor), -1,
             [&] { return next<int(int, struct stat*)>("fstat")(descriptor, status); });
}
int fstat64(int descriptor, struct stat64* status) noexcept {
  return ask("fstat64", place_of(descriptor), -1,
             [&] { return next<int(int, struct stat64*)>("fstat64")(descriptor, status); });
}
int fstatat(int directory, const char* path, struct stat* status, int flags) noexcept {
  return ask("fstatat", place_at(directory, path), -1, [&] {
    return next<int(int, const char*, struct stat*, int)>("fstatat")(directory, path, status, flags);
  });
}
int fstatat64(int directory, const char* path, struct stat64* status, int flags) noexcept {
  return ask("fstatat64", place_at(directory, path), -1, [&] {
    return next<int(int, const char*, struct stat64*, int)>("fstatat64")(directory, path, status, flags);
  });
}
int access(const char* path, int mode) noexcept {
  return ask("access", place_of(path), -1, [&] { return next<int(const char*, int)>("access")(path, mode); });
}
ssize_t readlink(const char* path, char* text, size_t size) noexcept {
  return ask<ssize_t>("readlink", place_of(path), -1, [&] {
    return next<ssize_t(const char*, char*, size_t)>("readlink")(path, text, size);
  });
}
char* realpath(const char* path, char* text) noexcept {
  return ask<char*>("realpath", place_of(path), nullptr,
                    [&] { return next<char*(const char*, char*)>("realpath")(path, text); });
}
int truncate(const char* path, off_t size) noexcept {
  return attempt(Call::truncate, "truncate", place_of(path), -1,
                 [&] { return next<int(const char*, off_t)>("truncate")(path, size); });
}
}
