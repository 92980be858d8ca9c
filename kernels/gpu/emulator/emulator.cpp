#include "kernels/gpu/emulator/emulator.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "kernels/gpu/emulator/fiber.h"
#include "kernels/gpu/emulator/shared_memory.h"

namespace hewn::emulator {
namespace {

enum class State : uint8_t { ready, at_barrier, in_warp, waiting, ended };

struct Thread {
  Fiber fiber;
  State state = State::ready;
  Extent index{};
  // The lane's state while it waits for its warp.
  uint32_t mask = 0;
  const char* what = "";
  void* mine = nullptr;
  WarpWork work = nullptr;
  // The condition that the thread waits for.
  bool (*done)(const void*) = nullptr;
  const void* subject = nullptr;
};

std::string text_of(const Extent& d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

size_t count_of(const Extent& d) { return size_t{d.x} * d.y * d.z; }

Extent split(size_t i, const Extent& sizes) {
  return {static_cast<unsigned>(i % sizes.x), static_cast<unsigned>(i / sizes.x % sizes.y),
          static_cast<unsigned>(i / sizes.x / sizes.y)};
}

/// Weyl's sequence, mixed as in Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

std::vector<size_t> order_of(size_t n, uint64_t& random) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  if (random != 0)
    for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[next_random(random) % i]);
  return order;
}

/// The blocks to run, in the order to run them.
std::vector<size_t> blocks_of(const char* kernel, size_t blocks, uint64_t& random) {
  if (options().blocks) return options().blocks(kernel, blocks);
  return order_of(blocks, random);
}

/// The machine: one multiprocessor that runs one block.
class Machine {
 public:
  void run(const char* name, const Grid& grid, const std::function<void()>& body);
  void barrier();
  void together(uint32_t mask, const char* what, void* mine, WarpWork work);
  void until(bool (*done)(const void*), const void* subject, const char* what);
  BlockState& state(const void* key, std::unique_ptr<BlockState> (*make)());
  [[noreturn]] void failed_here(const std::string& why) const {
    fail(ErrorCode::failed, "kernel ", name_, ", block ", text_of(place.block), ", thread ",
         text_of(place.thread), ": ", why);
  }

  Place place{};
  SharedMemory shared;

 private:
  static void enter(void* thread);
  void run_block(const std::vector<size_t>& order);
  void end_block();
  void wait(State state);
  [[noreturn]] void stuck(size_t at_barrier);

  const char* name_ = "";
  const std::function<void()>* body_ = nullptr;
  std::vector<std::unique_ptr<Thread>> threads_;
  size_t n_ = 0;        ///< threads of a block
  size_t current_ = 0;  ///< the running thread
  Grid grid_;
  std::vector<std::pair<const void*, std::unique_ptr<BlockState>>> states_;  ///< by key
  std::exception_ptr error_;
};

Machine& machine() {
  static Machine* const one = new Machine;  // stays: a kernel that ends the program runs on one of its stacks
  return *one;
}

void Machine::enter(void*) {
  Machine& m = machine();
  for (;;) {
    Thread& self = *m.threads_[m.current_];
    try {
      (*m.body_)();
    } catch (...) {
      m.error_ = std::current_exception();
    }
    self.state = State::ended;
    self.fiber.yield();
  }
}

void Machine::run(const char* name, const Grid& grid, const std::function<void()>& body) {
  name_ = name;
  body_ = &body;
  n_ = count_of(grid.threads);
  grid_ = grid;
  place.threads = grid.threads;
  place.blocks = grid.blocks;
  while (threads_.size() < n_) {
    threads_.push_back(std::make_unique<Thread>());
    threads_.back()->fiber.start(enter, nullptr);
  }
  for (size_t t = 0; t < n_; ++t) threads_[t]->index = split(t, grid.threads);
  uint64_t random = options().order;
  try {
    for (const size_t block : blocks_of(name, count_of(grid.blocks), random)) {
      place.block = split(block, grid.blocks);
      run_block(order_of(n_, random));
    }
  } catch (...) {
    // Abandons fibers that were in the middle of the kernel.
    for (auto& thread : threads_) thread->fiber.start(enter, nullptr);
    throw;
  }
}

void Machine::run_block(const std::vector<size_t>& order) {
  shared.begin(grid_, options().shared_limit);
  states_.clear();
  error_ = nullptr;
  for (size_t t = 0; t < n_; ++t) threads_[t]->state = State::ready;
  for (;;) {
    bool ran = false;
    size_t ended = 0, at_barrier = 0;
    for (const size_t t : order) {
      Thread& thread = *threads_[t];
      if (thread.state == State::waiting && thread.done(thread.subject)) thread.state = State::ready;
      if (thread.state == State::ready) {
        current_ = t;
        place.thread = thread.index;
        thread.fiber.resume();
        ran = true;
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
      }
      ended += thread.state == State::ended;
      at_barrier += thread.state == State::at_barrier;
    }
    if (ended == n_) break;
    if (at_barrier == n_)
      for (size_t t = 0; t < n_; ++t) threads_[t]->state = State::ready;
    else if (!ran)
      stuck(at_barrier);
  }
  end_block();
}

void Machine::end_block() {
  place.thread = {0, 0, 0};
  shared.end();
  for (const auto& [key, state] : states_) state->ended();
}

/// No thread can continue: reports which threads wait for what.
void Machine::stuck(size_t at_barrier) {
  const auto first = [&](State state) {
    return static_cast<size_t>(std::find_if(threads_.begin(),
                                            threads_.begin() + static_cast<std::ptrdiff_t>(n_),
                                            [&](const auto& t) { return t->state == state; }) -
                               threads_.begin());
  };
  if (const size_t waits = first(State::waiting); waits < n_) {
    place.thread = threads_[waits]->index;
    failed_here(std::string("waits forever for ") + threads_[waits]->what);
  }
  const size_t warped = first(State::in_warp);
  if (warped == n_) {
    place.thread = threads_[first(State::at_barrier)]->index;
    failed_here("waits with " + std::to_string(at_barrier) + " of " + std::to_string(n_) +
                " threads at __syncthreads, but thread " + text_of(threads_[first(State::ended)]->index) +
                " has ended and never reaches it");
  }
  const Thread& waiting = *threads_[warped];
  place.thread = waiting.index;
  for (size_t lane = 0; lane < 32; ++lane) {
    if (!(waiting.mask >> lane & 1)) continue;
    const Thread& other = *threads_[warped / 32 * 32 + lane];
    const char* doing = other.state == State::ended                                ? "has ended"
                        : other.state == State::at_barrier                         ? "waits at __syncthreads"
                        : other.work != waiting.work || other.mask != waiting.mask ? other.what
                                                                                   : nullptr;
    if (doing)
      failed_here(std::string("waits in ") + waiting.what + " for lane " + std::to_string(lane) +
                  " of its warp, which " + (other.state == State::in_warp ? "is elsewhere, in " : "") +
                  doing);
  }
  failed_here(std::string("waits in ") + waiting.what + " forever");
}

void Machine::wait(State state) {
  Thread& self = *threads_[current_];
  self.state = state;
  self.fiber.yield();
}

void Machine::barrier() { wait(State::at_barrier); }

void Machine::until(bool (*done)(const void*), const void* subject, const char* what) {
  if (done(subject)) return;
  Thread& self = *threads_[current_];
  self.done = done;
  self.subject = subject;
  self.what = what;
  wait(State::waiting);
}

void Machine::together(uint32_t mask, const char* what, void* mine, WarpWork work) {
  Thread& self = *threads_[current_];
  const size_t first = current_ / 32 * 32, lane = current_ - first;
  if (!(mask >> lane & 1)) failed_here(std::string(what) + ": this lane is not in the mask");
  if (first + 32 > n_ && mask >> (n_ - first) != 0)
    failed_here(std::string(what) + ": the mask has lanes beyond the block's " + std::to_string(n_) +
                " threads");
  self.mask = mask;
  self.what = what;
  self.mine = mine;
  self.work = work;
  self.state = State::in_warp;
  for (size_t i = 0; i < 32; ++i) {
    if (!(mask >> i & 1)) continue;
    const Thread& other = *threads_[first + i];
    if (other.state != State::in_warp || other.mask != mask || other.work != work) return self.fiber.yield();
  }
  void* lanes[32] = {};
  for (size_t i = 0; i < 32; ++i)
    if (mask >> i & 1) {
      lanes[i] = threads_[first + i]->mine;
      threads_[first + i]->state = State::ready;
    }
  work(lanes, mask);
}

BlockState& Machine::state(const void* key, std::unique_ptr<BlockState> (*make)()) {
  for (const auto& [of, state] : states_)
    if (of == key) return *state;
  return *states_.emplace_back(key, make()).second;
}

}  // namespace

Options& options() {
  static Options now;
  return now;
}

void run_kernel(const char* name, const Grid& grid, const std::function<void()>& body) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  machine().run(name, grid, body);
}

void block_barrier() { machine().barrier(); }
void warp_together(uint32_t mask, const char* what, void* mine, WarpWork work) {
  machine().together(mask, what, mine, work);
}
void wait_until(bool (*done)(const void*), const void* subject, const char* what) {
  machine().until(done, subject, what);
}
void* block_shared(const void* key, size_t bytes) { return machine().shared.piece(key, bytes); }
void* dynamic_shared() { return machine().shared.dynamic(); }
size_t dynamic_shared_bytes() { return machine().shared.dynamic_bytes(); }
BlockState& block_state(const void* key, std::unique_ptr<BlockState> (*make)()) {
  return machine().state(key, make);
}
void kernel_failed(const char* why) { machine().failed_here(why); }
void misaligned(const void* address, size_t bytes, size_t alignment) {
  machine().failed_here("an access of " + std::to_string(bytes) + " bytes at an address that is " +
                        std::to_string(reinterpret_cast<uintptr_t>(address) % alignment) +
                        " bytes past a multiple of " + std::to_string(alignment));
}
const Place& place() { return machine().place; }

}  // namespace hewn::emulator
