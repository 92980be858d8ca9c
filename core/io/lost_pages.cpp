#include "core/io/lost_pages.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"

namespace hewn {
namespace {

constexpr size_t most_mappings = 4096, most_descriptors = 64;

/// What the signal handler sees of a mapping. Free while `begin` is 0.
struct Range {
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<bool> lost{false};  // set by the handler
};
constinit std::array<Range, most_mappings> ranges{};
static_assert(std::atomic<uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

/// What the handler does not see.
struct File {
  std::string path;
  int fd = -1;  // -1: watched by its path
  dev_t device = 0;
  ino_t inode = 0;
  uint64_t size = 0;
  bool watched = false;  // false: a free slot
  bool reported = false;
};
struct Files {
  std::mutex mutex;
  std::vector<File> list;            // slots, free ones among them
  size_t descriptors = 0;            // that are open
  std::array<std::string, 16> lost;  // the paths of files that are no longer mapped and were not reported
};
Files& files() {
  static auto* const all = new Files;  // never destroyed: static objects may hold mappings
  return *all;
}

uintptr_t page_bytes;
struct sigaction action_before;

/// Replaces the pages that are missing: those behind the first missing one are missing too if the file was shortened,
/// and what has been read is discarded in any case. Calls nothing that is not safe in a signal handler.
bool replace_pages(uintptr_t at) {
  for (Range& range : ranges) {
    const uintptr_t begin = range.begin, end = range.end;
    if (begin == 0 || at < begin || at >= end) continue;
    const uintptr_t first = at / page_bytes * page_bytes;
    void* const zeros = ::mmap(reinterpret_cast<void*>(first), end - first, PROT_READ,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (zeros == MAP_FAILED) return false;
    range.lost = true;
    return true;
  }
  return false;
}

extern "C" void on_missing_page(int signal, siginfo_t* info, void*) {
  const bool fault = info->si_code > 0;  // not sent by a process
  if (fault && replace_pages(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  // A fault happens again when the handler returns, and then meets the action of before.
  ::sigaction(signal, &action_before, nullptr);
  if (!fault) ::raise(signal);
}

bool is_whole(const File& file, const Range& range) {
  struct stat status {};
  const bool known = file.fd >= 0 ? ::fstat(file.fd, &status) == 0
                                  : ::stat(file.path.c_str(), &status) == 0 && status.st_dev == file.device &&
                                        status.st_ino == file.inode;
  return !(known && static_cast<uint64_t>(status.st_size) < file.size) && !range.lost;
}

[[noreturn]] void report(const std::string& path) {
  fail(
      ErrorCode::input, path,
      ": was shortened, or became unreadable, while in use; restore or recreate it, then repeat the command");
}

void check(bool reported_too) {
  Files& all = files();
  const std::lock_guard lock(all.mutex);
  for (size_t i = 0; i < all.list.size(); ++i) {
    File& file = all.list[i];
    if (!file.watched || (file.reported && !reported_too) || is_whole(file, ranges[i])) continue;
    file.reported = true;
    report(file.path);
  }
  for (std::string& path : all.lost)
    if (!path.empty()) report(std::exchange(path, {}));
}

}  // namespace

void survive_lost_pages() {
  page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_missing_page;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &action_before);
}

void check_mapped_files() { check(true); }
void check_newly_lost_pages() { check(false); }

WatchedMapping::WatchedMapping(const std::string& path, Descriptor file, const void* data, size_t size) {
  Files& all = files();
  const std::lock_guard lock(all.mutex);
  struct stat status {};
  const auto slot =
      std::find_if(all.list.begin(), all.list.end(), [](const File& one) { return !one.watched; });
  const auto i = static_cast<size_t>(slot - all.list.begin());
  if (i == most_mappings || ::fstat(file.get(), &status) != 0) return;
  if (slot == all.list.end()) all.list.emplace_back();
  if (all.descriptors < most_descriptors)
    ++all.descriptors;
  else
    file.close();
  all.list[i] = {path, file.release(), status.st_dev, status.st_ino, size, true, false};
  slot_ = static_cast<int>(i);
  Range& range = ranges[i];
  range.lost = false;
  range.end = reinterpret_cast<uintptr_t>(data) + size;
  range.begin = reinterpret_cast<uintptr_t>(data);
}

void WatchedMapping::end() noexcept {
  if (slot_ < 0) return;
  Files& all = files();
  const std::lock_guard lock(all.mutex);
  Range& range = ranges[static_cast<size_t>(slot_)];
  File& file = all.list[static_cast<size_t>(slot_)];
  range.begin = 0;
  const auto free = std::find_if(all.lost.begin(), all.lost.end(), [](auto& path) { return path.empty(); });
  if (!file.reported && free != all.lost.end() && !is_whole(file, range)) free->swap(file.path);
  if (file.fd >= 0) {
    ::close(file.fd);
    --all.descriptors;
  }
  file.watched = false;
  slot_ = -1;
}

}  // namespace hewn
