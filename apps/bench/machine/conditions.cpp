#include "apps/bench/machine/conditions.h"

#include <dirent.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <map>
#include <set>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/descriptor.h"
#include "kernels/contract/parallel.h"
#include "kernels/roof/caches.h"

namespace hewn::cli {
namespace {

std::vector<int> allowed_processors() {
  std::vector<int> processors;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor)
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  return processors;
}

void allow(pid_t task, const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(processor, &set);
  sched_setaffinity(task, sizeof set, &set);  // if refused, the system places the threads
}

}  // namespace

std::vector<pid_t> threads_of_process() {
  std::vector<pid_t> tasks;
  DIR* const folder = opendir("/proc/self/task");
  if (!folder) return tasks;
  while (const dirent* entry = readdir(folder))
    if (const int task = std::atoi(entry->d_name); task > 0) tasks.push_back(task);
  closedir(folder);
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

std::vector<int> separate_cores_first(const std::vector<int>& processors,
                                      const std::function<std::string(int)>& core_of) {
  std::map<std::string, int> seen;
  std::vector<std::pair<int, int>> ranked;  // which hardware thread of its core, and the processor
  for (const int processor : processors) {
    const std::string core = core_of(processor);
    ranked.emplace_back(core.empty() ? 0 : seen[core]++, processor);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int> ordered;
  for (const auto& [rank, processor] : ranked) ordered.push_back(processor);
  return ordered;
}

int cores_among(const std::vector<int>& processors, const std::function<std::string(int)>& core_of) {
  std::set<std::string> cores;
  for (const int processor : processors) {
    const std::string core = core_of(processor);
    cores.insert(core.empty() ? "of processor " + std::to_string(processor) : core);
  }
  return static_cast<int>(cores.size());
}

PinnedThreads::PinnedThreads(int threads) : processors_(separate_cores_first(allowed_processors(), core_of)) {
  if (static_cast<int>(processors_.size()) < threads) return;
  ours_.resize(static_cast<size_t>(threads));
  // Each thread waits for the others, so that none takes another's part, but only for a limited time: OpenMP
  // may provide fewer threads than requested (OMP_THREAD_LIMIT).
  std::atomic<int> here = 0;
  parallel_for(Launch{.threads = threads}, threads, [&](int64_t, int64_t, int worker) {
    ours_[static_cast<size_t>(worker)] = gettid();
    ++here;
    const auto start = Clock::now();
    while (here < threads && Clock::now() - start < std::chrono::seconds(1)) std::this_thread::yield();
  });
  // If OpenMP had more threads before, the others may have taken all parts.
  std::erase(ours_, gettid());
  ours_.insert(ours_.begin(), gettid());
  allow(ours_[0], {processors_[0]});
  for (size_t i = 1; i < ours_.size(); ++i) allow(ours_[i], {processor_beside(i - 1)});
}

PinnedThreads::~PinnedThreads() {
  for (const pid_t task : ours_) allow(task, processors_);
  for (const pid_t task : others_) allow(task, processors_);
}

int PinnedThreads::cores() const {
  const std::ptrdiff_t used = std::min(std::ssize(ours_), std::ssize(processors_));
  return cores_among({processors_.begin(), processors_.begin() + used}, core_of);
}

void PinnedThreads::release_caller() const {
  if (pinned()) allow(ours_[0], processors_);
}

void PinnedThreads::hold() {
  if (!pinned()) return;
  allow(ours_[0], {processors_[0]});
  const std::vector<pid_t> tasks = threads_of_process();
  const auto is_in = [](const std::vector<pid_t>& list, pid_t task) {
    return std::find(list.begin(), list.end(), task) != list.end();
  };
  const auto has_ended = [&](pid_t task) { return !is_in(tasks, task); };
  std::erase_if(ours_, has_ended);
  std::erase_if(others_, has_ended);
  size_t turn = ours_.size() - 1;
  for (const pid_t task : tasks) {
    if (processors_.size() < 2 || is_in(ours_, task) || is_in(others_, task)) continue;
    allow(task, {processor_beside(turn++)});
    others_.push_back(task);
  }
}

ShareClock::ShareClock() { since(); }

Shares ShareClock::since() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double times[8] = {};  // user nice system idle iowait irq softirq steal, since boot
  stat >> cpu;
  for (double& time : times) stat >> time;
  if (!stat) return {};
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ticks = [](const timeval& time) {
    return (static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6) *
           static_cast<double>(sysconf(_SC_CLK_TCK));
  };
  const double own = ticks(usage.ru_utime) + ticks(usage.ru_stime);
  const double stolen = times[7], busy = times[0] + times[1] + times[2] + times[5] + times[6];
  const double all = busy + times[3] + times[4] + stolen, passed = all - all_;
  Shares shares;
  if (passed > 0)
    shares = {.others = std::clamp(100 * ((busy - busy_) - (own - own_)) / passed, 0.0, 100.0),
              .stolen = 100 * (stolen - stolen_) / passed};
  all_ = all, busy_ = busy, stolen_ = stolen, own_ = own;
  return shares;
}

double reference_loop_seconds() {
  double best = 1e30;
  volatile double kept = 1;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto start = Clock::now();
    double x = kept;
    for (int i = 0; i < 20'000; ++i) x = x * 0.999 + 0.001;
    kept = x;
    best = std::min(best, seconds_since(start));
  }
  return best;
}

std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail(ErrorCode::failed, "cannot create a pipe: ", std::strerror(errno));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, words[0], &files, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  close(ends[1]);
  std::string output;
  char block[1 << 14];
  for (ssize_t n = 0; problem == 0 && (n = retried(::read, ends[0], block, sizeof block)) > 0;)
    output.append(block, static_cast<size_t>(n));
  close(ends[0]);
  if (problem != 0) fail(ErrorCode::failed, command[0], " cannot be started: ", std::strerror(problem));
  int status = 0;
  (void)retried(::waitpid, child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail(ErrorCode::failed, command[0], " failed");
  return output;
}

}  // namespace hewn::cli
