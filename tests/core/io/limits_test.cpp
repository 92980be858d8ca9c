// Limits of memory and processors, read from made-up trees of both versions of control groups.

#include "core/io/limits.h"

#include <sys/resource.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

using namespace hewn;
using test::TempDir;

namespace {

constexpr size_t mib = size_t{1} << 20;

/// A tree of files with these contents.
class Tree {
 public:
  explicit Tree(const std::map<std::string, std::string>& files) {
    for (const auto& [name, content] : files) put(name, content);
  }
  void put(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    test::write_file(path, content);
  }
  std::string root() const { return dir_.path().string(); }

 private:
  TempDir dir_;
};

const std::string meminfo =
    "MemTotal:        8000000 kB\nMemFree:         1000000 kB\nMemAvailable:    4000000 kB\n";

Tree version_2() {
  return Tree({{"proc/meminfo", meminfo},
               {"proc/self/cgroup", "0::/pod/container\n"},
               {"sys/fs/cgroup/cpu.stat", "usage_usec 1\n"},
               {"sys/fs/cgroup/pod/memory.max", "1048576000\n"},
               {"sys/fs/cgroup/pod/memory.high", "max\n"},
               {"sys/fs/cgroup/pod/memory.current", "524288000\n"},
               {"sys/fs/cgroup/pod/cpu.max", "max 100000\n"},
               {"sys/fs/cgroup/pod/container/memory.max", "max\n"},
               {"sys/fs/cgroup/pod/container/memory.high", "max\n"},
               {"sys/fs/cgroup/pod/container/memory.current", "104857600\n"},
               {"sys/fs/cgroup/pod/container/cpu.max", "150000 100000\n"}});
}

/// While this lives, the process has this soft limit.
template <class Resource>
class Limit {
 public:
  Limit(Resource resource, rlim_t bytes) : resource_(resource) {
    getrlimit(resource, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(resource, &limit);
  }
  ~Limit() { setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  Resource resource_;
  rlimit before_{};
};

size_t own_bytes(const std::string& key) {
  const std::string status = test::read_file("/proc/self/status");
  return std::stoull(status.substr(status.find(key) + key.size())) * 1024;
}

}  // namespace

TEST_CASE("without groups, the machine's memory is available", "[limits]") {
  const Tree bare({{"proc/meminfo", meminfo}});
  CHECK(available_memory(bare.root()) == size_t{4000000} * 1024);
  CHECK(memory_within_limits(bare.root()) == SIZE_MAX);
  CHECK(std::isinf(processor_quota(bare.root())));
  const Tree empty({});
  CHECK(available_memory(empty.root()) == 0);  // unknown
}

TEST_CASE("the smallest limit of nested groups counts, in version 2", "[limits]") {
  const Tree tree = version_2();
  CHECK(available_memory(tree.root()) == 500 * mib);  // of the pod
  CHECK(processor_quota(tree.root()) == 1.5);         // of the container
  tree.put("sys/fs/cgroup/pod/container/memory.high", "209715200\n");
  CHECK(available_memory(tree.root()) == 100 * mib);
  tree.put("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
  CHECK(processor_quota(tree.root()) == 0.5);
}

TEST_CASE("cached files count as free", "[limits]") {
  const Tree tree = version_2();
  tree.put("sys/fs/cgroup/pod/memory.stat",
           "anon 1\nfile 314572800\ninactive_anon 5\ninactive_file 104857600\nactive_file 209715200\n");
  CHECK(memory_within_limits(tree.root()) == 800 * mib);
  tree.put("sys/fs/cgroup/pod/memory.stat", "inactive_file 99999999999999\n");  // more than is in use
  CHECK(memory_within_limits(tree.root()) == 1000 * mib);
}

TEST_CASE("a group in excess of its limit leaves nothing, which is not unknown", "[limits]") {
  const Tree tree = version_2();
  tree.put("sys/fs/cgroup/pod/memory.current", "2097152000\n");
  CHECK(memory_within_limits(tree.root()) == 0);
  CHECK(available_memory(tree.root()) == 1);
}

TEST_CASE("limits of version 1 are read, also beside version 2", "[limits]") {
  const Tree tree(
      {{"proc/meminfo", meminfo},
       {"proc/self/cgroup",
        "9:name=systemd:/\n4:memory:/docker/12ab/job\n2:cpu,cpuacct:/docker/12ab\n1:cpuset:/\n0::/\n"},
       {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
       {"sys/fs/cgroup/memory/docker/12ab/memory.limit_in_bytes", "314572800\n"},
       {"sys/fs/cgroup/memory/docker/12ab/memory.usage_in_bytes", "209715200\n"},
       {"sys/fs/cgroup/memory/docker/12ab/memory.stat",
        "inactive_file 1\nactive_file 1\ntotal_inactive_file 52428800\ntotal_active_file 52428800\n"},
       {"sys/fs/cgroup/memory/docker/12ab/job/memory.limit_in_bytes", "9223372036854771712\n"},
       {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
       {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"},
       {"sys/fs/cgroup/cpu/docker/12ab/cpu.cfs_quota_us", "250000\n"},
       {"sys/fs/cgroup/cpu/docker/12ab/cpu.cfs_period_us", "100000\n"}});
  CHECK(available_memory(tree.root()) == 200 * mib);
  CHECK(processor_quota(tree.root()) == 2.5);
}

TEST_CASE("inside a container, whose group is named as seen from outside, its mount counts", "[limits]") {
  const Tree tree({{"proc/meminfo", meminfo},
                   {"proc/self/cgroup", "4:memory:/docker/12ab\n2:cpu:/docker/12ab\n0::/docker/12ab\n"},
                   {"sys/fs/cgroup/memory/memory.limit_in_bytes", "314572800\n"},
                   {"sys/fs/cgroup/memory/memory.usage_in_bytes", "104857600\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
                   {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}});
  CHECK(available_memory(tree.root()) == 200 * mib);
  CHECK(processor_quota(tree.root()) == 1);
}

TEST_CASE("lines without a number, and those of longer words, are passed over", "[limits]") {
  const Tree tree(
      {{"proc/meminfo", "MemAvailable:\nMemAvailable: \t\nMemAvailable:x 9 kB\nMemAvailable: 2048 kB\n"},
       {"proc/self/cgroup", "no group\n0:memory\n0::/job\n"},
       {"sys/fs/cgroup/job/memory.max", "1048576\n"}});
  CHECK(machine_memory(tree.root()) == 2 * mib);
  CHECK(memory_within_limits(tree.root()) == mib);
}

TEST_CASE("a limit is known where the machine's memory is not", "[limits]") {
  const Tree tree({{"proc/self/cgroup", "0::/job\n"}, {"sys/fs/cgroup/job/memory.max", "1048576\n"}});
  CHECK(machine_memory(tree.root()) == 0);
  CHECK(available_memory(tree.root()) == mib);
}

TEST_CASE("a quota or period that is 0 or no number limits no processors", "[limits]") {
  for (const char* quota : {"0 100000\n", "100000 0\n", "100000 max\n"}) {
    INFO(quota);
    const Tree tree({{"proc/self/cgroup", "0::/job\n"}, {"sys/fs/cgroup/job/cpu.max", quota}});
    CHECK(std::isinf(processor_quota(tree.root())));
  }
}

TEST_CASE("malformed files limit nothing", "[limits]") {
  for (const std::string garbage : {"", "\n", "max", "-1\n", "12", "none of these", "::::\n", "0", "1 0\n",
                                    "\xff\xfe", "99999999999999999999999999\n", "x 100000\n"}) {
    INFO(garbage);
    const Tree tree = version_2();
    for (const char* group : {"pod/", "pod/container/"})
      for (const char* file : {"memory.high", "memory.stat", "memory.current", "cpu.max"})
        tree.put(std::string("sys/fs/cgroup/") + group + file, garbage);
    tree.put("sys/fs/cgroup/pod/memory.high", "max");
    tree.put("sys/fs/cgroup/pod/container/memory.high", "max");
    CHECK(memory_within_limits(tree.root()) <= 1000 * mib);
    CHECK(memory_within_limits(tree.root()) >= 999 * mib);
    CHECK(std::isinf(processor_quota(tree.root())));
    tree.put("proc/self/cgroup", garbage);
    tree.put("proc/meminfo", garbage);
    CHECK(available_memory(tree.root()) == 0);
  }
}

TEST_CASE("limits of ulimit are read beside what is in use", "[limits]") {
  const Tree tree({{"proc/meminfo", meminfo},
                   {"proc/self/status", "VmPeak:\t  900000 kB\nVmSize:\t  102400 kB\nVmData:\t  51200 kB\n"},
                   {"proc/self/limits",
                    "Limit                     Soft Limit           Hard Limit           Units\n"
                    "Max data size             unlimited            unlimited            bytes\n"
                    "Max address space         314572800            unlimited            bytes\n"}});
  CHECK(available_memory(tree.root()) == 200 * mib);
  tree.put("proc/self/limits", "Max data size             157286400            unlimited            bytes\n");
  CHECK(available_memory(tree.root()) == 100 * mib);
  tree.put("proc/self/limits", "Max data size             1000            unlimited            bytes\n");
  CHECK(memory_within_limits(tree.root()) == 0);
}

TEST_CASE("ulimit -v and -d limit what is available", "[limits]") {
  {
    const size_t most = own_bytes("VmSize:") + 100 * mib;
    const Limit limit(RLIMIT_AS, most);
    if (test::read_file("/proc/self/limits").find(std::to_string(most)) == std::string::npos)
      return test::skip("ulimit -v: this system, such as an emulator of another processor, ignores it");
    CHECK(memory_within_limits() <= 100 * mib);
    CHECK(memory_within_limits() >= 50 * mib);
    CHECK(available_memory() <= 100 * mib);
  }
  const Limit limit(RLIMIT_DATA, own_bytes("VmData:") + 100 * mib);
  CHECK(memory_within_limits() <= 100 * mib);
  CHECK(memory_within_limits() >= 50 * mib);
  const auto device = make_cpu(1);
  CHECK(test::fails(ErrorCode::memory, {"out of memory: ", "container or ulimit"},
                    [&] { device->pool().allocate(200 * mib); }));
}
