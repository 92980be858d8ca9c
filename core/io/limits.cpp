#include "core/io/limits.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "core/error.h"

namespace hewn {
namespace {

/// The number at the start of a text; empty for "max" and anything else that is not a number.
std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream in(path);
  std::string word;
  return in >> word ? number(word) : std::nullopt;
}

/// The number behind a word at the start of a line: "MemAvailable: 1024 kB", "inactive_file 4096".
std::optional<uint64_t> number_after(const std::string& path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key) || line.size() == key.size()) continue;
    const size_t at = line.find_first_not_of(" \t", key.size());
    if (at == line.npos || at == key.size()) continue;  // a longer word
    return number(std::string_view(line).substr(at));
  }
  return std::nullopt;
}

std::optional<uint64_t> kib_after(const std::string& path, std::string_view key) {
  const auto kib = number_after(path, key);
  return kib ? std::optional(*kib * 1024) : std::nullopt;
}

/// Whether a comma-separated list contains a word.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// The directories of the groups that limit this process, of the innermost one and of all that contain it. A line of
/// /proc/self/cgroup is "0::/group" in version 2 and "4:cpu,cpuacct:/group" in version 1. Inside a container, a group
/// may be named as seen from outside; its directory then does not exist here, and that of the whole container is the
/// one where the hierarchy is mounted.
std::vector<std::string> group_directories(const std::string& root, std::string_view controller) {
  const std::string mounts = root + "/sys/fs/cgroup";
  std::vector<std::string> directories;
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && !lists(controllers, controller)) continue;
    std::string group = line.substr(second + 1);
    if (!group.starts_with('/')) group.insert(0, "/");
    for (;; group.resize(group.rfind('/'))) {
      if (unified) {
        directories.push_back(mounts + group);
        directories.push_back(mounts + "/unified" + group);  // beside version 1
      } else {
        directories.push_back(mounts + "/" + std::string(controller) + group);
      }
      if (group.empty()) break;
    }
  }
  return directories;
}

/// The bytes in use by a group that cannot be reclaimed by dropping cached files.
uint64_t used_by(const std::string& group) {
  uint64_t used = 0, cached = 0;
  for (const char* file : {"/memory.current", "/memory.usage_in_bytes"})
    used = std::max(used, number_in(group + file).value_or(0));
  for (const char* list : {"inactive_file", "active_file"}) {
    // Version 1 counts those of the inner groups only under this name.
    auto bytes = number_after(group + "/memory.stat", std::string("total_") + list);
    if (!bytes) bytes = number_after(group + "/memory.stat", list);
    cached += bytes.value_or(0);
  }
  return used - std::min(used, cached);
}

constexpr uint64_t unlimited = std::numeric_limits<uint64_t>::max();

uint64_t left_in_group(const std::string& group) {
  uint64_t limit = unlimited;
  for (const char* file : {"/memory.max", "/memory.high", "/memory.limit_in_bytes"})
    limit = std::min(limit, number_in(group + file).value_or(unlimited));
  if (limit == unlimited) return limit;
  return limit - std::min(limit, used_by(group));
}

/// What a limit of ulimit leaves beside the memory that is in use.
uint64_t left_of_ulimit(const std::string& root, std::string_view limit, std::string_view used) {
  const std::string self = root + "/proc/self/";
  const uint64_t most =
      number_after(self + "limits", limit).value_or(unlimited);  // may be the word "unlimited"
  return most == unlimited ? most : most - std::min(most, kib_after(self + "status", used).value_or(0));
}

double quota_of_group(const std::string& group) {
  constexpr double none = std::numeric_limits<double>::infinity();
  std::ifstream both(group + "/cpu.max");
  std::string quota_word, period_word;
  std::optional<uint64_t> quota, period;
  if (both >> quota_word >> period_word) {
    quota = number(quota_word);
    period = number(period_word);
  } else {  // without a quota, version 1 has -1 here
    quota = number_in(group + "/cpu.cfs_quota_us");
    period = number_in(group + "/cpu.cfs_period_us");
  }
  if (!quota || !period || *quota == 0 || *period == 0) return none;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

size_t memory_within_limits(const std::string& root) {
  uint64_t left = std::min(left_of_ulimit(root, "Max address space", "VmSize:"),
                           left_of_ulimit(root, "Max data size", "VmData:"));
  for (const std::string& group : group_directories(root, "memory"))
    left = std::min(left, left_in_group(group));
  return left;
}

size_t machine_memory(const std::string& root) {
  return kib_after(root + "/proc/meminfo", "MemAvailable:").value_or(0);
}

size_t available_memory(const std::string& root) {
  const size_t machine = machine_memory(root), within = memory_within_limits(root);
  if (machine == 0 && within == SIZE_MAX) return 0;
  return std::max<size_t>(1, machine == 0 ? within : std::min(machine, within));
}

double processor_quota(const std::string& root) {
  double quota = std::numeric_limits<double>::infinity();
  for (const std::string& group : group_directories(root, "cpu"))
    quota = std::min(quota, quota_of_group(group));
  return quota;
}

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
