#include "apps/bench/machine/counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "apps/bench/machine/conditions.h"
#include "apps/cli/terminal.h"
#include "core/io/descriptor.h"

namespace hewn::cli {
namespace {

/// An event, and the member that receives its count.
struct Event {
  uint32_t type;
  uint64_t config;
  double Counts::*count;
};

constexpr uint64_t cache_event(uint64_t cache, uint64_t operation, uint64_t result) {
  return cache | operation << 8 | result << 16;
}

constexpr Event events[] = {
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, &Counts::cycles},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, &Counts::instructions},
    {PERF_TYPE_HW_CACHE,
     cache_event(PERF_COUNT_HW_CACHE_L1D, PERF_COUNT_HW_CACHE_OP_READ, PERF_COUNT_HW_CACHE_RESULT_MISS),
     &Counts::l1_misses},
    {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, &Counts::llc_misses},
};

/// One event of one thread. Has no file if the kernel refuses; errno then holds the reason.
class Counter {
 public:
  Counter(const Event& event, pid_t thread) {
    perf_event_attr what{};
    what.size = sizeof what;
    what.type = event.type;
    what.config = event.config;
    what.disabled = 1;
    what.exclude_kernel = 1;  // user mode only, which requires fewer permissions
    what.exclude_hv = 1;
    what.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    file_ = Descriptor(
        static_cast<int>(syscall(SYS_perf_event_open, &what, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  }

  bool counts() const { return file_.is_open(); }
  void start() const {
    if (counts()) ioctl(file_.get(), PERF_EVENT_IOC_RESET, 0), ioctl(file_.get(), PERF_EVENT_IOC_ENABLE, 0);
  }
  void stop() const {
    if (counts()) ioctl(file_.get(), PERF_EVENT_IOC_DISABLE, 0);
  }
  /// The count so far; negative if it never ran.
  double value() const {
    uint64_t numbers[3] = {};  // the count, nanoseconds enabled, nanoseconds counting
    if (!counts() || read(file_.get(), numbers, sizeof numbers) != sizeof numbers) return -1;
    if (numbers[1] == 0) return 0;  // the thread slept
    if (numbers[2] == 0) return -1;
    return static_cast<double>(numbers[0]) * static_cast<double>(numbers[1]) /
           static_cast<double>(numbers[2]);
  }

 private:
  Descriptor file_;
};

std::string reason(int error) {
  std::string paranoid = "unknown";
  std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> paranoid;
  switch (error) {
    case EACCES:
    case EPERM:
      return join("the kernel forbids them (kernel.perf_event_paranoid is ", paranoid,
                  "); run `sysctl kernel.perf_event_paranoid=2` as root, and start a container with ",
                  "--cap-add=PERFMON");
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return "this machine has none, like most virtual machines; enable the virtual PMU, or use real "
             "hardware";
    case ENOSYS: return "this kernel was built without perf_event_open, or a seccomp filter blocks it";
    default: return std::strerror(error);
  }
}

}  // namespace

Counters::Counters() {
  errno = 0;
  if (!Counter(events[0], 0).counts()) why_not_ = reason(errno);
}

Counts Counters::count(int64_t calls, const std::function<void()>& work) const {
  Counts counts;
  if (!why_not_.empty()) return counts;
  std::vector<std::vector<Counter>> all;  // by event and thread
  for (const Event& event : events) {
    auto& threads = all.emplace_back();
    for (const pid_t thread : threads_of_process()) threads.emplace_back(event, thread);
  }
  for (const auto& threads : all)
    for (const Counter& counter : threads) counter.start();
  for (int64_t i = 0; i < calls; ++i) work();
  for (const auto& threads : all)
    for (const Counter& counter : threads) counter.stop();
  for (size_t e = 0; e < all.size(); ++e) {
    double sum = 0;
    for (const Counter& counter : all[e]) {
      const double value = counter.value();
      sum = value < 0 || sum < 0 ? -1 : sum + value;
    }
    counts.*events[e].count = sum < 0 ? -1 : sum / static_cast<double>(calls);
  }
  return counts;
}

}  // namespace hewn::cli
