#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/base/not_copied.h"
#include "core/error.h"
#include "kernels/contract/launch.h"
#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

class EmulatedStream;

namespace {

constexpr size_t arena_bytes = size_t{16} << 30;  // of addresses; memory is allocated on first access
constexpr size_t page = 4096;

/// Returns false if it has not ended, and is called again until it has.
using Work = std::function<bool()>;

struct EmulatedEvent {
  EmulatedStream* stream = nullptr;  ///< that it was last recorded on
  int64_t place = 0;                 ///< the number of pieces of work that end with it there
  bool reached = false;
  bool captured = false;  ///< last recorded while a graph was captured: every replay marks it
  double seconds = 0;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The address range of device memory, accessible only while a `Touch` exists.
class Arena : NotCopied {
 public:
  Arena() {
    void* const memory =
        mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fail(ErrorCode::memory, "the emulated device cannot reserve its address range");
    base_ = static_cast<uint8_t*>(memory);
    free_[0] = arena_bytes;
  }
  ~Arena() { munmap(base_, arena_bytes); }

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

  void open() {
    if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--opened_ == 0) protect(PROT_NONE);
  }

 private:
  void protect(int access) {
    for (const auto& [offset, size] : taken_) mprotect(base_ + offset, size - page, access);
  }

  uint8_t* base_ = nullptr;
  int opened_ = 0;
  std::map<size_t, size_t> free_, taken_;  ///< offset -> bytes
};

/// While it exists, device memory may be accessed.
class Touch : NotCopied {
 public:
  explicit Touch(Arena& arena) : arena_(arena) { arena_.open(); }
  ~Touch() { arena_.close(); }

 private:
  Arena& arena_;
};

/// The work of a graph that is being captured, of both streams, in the order in which it was launched.
class Capture {
 public:
  bool on() const { return recorded_ != nullptr; }
  void add(Work work) { recorded_->push_back(std::move(work)); }
  void begin() {
    forbid("begin a capture");
    recorded_ = std::make_unique<std::deque<Work>>();
    offence_.clear();
  }
  std::unique_ptr<std::deque<Work>> end() {
    require(on(), "the emulated device is not capturing a graph");
    auto recorded = std::move(recorded_);
    require(offence_.empty(), "the emulated device could not capture the graph, because of an attempt to ",
            offence_);
    return recorded;
  }
  /// Calls that a capture forbids fail and invalidate it (CUDA C++ Programming Guide, "Prohibited and Unhandled
  /// Operations" of stream capture).
  void forbid(const char* what) {
    if (!on()) return;
    offence_ = what;
    fail(ErrorCode::failed, "the emulated device cannot ", what, " while it captures a graph");
  }

 private:
  std::unique_ptr<std::deque<Work>> recorded_;
  std::string offence_;  ///< what invalidated the capture; empty: nothing
};

}  // namespace

/// Queued work waits here until a result is needed, as on a GPU that is slower than its host.
class EmulatedStream {
 public:
  EmulatedStream(Arena& arena, Capture& capture) : arena_(arena), capture_(capture) {}

  void add(Work work) {
    if (capture_.on()) return capture_.add(std::move(work));
    waiting_.push_back(std::move(work));
    if (waiting_.size() > 4096) try_until(queued());
  }

  /// The number of pieces of work that were ever queued.
  int64_t queued() const { return done_ + std::ssize(waiting_); }
  /// Runs as much of the first `n` pieces of work as can run. Returns whether all have ended.
  bool try_until(int64_t n) {
    if (done_ >= n) return true;
    const Touch touch(arena_);
    try {
      while (done_ < n) {
        if (!waiting_.front()()) return false;
        waiting_.pop_front();
        ++done_;
      }
    } catch (...) {
      done_ = queued();
      waiting_.clear();
      throw;
    }
    return true;
  }
  void run_until(int64_t n) {
    while (!try_until(n)) std::this_thread::yield();
  }
  void run() { run_until(queued()); }

 private:
  Arena& arena_;
  Capture& capture_;
  std::deque<Work> waiting_;
  int64_t done_ = 0;
};

namespace {

class EmulatedRuntime final : public GpuRuntime {
 public:
  EmulatedRuntime() {
    properties_ = {.name = "emulated",
                   .address = "",
                   .major = 8,
                   .minor = 0,
                   .multiprocessors = 4,
                   .memory_bytes = emulator::options().memory_bytes,
                   .shared_bytes = emulator::options().shared_limit,
                   .l2_bytes = page};
  }

  Isa isa() const override { return Isa::emulated; }
  const GpuProperties& properties() const override { return properties_; }
  void* stream() override { return &now(); }
  void choose(Stream stream) override { chosen_ = stream; }
  Stream chosen() const override { return chosen_; }
  void await_other() override {
    if (capture_.on()) return;  // a graph is replayed in the order in which it was captured
    EmulatedStream& other = chosen_ == Stream::main ? beside_ : main_;
    now().add([&other, n = other.queued()] { return other.try_until(n); });
  }

  void* allocate(size_t bytes) override { return arena_.allocate(bytes); }
  void release(void* data) override {
    if (!capture_.on()) run();  // waiting work may still use it
    arena_.release(data);
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
    add([=] { std::memset(device, value, bytes); });
  }

  Event make_event() override { return new EmulatedEvent; }
  void drop_event(Event event) override {
    run();
    delete static_cast<EmulatedEvent*>(event);
  }
  void record(Event event) override {
    auto& e = *static_cast<EmulatedEvent*>(event);
    e.reached = false;
    e.captured = capture_.on();
    add([&e] { e.reached = true, e.seconds = seconds_now(); });
    if (e.captured) return;
    e.stream = &now();
    e.place = now().queued();
  }
  bool reached(Event event) override { return not_captured(event).reached; }
  void wait(Event event) override {
    const EmulatedEvent& e = not_captured(event);
    if (e.stream) e.stream->run_until(e.place);
  }
  double seconds_between(Event first, Event second) override {
    return seconds_at(second) - seconds_at(first);
  }

  void rest() override {
    for (EmulatedStream* stream : {&main_, &beside_}) stream->try_until(stream->queued());
    std::this_thread::yield();
  }
  void sync() override {
    capture_.forbid("wait for its work");
    run();
  }

  void begin_capture() override { capture_.begin(); }
  Graph end_capture() override { return capture_.end().release(); }
  bool capturing() const override { return capture_.on(); }
  void replay(Graph graph) override {
    capture_.forbid("launch a graph");
    for (const Work& work : *static_cast<std::deque<Work>*>(graph)) now().add(work);
  }
  void drop_graph(Graph graph) override { delete static_cast<std::deque<Work>*>(graph); }

 private:
  EmulatedStream& now() { return chosen_ == Stream::main ? main_ : beside_; }
  void add(std::function<void()> work) {
    now().add([work = std::move(work)] { return work(), true; });
  }
  void move(void* to, const void* from, size_t bytes) {
    add([=] { std::memmove(to, from, bytes); });
  }
  void run() {
    main_.run();
    beside_.run();
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
    EmulatedEvent& e = not_of_this_capture(event);
    require(!e.captured, "an event recorded during a capture can only measure times; record it again");
    return e;
  }

  EmulatedEvent& not_of_this_capture(Event event) {
    auto& e = *static_cast<EmulatedEvent*>(event);
    if (e.captured) capture_.forbid("query an event of this capture");
    return e;
  }
  double seconds_at(Event event) {
    const EmulatedEvent& e = not_of_this_capture(event);
    require(e.reached, "the emulated device has not reached the event whose time is requested");
    return e.seconds;
  }

  GpuProperties properties_;
  Arena arena_;
  Capture capture_;
  EmulatedStream main_{arena_, capture_}, beside_{arena_, capture_};
  Stream chosen_ = Stream::main;
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
  Work work = [name, grid, body = std::move(body)] { return emulator::run_kernel(name, grid, body), true; };
  if (on.stream)
    static_cast<EmulatedStream*>(on.stream)->add(std::move(work));
  else
    work();
}

namespace emulator {

void queue_until(void* stream, std::function<bool()> done) {
  static_cast<EmulatedStream*>(stream)->add(std::move(done));
}

}  // namespace emulator

std::unique_ptr<GpuRuntime> make_emulated_runtime() { return std::make_unique<EmulatedRuntime>(); }

}  // namespace hewn
