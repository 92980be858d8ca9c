// Calls on open files: reading, writing, syncing, closing.

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tests/faults/preloaded/session.h"

namespace {

using namespace hewn::faults;

/// Offset at which the next write to a descriptor begins: those opened for appending write at the end.
int64_t write_offset(int descriptor) {
  const int flags = next<int(int, int, ...)>("fcntl")(descriptor, F_GETFL);
  return ::lseek(descriptor, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

/// Passes a call for `size` bytes on, which may be cut to half of them.
template <class Real>
ssize_t attempt_bytes(Call call, const char* name, const Place& place, size_t size, Real real) {
  const Verdict verdict = judge(call, name, place.path);
  if (verdict == Verdict::fail) return -1;
  const ssize_t done = real(verdict == Verdict::cut_short ? (size + 1) / 2 : size);
  if (verdict == Verdict::kill_after) end_process();
  return done;
}

ssize_t write_at(const char* name, int descriptor, const void* bytes, size_t size, int64_t offset) {
  const Place place = place_of(descriptor);
  if (!place.inside()) {
    if (descriptor == STDERR_FILENO) record(Change::message, descriptor, 0, "", "", bytes, size);
    return offset < 0
               ? next<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, size)
               : next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, bytes, size, offset);
  }
  return attempt_bytes(Call::write, name, place, size, [&](size_t part) {
    const int64_t at = offset < 0 ? write_offset(descriptor) : offset;
    const ssize_t done =
        offset < 0
            ? next<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, part)
            : next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, bytes, part, offset);
    if (done > 0) record(Change::write, descriptor, at, "", "", bytes, static_cast<size_t>(done));
    return done;
  });
}

/// Syncing takes time on a real disk and changes nothing that a test could see, so it is left out.
int sync(const char* name, int descriptor) {
  const Place place = place_of(descriptor);
  if (!place.inside()) return next<int(int)>(name)(descriptor);
  return attempt(Call::sync, name, place, -1, [&] {
    record(Change::sync, descriptor, 0);
    return 0;
  });
}

void* map(const char* name, void* at, size_t size, int protection, int flags, int descriptor, off_t offset) {
  return attempt(Call::mmap, name, place_of(descriptor), MAP_FAILED, [&] {
    return next<void*(void*, size_t, int, int, int, off_t)>("mmap")(at, size, protection, flags, descriptor,
                                                                    offset);
  });
}

ssize_t read_at(const char* name, int descriptor, void* bytes, size_t size, int64_t offset) {
  const auto real = [&](size_t part) {
    return offset < 0 ? next<ssize_t(int, void*, size_t)>("read")(descriptor, bytes, part)
                      : next<ssize_t(int, void*, size_t, off_t)>("pread")(descriptor, bytes, part, offset);
  };
  const Place place = place_of(descriptor);
  return place.inside() ? attempt_bytes(Call::read, name, place, size, real) : real(size);
}

int truncate_to(const char* name, int descriptor, off_t size) {
  const Place place = place_of(descriptor);
  return attempt(Call::truncate, name, place, -1, [&] {
    const int result = next<int(int, off_t)>("ftruncate")(descriptor, size);
    if (result == 0 && place.inside()) record(Change::truncate, descriptor, size);
    return result;
  });
}

/// Lists a directory, which signals do not interrupt.
template <class Entry>
Entry* next_entry(const char* name, DIR* directory) {
  const Place place = place_of(::dirfd(directory));
  const int before = errno;  // at the end of a directory, it stays
  const Verdict verdict = place.inside() ? judge(Call::read, name, place.path) : Verdict::proceed;
  if (verdict == Verdict::fail && errno != EINTR) return nullptr;
  errno = before;
  return next<Entry*(DIR*)>(name)(directory);
}

/// A descriptor is closed even if that fails.
template <class Real>
int close_with(const char* name, int descriptor, Real real) {
  const Place place = place_of(descriptor);
  if (!place.inside()) return real();
  const Verdict verdict = judge(Call::close, name, place.path);
  const int error = errno;
  forget(descriptor);
  record(Change::close, descriptor, 0);
  const int result = real();
  if (verdict == Verdict::kill_after) end_process();
  if (verdict != Verdict::fail) return result;
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return write_at("write", descriptor, bytes, size, -1);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return write_at("pwrite", descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off_t offset) {
  return write_at("pwrite64", descriptor, bytes, size, offset);
}

/// The program's libraries write short texts this way: their parts one by one.
ssize_t writev(int descriptor, const iovec* parts, int count) {
  if (!place_of(descriptor).inside())
    return next<ssize_t(int, const iovec*, int)>("writev")(descriptor, parts, count);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    const ssize_t done = write_at("writev", descriptor, parts[i].iov_base, parts[i].iov_len, -1);
    if (done < 0) return all > 0 ? all : -1;
    all += done;
    if (static_cast<size_t>(done) < parts[i].iov_len) break;
  }
  return all;
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  return read_at("read", descriptor, bytes, size, -1);
}
ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
  return read_at("pread", descriptor, bytes, size, offset);
}
ssize_t pread64(int descriptor, void* bytes, size_t size, off_t offset) {
  return read_at("pread64", descriptor, bytes, size, offset);
}
dirent* readdir(DIR* directory) { return next_entry<dirent>("readdir", directory); }
dirent64* readdir64(DIR* directory) { return next_entry<dirent64>("readdir64", directory); }

int fsync(int descriptor) { return sync("fsync", descriptor); }
int fdatasync(int descriptor) { return sync("fdatasync", descriptor); }

int ftruncate(int descriptor, off_t size) noexcept { return truncate_to("ftruncate", descriptor, size); }
int ftruncate64(int descriptor, off_t size) noexcept { return truncate_to("ftruncate64", descriptor, size); }

void* mmap(void* at, size_t size, int protection, int flags, int descriptor, off_t offset) noexcept {
  return map("mmap", at, size, protection, flags, descriptor, offset);
}
void* mmap64(void* at, size_t size, int protection, int flags, int descriptor, off_t offset) noexcept {
  return map("mmap64", at, size, protection, flags, descriptor, offset);
}

int flock(int descriptor, int operation) noexcept {
  return attempt(Call::lock, "flock", place_of(descriptor), -1,
                 [&] { return next<int(int, int)>("flock")(descriptor, operation); });
}

int close(int descriptor) {
  return close_with("close", descriptor, [&] { return next<int(int)>("close")(descriptor); });
}
int fclose(FILE* file) {
  return close_with("fclose", ::fileno(file), [&] { return next<int(FILE*)>("fclose")(file); });
}
int closedir(DIR* directory) {
  const int descriptor = ::dirfd(directory);
  if (place_of(descriptor).inside()) record(Change::close, descriptor, 0);
  forget(descriptor);
  return next<int(DIR*)>("closedir")(directory);
}
}
