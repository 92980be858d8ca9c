#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "kernels/contract/launch.h"
#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {
namespace {

constexpr size_t arena_bytes = size_t{16} << 30;  // of addresses; memory is allocated on first access
constexpr size_t page = 4096;

using Work = std::function<void()>;

struct EmulatedEvent {
  bool reached = false;
  bool captured = false;  ///< last recorded while a graph was captured: it stands for no point in time
  double seconds = 0;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The address range of device memory, accessible only while a `Touch` exists.
class Arena {
 public:
  Arena() {
    void* const memory =
        mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail(ErrorCode::memory, "the emulated device cannot reserve its address range");
    base_ = static_cast<uint8_t*>(memory);
    free_[0] = arena_bytes;
  }
  ~Arena() { munmap(base_, arena_bytes); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes) {
    const size_t size = (bytes + page - 1) / page * page + page;  // an unused page separates blocks
    for (auto at = free_.begin(); at != free_.end(); ++at) {
      if (at->second < size) continue;
      const auto [offset, length] = *at;
      free_.erase(at);
      if (length > size) free_[offset + size] = length - size;
      taken_[offset] = size;
      return base_ + offset;
    }
    return nullptr;
  }

  void release(void* data) {
    const auto offset = static_cast<size_t>(static_cast<uint8_t*>(data) - base_);
    const auto at = taken_.find(offset);
    if (at == taken_.end()) return;
    size_t start = offset, length = at->second;
    taken_.erase(at);
    madvise(data, length, MADV_DONTNEED);
    auto next = free_.lower_bound(start);
    if (next != free_.end() && next->first == start + length)
      length += next->second, next = free_.erase(next);
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == start) start = before->first, length += before->second;
    }
    free_[start] = length;
  }

  void open(bool on) {
    for (const auto& [offset, size] : taken_)
      mprotect(base_ + offset, size - page, on ? PROT_READ | PROT_WRITE : PROT_NONE);
  }

 private:
  uint8_t* base_ = nullptr;
  std::map<size_t, size_t> free_, taken_;  ///< offset -> bytes
};

}  // namespace

/// Queued work waits here until a result is needed, as on a GPU that is slower than its host.
class EmulatedStream {
 public:
  void add(Work work) {
    (captured_ ? *captured_ : waiting_).push_back(std::move(work));
    if (!captured_ && waiting_.size() > 4096) run();
  }

  void run() {
    if (waiting_.empty()) return;
    arena.open(true);
    try {
      while (!waiting_.empty()) {
        const Work work = std::move(waiting_.front());
        waiting_.pop_front();
        work();
      }
    } catch (...) {
      waiting_.clear();
      arena.open(false);
      throw;
    }
    arena.open(false);
  }

  void begin_capture() {
    forbid_in_capture("begin a capture");
    captured_ = std::make_unique<std::deque<Work>>();
    offence_.clear();
  }
  std::unique_ptr<std::deque<Work>> end_capture() {
    require(capturing(), "the emulated device captures no graph that could end");
    auto recorded = std::move(captured_);
    require(offence_.empty(), "the emulated device captured no graph, because of an attempt to ", offence_);
    return recorded;
  }
  bool capturing() const { return captured_ != nullptr; }
  /// Calls that a capture forbids fail and invalidate it (CUDA C++ Programming Guide, "Prohibited and Unhandled
  /// Operations" of stream capture).
  void forbid_in_capture(const char* what) {
    if (!capturing()) return;
    offence_ = what;
    fail(ErrorCode::failed, "the emulated device cannot ", what, " while it captures a graph");
  }

  Arena arena;

 private:
  std::deque<Work> waiting_;
  std::unique_ptr<std::deque<Work>> captured_;
  std::string offence_;  ///< what invalidated the capture; empty: nothing
};

namespace {

class EmulatedRuntime final : public GpuRuntime {
 public:
  EmulatedRuntime() {
    properties_ = {.name = "emulated",
                   .major = 8,
                   .minor = 0,
                   .multiprocessors = 4,
                   .memory_bytes = emulator::options().memory_bytes,
                   .shared_bytes = emulator::options().shared_limit,
                   .l2_bytes = page};
  }

  Isa isa() const override { return Isa::emulated; }
  const GpuProperties& properties() const override { return properties_; }
  void* stream() override { return &stream_; }

  void* allocate(size_t bytes) override { return stream_.arena.allocate(bytes); }
  void release(void* data) override {
    if (!stream_.capturing()) stream_.run();  // waiting work may still use it
    stream_.arena.release(data);
  }
  void* allocate_pinned(size_t bytes) override {
    void* const data = std::aligned_alloc(page, (bytes + page - 1) / page * page);
    if (data) pinned_[static_cast<const uint8_t*>(data)] = bytes;
    return data;
  }
  void release_pinned(void* data) override {
    pinned_.erase(static_cast<const uint8_t*>(data));
    std::free(data);
  }

  void copy_in(void* device, const void* pinned, size_t bytes) override {
    require_pinned(pinned, bytes);
    move(device, pinned, bytes);
  }
  void copy_out(void* pinned, const void* device, size_t bytes) override {
    require_pinned(pinned, bytes);
    move(pinned, device, bytes);
  }
  void copy(void* to, const void* from, size_t bytes) override { move(to, from, bytes); }
  void fill(void* device, uint8_t value, size_t bytes) override {
    stream_.add([=] { std::memset(device, value, bytes); });
  }

  Event make_event() override { return new EmulatedEvent; }
  void drop_event(Event event) override {
    stream_.run();
    delete static_cast<EmulatedEvent*>(event);
  }
  void record(Event event) override {
    auto& e = *static_cast<EmulatedEvent*>(event);
    e.reached = false;
    e.captured = stream_.capturing();
    if (!e.captured) stream_.add([&e] { e.reached = true, e.seconds = now(); });
  }
  bool reached(Event event) override { return not_captured(event).reached; }
  void wait(Event event) override {
    if (!reached(event)) stream_.run();
  }
  double seconds_between(Event first, Event second) override {
    return not_captured(second).seconds - not_captured(first).seconds;
  }

  void sync() override {
    stream_.forbid_in_capture("wait for its work");
    stream_.run();
  }

  void begin_capture() override { stream_.begin_capture(); }
  Graph end_capture() override { return stream_.end_capture().release(); }
  bool capturing() const override { return stream_.capturing(); }
  void replay(Graph graph) override {
    stream_.forbid_in_capture("launch a graph");
    for (const Work& work : *static_cast<std::deque<Work>*>(graph)) stream_.add(work);
  }
  void drop_graph(Graph graph) override { delete static_cast<std::deque<Work>*>(graph); }

 private:
  void move(void* to, const void* from, size_t bytes) {
    stream_.add([=] { std::memmove(to, from, bytes); });
  }

  /// The GPU's driver copies other memory synchronously, and fails while a graph is captured.
  void require_pinned(const void* data, size_t bytes) const {
    const auto* const begin = static_cast<const uint8_t*>(data);
    auto after = pinned_.upper_bound(begin);
    const bool pinned =
        after != pinned_.begin() && begin + bytes <= std::prev(after)->first + std::prev(after)->second;
    require(pinned, "the emulated device copies only from and to pinned memory; allocate_pinned provides it");
  }

  EmulatedEvent& not_captured(Event event) {
    auto& e = *static_cast<EmulatedEvent*>(event);
    if (e.captured) stream_.forbid_in_capture("query an event of this capture");
    require(!e.captured,
            "an event that was last recorded while a graph was captured is never reached; record it again");
    return e;
  }

  GpuProperties properties_;
  EmulatedStream stream_;
  std::map<const uint8_t*, size_t> pinned_;  ///< address -> bytes
};

std::string text_of(const Extent& d) {
  return std::to_string(d.x) + "x" + std::to_string(d.y) + "x" + std::to_string(d.z);
}

}  // namespace

void launch_emulated(const Launch& on, const char* name, const Grid& grid, std::function<void()> body,
                     const std::string& arguments) {
  const auto refuse = [&](const char* why) {
    fail(ErrorCode::failed, "kernel ", name, "(", arguments, ") on ", text_of(grid.blocks), " blocks of ",
         text_of(grid.threads), " threads with ", grid.shared_bytes, " bytes of shared memory: ", why);
  };
  const Extent &blocks = grid.blocks, &threads = grid.threads;
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  if (blocks.x > 0x7fffffffu || blocks.y > 65535 || blocks.z > 65535)
    refuse("a grid has at most 2^31 - 1 blocks in x, and 65535 in y and z");
  const uint64_t n = uint64_t{threads.x} * threads.y * threads.z;
  if (n == 0 || n > 1024 || threads.z > 64)
    refuse("a block must have 1 to 1024 threads, at most 64 of them in z");
  if (grid.shared_bytes > emulator::options().shared_limit)
    refuse("a block has less shared memory than this");
  Work work = [name, grid, body = std::move(body)] { emulator::run_kernel(name, grid, body); };
  if (on.stream)
    static_cast<EmulatedStream*>(on.stream)->add(std::move(work));
  else
    work();
}

std::unique_ptr<GpuRuntime> make_emulated_runtime() { return std::make_unique<EmulatedRuntime>(); }

}  // namespace hewn
